//! `/allocations`: addresses that are chosen and reserved in one call.

use actix_web::http::header::ContentType;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse};
use ipam_provider::{GroupName, Mac, Requester, check_hostname};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Access;
use super::body::{Body, WholeBody};
use super::id::{AddressId, SubnetId};
use super::idempotency::{self, Beginning};
use super::params::Params;
use super::paths::Path;
use super::problem::{Code, Problem, ProblemBody};
use super::subnets::expect_same;
use crate::allocation::{ALLOCATED_AT_MOST, Added, AllocationRequest, Failure, Rehearsed, Strategy, leaves_unknown};
use crate::caller::Role;
use crate::http::state::Now;

/// No more candidate subnets are named in one request.
const SUBNETS_AT_MOST: usize = 64;

/// Owner and description are no longer than this together.
const REMARK_AT_MOST: usize = 255;

pub(super) fn paths() -> Vec<Path> {
    vec![
        Path::new("/allocations").asking_ipam().on(Method::POST, Role::Operator, allocate),
        Path::new("/allocations/{id}").asking_ipam().get(Role::Reader, show).delete(Role::Operator, release),
    ]
}

/// What is to be allocated.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AllocationRequest, example = json!({
    "subnets": ["MTkyLjAuMi4wLzI0IFByb2R1Y3Rpb24"], "strategy": "next", "count": 1, "owner": "port 4f1c",
    "mac": "00:00:5e:00:53:07", "hostname": "web7.example.com", "description": "Web server",
}))]
pub(super) struct Wanted {
    /// The ids of candidate subnets, 1 to 64, in order: the first that is not full is taken. An address that is given is looked
    /// for in the first subnet that contains it.
    subnets: Vec<String>,
    /// The address, if it must be this one. It may have been released just before.
    #[serde(default)]
    address: Option<String>,
    /// Which address, if none is given; `lowest` unless said otherwise.
    #[serde(default)]
    strategy: Option<Chosen>,
    /// How many addresses, 1 to 256: all of them or none.
    #[serde(default)]
    count: Option<usize>,
    /// Who the address is for. It goes into the description in the IPAM, before `description`.
    #[serde(default)]
    owner: Option<String>,
    /// The MAC for the record in the IPAM.
    #[serde(default)]
    mac: Option<String>,
    /// The host name for the record in the IPAM.
    #[serde(default)]
    hostname: Option<String>,
    /// The description for the record in the IPAM, where it comes after the proxy's mark.
    #[serde(default)]
    description: Option<String>,
}

/// Which of the free addresses is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Chosen {
    /// The lowest.
    Lowest,
    /// The next one above the last one that the proxy has allocated in the subnet, among the 1000 lowest; the lowest again
    /// above the highest of these.
    Next,
    /// One of the 1000 lowest.
    Random,
}

/// An address that is allocated.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "MTkyLjAuMi43IDE5Mi4wLjIuMC8yNCBQcm9kdWN0aW9u", "address": "192.0.2.7", "prefix": "192.0.2.0/24",
    "subnet": "MTkyLjAuMi4wLzI0IFByb2R1Y3Rpb24", "group": "Production", "mac": "00:00:5e:00:53:07",
    "hostname": "web7.example.com",
}))]
pub(super) struct Allocation {
    /// Opaque, and the same as long as address, prefix and group are.
    id: String,
    /// The address.
    address: String,
    /// The subnet's prefix.
    prefix: String,
    /// The subnet's id.
    subnet: String,
    /// The subnet's group; null for a subnet outside of groups.
    group: Option<String>,
    /// The MAC in the record.
    mac: Option<String>,
    /// The host name in the record.
    hostname: Option<String>,
}

/// All that one request has allocated.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"items": [{
    "id": "MTkyLjAuMi43IDE5Mi4wLjIuMC8yNCBQcm9kdWN0aW9u", "address": "192.0.2.7", "prefix": "192.0.2.0/24",
    "subnet": "MTkyLjAuMi4wLzI0IFByb2R1Y3Rpb24", "group": "Production", "mac": null, "hostname": null,
}]}))]
pub(super) struct Allocated {
    /// As many as were asked for.
    items: Vec<Allocation>,
}

impl Allocation {
    fn new(id: &AddressId, mac: Option<Mac>, hostname: Option<String>) -> Self {
        Self {
            id: id.text(),
            address: id.address.to_string(),
            prefix: id.subnet.prefix.to_string(),
            subnet: id.subnet.text(),
            group: id.subnet.group.as_ref().map(GroupName::to_string),
            mac: mac.map(|mac| mac.to_string()),
            hostname,
        }
    }

    fn of(added: &Added) -> Self {
        let subnet = SubnetId::new(added.prefix(), added.group());
        let by = added.by();
        Self::new(&AddressId { subnet, address: added.address() }, by.mac, by.hostname.clone())
    }

    fn rehearsed(rehearsed: &Rehearsed, by: &Requester) -> Self {
        let subnet = SubnetId::new(rehearsed.prefix, rehearsed.group.as_ref());
        Self::new(&AddressId { subnet, address: rehearsed.address }, by.mac, by.hostname.clone())
    }
}

impl Wanted {
    fn request(&self, access: &Access) -> Result<AllocationRequest, Problem> {
        if !(1..=SUBNETS_AT_MOST).contains(&self.subnets.len()) {
            return Err(Problem::invalid("subnets", format!("Name 1 to {SUBNETS_AT_MOST} subnets by their ids")));
        }
        let mut subnets = Vec::new();
        for (index, text) in self.subnets.iter().enumerate() {
            let id = SubnetId::parse(text).ok_or_else(|| {
                let text = "This is not the id of a subnet; take ids from the answers of this API";
                Problem::invalid(format!("subnets[{index}]"), text)
            })?;
            access.expect(id.group.as_ref())?;
            subnets.push((id.prefix, id.choice()));
        }
        let strategy = match (&self.address, self.strategy) {
            (Some(_), Some(_)) => {
                return Err(Problem::invalid("strategy", "An address is given; leave out the strategy"));
            }
            (Some(address), None) => Strategy::Address(address.parse().map_err(|_| {
                Problem::invalid(
                    "address",
                    "The address cannot be read; write IPv4 such as 10.1.2.3 or IPv6 such as 2001:db8::3",
                )
            })?),
            (None, None | Some(Chosen::Lowest)) => Strategy::Lowest,
            (None, Some(Chosen::Next)) => Strategy::Next,
            (None, Some(Chosen::Random)) => Strategy::Random,
        };
        let count = self.count.unwrap_or(1);
        let at_most = if self.address.is_some() { 1 } else { ALLOCATED_AT_MOST };
        if !(1..=at_most).contains(&count) {
            return Err(Problem::invalid("count", format!("The count must be a whole number from 1 to {at_most}")));
        }
        Ok(AllocationRequest { subnets, strategy, count, by: self.requester()? })
    }

    fn requester(&self) -> Result<Requester, Problem> {
        let parts = [&self.owner, &self.description].into_iter().flatten().map(|text| text.trim());
        let remark = parts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
        if remark.chars().count() > REMARK_AT_MOST || remark.contains(char::is_control) {
            let text = format!("Owner and description have up to {REMARK_AT_MOST} characters together, in one line");
            return Err(Problem::invalid("description", text));
        }
        Ok(Requester {
            mac: mac(self.mac.as_deref())?,
            hostname: hostname(self.hostname.as_deref())?,
            remark: Some(remark).filter(|remark| !remark.is_empty()),
            ..Requester::default()
        })
    }
}

/// A MAC in a body.
pub(super) fn mac(text: Option<&str>) -> Result<Option<Mac>, Problem> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|_| Problem::invalid("mac", "The MAC cannot be read; write 6 or 20 bytes such as 00:00:5e:00:53:07"))
}

/// A host name in a body.
pub(super) fn hostname(text: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(name) = text else { return Ok(None) };
    check_hostname(name).map_err(|error| Problem::invalid("hostname", error.to_string()))?;
    Ok(Some(name.to_owned()))
}

/// Without effects?
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Rehearse {
    /// `true`: answers what the request would come to now, and changes nothing: no hold, no record, nothing in the ledger.
    #[serde(default)]
    dry_run: bool,
}

/// Allocate addresses
///
/// The answer is final: the addresses are reserved in the IPAM, or none is. With the header `Idempotency-Key` the same request
/// can be sent again, and has the same answer for a day; without it each request is another allocation.
#[utoipa::path(
    post, path = "/allocations", tag = "Allocations", request_body = Wanted,
    params(
        Rehearse,
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, of this request alone"),
    ),
    responses(
        (status = 201, description = "The addresses are reserved", body = Allocated),
        (status = 200, description = "What would be allocated, with dry_run", body = Allocated),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn allocate(
    Body(wanted): Body<Wanted>,
    Params(Rehearse { dry_run }): Params<Rehearse>,
    access: Access,
    now: Now,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let meant = wanted.request(&access)?;
    if dry_run {
        let rehearsed = now.allocator.rehearse(&meant).await?;
        let items = rehearsed.iter().map(|rehearsed| Allocation::rehearsed(rehearsed, &meant.by)).collect();
        return Ok(HttpResponse::Ok().json(Allocated { items }));
    }
    let once = match idempotency::begin(&request, &now, &wanted).await? {
        Beginning::Do(once) => once,
        Beginning::Done(answer) => return Ok(answer),
    };
    let allocator = now.allocator.clone();
    let work = async move {
        match allocator.allocate_again(meant, once.attempt()).await {
            Ok(added) => {
                let items = added.iter().map(Allocation::of).collect();
                let answer = once.answered(StatusCode::CREATED, &Allocated { items }).await;
                Ok((added, answer))
            }
            Err(failure) => {
                once.failed(!leaves_unknown(&failure)).await;
                Err(Problem::from(failure))
            }
        }
    };
    let (added, answer): (Vec<Added>, String) = idempotency::to_its_end(work).await?;
    for added in added {
        // This thread does nothing else until actix has handed the answer to the system.
        actix_web::rt::spawn(added.answered());
    }
    Ok(HttpResponse::Created().content_type(ContentType::json()).body(answer))
}

/// Show an allocation
///
/// The IPAM is asked: an address that is not reserved is not found.
#[utoipa::path(
    get, path = "/allocations/{id}", tag = "Allocations",
    params(("id" = String, Path, description = "The allocation's id")),
    responses(
        (status = 200, description = "The allocation", body = Allocation),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(id: AddressId, access: Access, now: Now) -> Result<Json<Allocation>, Problem> {
    access.expect(id.subnet.group.as_ref())?;
    let found = now.allocator.inspect(id.subnet.prefix, &id.subnet.choice(), id.address).await?;
    expect_same(&found.subnet, &id.subnet)?;
    match found.reservation {
        Some(record) => Ok(Json(Allocation::new(&id, record.mac, record.hostname))),
        None => Err(Problem::new(Code::NotFound, format!("Address {} is not reserved", id.address))),
    }
}

/// Release an allocation
///
/// One that is not there is released already. The address is given to another host later, when no others are free, or when it
/// is asked for.
#[utoipa::path(
    delete, path = "/allocations/{id}", tag = "Allocations",
    params(("id" = String, Path, description = "The allocation's id")),
    responses(
        (status = 204, description = "The address is not reserved any more"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn release(_: WholeBody, id: AddressId, access: Access, now: Now) -> Result<HttpResponse, Problem> {
    access.expect(id.subnet.group.as_ref())?;
    let SubnetId { prefix, group } = &id.subnet;
    // Without a group, the record that is found may be one of a group.
    match now.allocator.subnet(*prefix, &id.subnet.choice()).await {
        Ok(found) if found.group != *group => return Ok(HttpResponse::NoContent().finish()),
        Ok(_) | Err(Failure::SubnetNotFound { .. } | Failure::GroupNotFound { .. }) => {}
        Err(failure) => return Err(failure.into()),
    }
    now.allocator.delete(*prefix, id.subnet.choice(), id.address).await?;
    Ok(HttpResponse::NoContent().finish())
}
