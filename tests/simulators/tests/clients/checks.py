"""What the scripts have in common."""

import faulthandler
import sys
import warnings

# A library that waits without end must not stop the tests.
faulthandler.dump_traceback_later(120, exit=True)

# The simulators' certificates are not verified, and each library would warn of it.
warnings.filterwarnings("ignore", message="Unverified HTTPS request")



def expect(actual, expected, what):
    """Ends the script unless both are equal."""
    if actual != expected:
        sys.exit(f"{what}: {actual!r} in place of {expected!r}")


def refused(call, error, what):
    """Ends the script unless the call fails with this class of error; returns the error."""
    try:
        answer = call()
    except error as refusal:
        return refusal
    sys.exit(f"{what} is not refused: {answer!r}")
