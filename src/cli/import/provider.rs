//! Addresses of Foreman's hosts into the IPAM of the settings, whichever it is, one after the other.

use std::net::IpAddr;

use ipam_provider::{Error, ErrorKind, GroupName, Provider, Requester, Reservation, Subnet};

use super::inventory::{ForemanSubnet, Inventory, difference, named};
use super::report::{Kind, Report};
use crate::allocation::GroupChoice;
use crate::app::{self, Purpose, Runtime};
use crate::cli::CommandError;
use crate::http::Serving;
use crate::settings::Settings;
use crate::telemetry::with_causes;

/// Imports all addresses. The subnets must be in the IPAM.
pub(super) async fn import(
    inventory: &Inventory,
    group: Option<GroupName>,
    is_dry_run: bool,
    settings: Settings,
) -> Result<Report, CommandError> {
    let purpose = if is_dry_run { Purpose::Check(None) } else { Purpose::Serve };
    let serving = app::serving(settings, &Runtime::beside(), purpose);
    let serving = serving.map_err(|error| CommandError::failed(with_causes(&error)))?;
    let mut import = Import { serving, group: GroupChoice::of(group), is_dry_run, report: Report::default() };
    for subnet in &inventory.subnets {
        if import.subnet(subnet).await.is_err() {
            break;
        }
    }
    Ok(import.report)
}

/// The IPAM cannot be worked with now; that is in the report.
struct Stopped;

struct Import {
    serving: Serving,
    group: GroupChoice,
    is_dry_run: bool,
    report: Report,
}

impl Import {
    async fn subnet(&mut self, wanted: &ForemanSubnet) -> Result<(), Stopped> {
        let found = match self.serving.allocator.subnet(wanted.prefix, &self.group).await {
            Ok(found) => found,
            Err(failure) => {
                let number = wanted.addresses.len();
                self.report.failed(Kind::Subnet, format!("{} and its addresses ({number}): {failure}", wanted.prefix));
                return Ok(());
            }
        };
        for (address, _, why) in wanted.excluded.iter().filter(|(first, last, _)| first == last) {
            if self.look(&found, *address).await?.is_none() && !wanted.addresses.contains_key(address) {
                self.report.differs(
                    Kind::Address,
                    format!(
                        "{address} is the {why}, and free in the IPAM; reserve it there, or a host may be given it"
                    ),
                );
            }
        }
        for (address, by) in &wanted.addresses {
            match self.look(&found, *address).await? {
                Some(Reservation { mac, hostname, .. }) => {
                    match difference(&Requester { mac, hostname, ..Requester::default() }, by) {
                        Some(difference) => self.report.differs(Kind::Address, format!("{address} {difference}")),
                        None => self.report.is_there(),
                    }
                }
                None => self.add(&found, *address, by).await?,
            }
        }
        Ok(())
    }

    /// What is recorded of an address.
    async fn look(&mut self, subnet: &Subnet, address: IpAddr) -> Result<Option<Reservation>, Stopped> {
        let looked = self.provider().reservation(subnet, address).await;
        match looked {
            Ok(found) => Ok(found),
            Err(error) => Err(self.stop(address, &error)),
        }
    }

    async fn add(&mut self, subnet: &Subnet, address: IpAddr, by: &Requester) -> Result<(), Stopped> {
        let added = if self.is_dry_run { Ok(()) } else { self.provider().reserve(subnet, address, by).await };
        match added {
            Ok(()) => self.report.added(Kind::Address, format!("{address}  {}", named(by))),
            Err(error) if is_of_this_address(error.kind()) => {
                self.report.failed(Kind::Address, format!("{address}: {}", with_causes(&error)));
            }
            Err(error) => return Err(self.stop(address, &error)),
        }
        Ok(())
    }

    fn stop(&mut self, address: IpAddr, error: &Error) -> Stopped {
        let why = with_causes(error);
        self.report.failed(
            Kind::Address,
            format!("{address}: {why}; the import stops here, and can be repeated: what is recorded stays"),
        );
        Stopped
    }

    fn provider(&self) -> &dyn Provider {
        self.serving.allocator.provider()
    }
}

/// Is it only this address that the IPAM refuses, so that the next one may be taken?
fn is_of_this_address(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::AlreadyExists | ErrorKind::Rejected => true,
        ErrorKind::NotFound
        | ErrorKind::Unsupported
        | ErrorKind::Unauthenticated
        | ErrorKind::Unreachable
        | ErrorKind::Unavailable
        | ErrorKind::TimedOut
        | ErrorKind::Unexpected => false,
    }
}
