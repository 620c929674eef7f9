//! Which of the free addresses is taken, among those that the IPAM calls free.

use std::net::IpAddr;
use std::time::Duration;

use ipam_provider::Prefix;
use moka::sync::Cache;

use super::candidates::{Batch, Width};
use super::holds::{Scope, Space};

/// More subnets' last allocations are not remembered at once.
const REMEMBERED_AT_MOST: u64 = 100_000;

/// A subnet that nothing was allocated from for so long begins at its lowest address again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);

/// The order in which free addresses are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// The lowest first.
    Lowest,
    /// Those above this address first, then the lowest.
    After(Option<IpAddr>),
    /// In any order.
    Random,
}

impl Choice {
    /// How many candidates it needs.
    pub(super) fn width(self) -> Width {
        match self {
            Self::Lowest => Width::Narrow,
            Self::After(_) | Self::Random => Width::Window,
        }
    }

    /// The candidates in this order.
    pub(super) fn among(self, batch: &Batch) -> Box<dyn Iterator<Item = IpAddr> + Send + '_> {
        match self {
            Self::Lowest | Self::After(None) => Box::new(batch.left()),
            Self::After(Some(last)) => {
                let above = batch.left().skip_while(move |address| *address <= last);
                Box::new(above.chain(batch.left().take_while(move |address| *address <= last)))
            }
            Self::Random => {
                let mut left: Vec<IpAddr> = batch.left().collect();
                Box::new(std::iter::from_fn(move || {
                    let index = (!left.is_empty()).then(|| fastrand::usize(..left.len()))?;
                    Some(left.swap_remove(index))
                }))
            }
        }
    }

    /// The same order of addresses that are not in a batch.
    pub(super) fn order(self, mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        match self {
            Self::Lowest | Self::After(None) => {}
            Self::After(Some(last)) => {
                let above = addresses.partition_point(|address| *address <= last);
                addresses.rotate_left(above);
            }
            Self::Random => fastrand::shuffle(&mut addresses),
        }
        addresses
    }
}

/// The address that was last allocated in each subnet, as far as this process has done it.
#[derive(Debug)]
pub(super) struct LastAllocated(Cache<(Space, Prefix), IpAddr>);

impl Default for LastAllocated {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED_AT_MOST).time_to_idle(FORGOTTEN_AFTER).build())
    }
}

impl LastAllocated {
    pub(super) fn note(&self, scope: &Scope, address: IpAddr) {
        self.0.insert((scope.space.clone(), scope.prefix), address);
    }

    pub(super) fn get(&self, scope: &Scope) -> Option<IpAddr> {
        self.0.get(&(scope.space.clone(), scope.prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_last_one_come_those_above_and_then_the_lowest() {
        let addresses = |last: &[u8]| last.iter().map(|last| IpAddr::from([10, 0, 0, *last])).collect::<Vec<_>>();
        let free = addresses(&[1, 3, 5, 9]);
        let after = |last| Choice::After(Some([10, 0, 0, last].into())).order(free.clone());
        assert_eq!(after(3), addresses(&[5, 9, 1, 3]));
        assert_eq!(after(4), addresses(&[5, 9, 1, 3]));
        assert_eq!(after(9), free, "above it there is none");
        assert_eq!(Choice::After(None).order(free.clone()), free);
        let mut shuffled = Choice::Random.order(free.clone());
        shuffled.sort_unstable();
        assert_eq!(shuffled, free);
    }
}
