//! Listing: the records of a subnet as the IPAM has them, page by page.

use ipam_provider::{ErrorKind, ListReservations, Prefix, ReservationPage};

use super::Failure;
use super::allocator::Allocator;
use super::lookup::GroupChoice;

impl Allocator {
    /// One page of the records of the subnet that is meant. The first page is asked for without `from`, each further one
    /// with the `next` of the page before. Holds do not count.
    ///
    /// # Errors
    /// As [`subnet`](Self::subnet), or what the provider fails with; [`Unsupported`](ErrorKind::Unsupported) for an IPAM that
    /// does not [list its records](ListReservations), and [`Rejected`](ErrorKind::Rejected) for a `from` of no page.
    pub async fn reservations(
        &self,
        prefix: Prefix,
        group: &GroupChoice,
        from: Option<&str>,
        at_most: usize,
    ) -> Result<ReservationPage, Failure> {
        self.in_time(async {
            let subnet = self.lookup.subnet(self.provider(), prefix, group).await?;
            match subnet.provider().list(&subnet, from, at_most).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let subnet = self.look_up_again(&subnet, group).await?;
                    Ok(subnet.provider().list(&subnet, from, at_most).await?)
                }
                outcome => Ok(outcome?),
            }
        })
        .await
    }
}
