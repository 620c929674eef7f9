//! A hold in 26 bytes, and its address in 2, 4, 8 or 16 more.
//!
//! What is rounded is rounded so that no promise gets shorter and no knowledge fresher: times to a hundredth of a second
//! upwards, the time of the IPAM's word to a quarter of a second downwards, the end of what the journal has to four
//! seconds downwards. Each is rounded to a grid that does not move, so that packing what was unpacked changes nothing.

use ipam_provider::Mac;

use super::Timestamp;
use super::hold::{Hold, HoldState, RequestMark};
use super::sorted::Keyed;

/// Milliseconds in the unit of `granted` and `life`.
const TICK: u64 = 10;

/// The latest time that can be told, in ticks: in the year 2318.
const LATEST: u64 = (1 << 40) - 1;

/// The longest time from grant to end, in ticks: 46 hours. A hold lives a day at most; should it be prolonged again and
/// again, it looks younger than it is.
const LONGEST_LIFE: u64 = (1 << 24) - 1;

/// The highest number of an event: enough for 300 years at a million a second.
pub(super) const LAST_EVENT: u64 = (1 << 48) - 1;

/// Milliseconds in the unit of `confirmed`.
const CONFIRMED_UNIT: u64 = 250;

/// Milliseconds in the unit of `journaled`.
const JOURNALED_UNIT: u64 = 4000;

/// In `confirmed`: longer ago than matters.
const NEVER: u8 = u8::MAX;

/// In the four bits of `journaled`: the journal does not cover the promise.
const NOT_COVERED: u8 = 15;

const ETHERNET: usize = 6;

/// An address and its hold. `N` bytes of the address tell it from all others of its subnet.
///
/// Made of bytes only, so that it needs no padding; numbers have their highest byte first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed<const N: usize> {
    address: [u8; N],
    mac: [u8; ETHERNET],
    /// From the lowest bit: two for the state, two for the kind of MAC, four that say how long after the end of the promise
    /// the journal's ends.
    flags: u8,
    request: [u8; 4],
    sequence: [u8; 6],
    granted: [u8; 5],
    life: [u8; 3],
    /// How long before the grant the IPAM called the address free.
    confirmed: u8,
}

/// Where the MAC is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MacKind {
    /// There is none.
    None,
    /// It is in the packed hold.
    Ethernet,
    /// It is too long, and kept elsewhere.
    Long,
}

/// By what the flags say. A fourth kind does not occur.
const MAC_KINDS: [MacKind; 4] = [MacKind::None, MacKind::Ethernet, MacKind::Long, MacKind::None];
const STATES: [HoldState; 4] = [HoldState::Offered, HoldState::Adding, HoldState::Unanswered, HoldState::Reserved];

impl<const N: usize> Keyed for Packed<N> {
    type Key = [u8; N];

    fn key(&self) -> [u8; N] {
        self.address
    }
}

impl<const N: usize> Packed<N> {
    pub(super) fn new(address: [u8; N], hold: &Hold) -> Self {
        let until = hold.until.0.div_ceil(TICK).min(LATEST);
        let granted = hold.granted.0.div_ceil(TICK).clamp(until.saturating_sub(LONGEST_LIFE), until);
        let (mac, mac_kind) = match hold.mac {
            None => ([0; ETHERNET], MacKind::None),
            Some(mac) => match mac.as_bytes().try_into() {
                Ok(bytes) => (bytes, MacKind::Ethernet),
                Err(_) => ([0; ETHERNET], MacKind::Long),
            },
        };
        let journaled = match hold.journaled.0 / JOURNALED_UNIT * JOURNALED_UNIT {
            covered if until * TICK <= covered => units(until * TICK, covered, JOURNALED_UNIT).min(NOT_COVERED - 1),
            _ => NOT_COVERED,
        };
        Self {
            address,
            mac,
            flags: hold.state as u8 | (mac_kind as u8) << 2 | journaled << 4,
            request: hold.request.map_or(0, RequestMark::get).to_be_bytes(),
            sequence: low(hold.sequence.min(LAST_EVENT)),
            granted: low(granted),
            life: low(until - granted),
            confirmed: units(hold.confirmed.0, granted * TICK, CONFIRMED_UNIT),
        }
    }

    pub(super) fn until(&self) -> Timestamp {
        Timestamp((number(self.granted) + number(self.life)) * TICK)
    }

    /// When the hold was granted, among all events.
    pub(super) fn sequence(&self) -> u64 {
        number(self.sequence)
    }

    pub(super) fn state(&self) -> HoldState {
        STATES[usize::from(self.flags & 3)]
    }

    /// The MAC; one that is too long is looked up.
    pub(super) fn mac(&self, long: impl FnOnce() -> Option<Mac>) -> Option<Mac> {
        match self.mac_kind() {
            MacKind::None => None,
            MacKind::Ethernet => Mac::from_bytes(&self.mac),
            MacKind::Long => long(),
        }
    }

    fn mac_kind(&self) -> MacKind {
        MAC_KINDS[usize::from(self.flags >> 2 & 3)]
    }

    pub(super) fn has_long_mac(&self) -> bool {
        self.mac_kind() == MacKind::Long
    }

    /// The hold, as far as it was not rounded.
    pub(super) fn hold(&self, long: impl FnOnce() -> Option<Mac>) -> Hold {
        let (granted, until) = (number(self.granted) * TICK, self.until());
        let confirmed = match self.confirmed {
            NEVER => 0,
            units => (granted / CONFIRMED_UNIT).saturating_sub(units.into()) * CONFIRMED_UNIT,
        };
        let journaled = match self.flags >> 4 {
            NOT_COVERED => 0,
            units => (until.0 / JOURNALED_UNIT + u64::from(units)) * JOURNALED_UNIT,
        };
        Hold {
            mac: self.mac(long),
            state: self.state(),
            granted: Timestamp(granted),
            until,
            request: Some(number(self.request)).filter(|mark| *mark != 0).map(RequestMark::of),
            sequence: self.sequence(),
            confirmed: Timestamp(confirmed),
            journaled: Timestamp(journaled),
        }
    }
}

/// How many units of time lie between two times, as far as a byte can tell.
fn units(from: u64, to: u64, unit: u64) -> u8 {
    u8::try_from((to / unit).saturating_sub(from / unit)).unwrap_or(NEVER)
}

/// The lowest bytes of a number, highest first.
pub(super) fn low<const BYTES: usize>(number: u64) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes.copy_from_slice(&number.to_be_bytes()[size_of::<u64>() - BYTES..]);
    bytes
}

fn number<const BYTES: usize>(bytes: [u8; BYTES]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hold_takes_26_bytes_and_its_address() {
        assert_eq!([size_of::<Packed<2>>(), size_of::<Packed<16>>()], [28, 42]);
    }

    fn macs() -> impl Strategy<Value = Option<Mac>> {
        let of = |length| prop::collection::vec(any::<u8>(), length).prop_map(|bytes| Mac::from_bytes(&bytes));
        prop_oneof![Just(None), of(6), of(20)]
    }

    fn states() -> impl Strategy<Value = HoldState> {
        use HoldState::{Adding, Offered, Reserved, Unanswered};
        prop::sample::select(vec![Offered, Adding, Unanswered, Reserved])
    }

    prop_compose! {
        /// What rules and clock make: a life of a day at most, confirmed before the grant, journaled a minute beyond.
        fn holds()(
            mac in macs(),
            state in states(),
            granted in 1_700_000_000_000..9_000_000_000_000_u64,
            life in 0..86_400_000_u64,
            request in prop::option::of(any::<u64>()),
            sequence in 0..=LAST_EVENT,
            confirmed in prop::option::of(0..=60_000_u64),
            journaled in prop::option::of(0..=60_000_u64),
        ) -> Hold {
            Hold {
                mac,
                state,
                granted: Timestamp(granted),
                until: Timestamp(granted + life),
                request: request.map(RequestMark::of),
                sequence,
                confirmed: confirmed.map_or(Timestamp(0), |before| Timestamp(granted - before)),
                journaled: journaled.map_or(Timestamp(0), |beyond| Timestamp(granted + life + beyond)),
            }
        }
    }

    fn unpack(packed: Packed<4>, mac: Option<Mac>) -> Hold {
        packed.hold(|| mac)
    }

    proptest! {
        #[test]
        fn a_packed_hold_promises_no_less_and_knows_no_more(hold in holds()) {
            let back = unpack(Packed::new([10, 0, 0, 1], &hold), hold.mac);
            prop_assert_eq!((back.mac, back.state, back.request, back.sequence), (hold.mac, hold.state, hold.request, hold.sequence));
            let within = |rounded: Timestamp, exact: Timestamp, by: u64| rounded >= exact && rounded.0 - exact.0 < by;
            prop_assert!(within(back.granted, hold.granted, TICK));
            prop_assert!(within(back.until, hold.until, TICK));
            prop_assert!(within(hold.confirmed, back.confirmed, CONFIRMED_UNIT));
            // A minute may be cut to 56 seconds.
            prop_assert!(back.journaled.0 == 0 || within(hold.journaled, back.journaled, 2 * JOURNALED_UNIT));
        }

        #[test]
        fn packing_again_changes_nothing(hold in holds()) {
            let once = unpack(Packed::new([10, 0, 0, 1], &hold), hold.mac);
            prop_assert_eq!(&unpack(Packed::new([10, 0, 0, 1], &once), hold.mac), &once);
        }

        #[test]
        fn absurd_times_end_when_they_said(granted in any::<u64>(), until in 0..=LATEST * TICK, other in any::<u64>()) {
            let hold = Hold {
                mac: None,
                state: HoldState::Offered,
                granted: Timestamp(granted),
                until: Timestamp(until),
                request: None,
                sequence: other,
                confirmed: Timestamp(other),
                journaled: Timestamp(other),
            };
            let back = unpack(Packed::new([10, 0, 0, 1], &hold), None);
            prop_assert!(back.until.0 >= until && back.until.0 - until < TICK && back.granted <= back.until);
        }
    }
}
