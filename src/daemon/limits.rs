//! The limit on open files, each connection being one.

use std::io;

/// Raises the soft limit on open files to the hard one, which is the administrator's, and returns it. The soft limit is
/// usually 1024, for programs that use select(2); we do not.
///
/// # Errors
///
/// When the operating system refuses; the limit stays as it was.
pub(crate) fn raise_open_files() -> io::Result<u64> {
    rlimit::increase_nofile_limit(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let (_, hard) = rlimit::Resource::NOFILE.get().expect("limits");
        // A lower one first, so that there is something to raise.
        rlimit::Resource::NOFILE.set(hard.min(1024), hard).expect("lowered");
        let raised = raise_open_files().expect("raised");
        assert_eq!((raised, hard), (hard, rlimit::Resource::NOFILE.get().expect("limits").0));
    }
}
