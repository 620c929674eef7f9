//! What only the embedded IPAM has: tags, metadata and owners of records, excluded ranges, gateways, and groups that are
//! created and deleted, and plans.
//!
//! The store is the one that the provider has open, so that it has one writer. Over another IPAM these routes are
//! `not_supported`.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `records` | what every record has, in bodies and answers |
//! | `groups`, `subnets`, `ranges`, `addresses`, `plans`, `plan_allocations` | one kind of records each |

pub(super) mod addresses;
pub(super) mod groups;
pub(super) mod plan_allocations;
pub(super) mod plans;
pub(super) mod ranges;
pub(super) mod records;
pub(super) mod subnets;

use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use ipam_provider::Error;
use ipam_store::{Reading, SharedStore, StoreError, SubnetRecord, Writing};
use serde::Serialize;

use super::answer::tag_of;
use super::id::SubnetId;
use super::paths::Path;
use super::problem::{Code, Problem};
use crate::allocation::{Allocator, Failure};
use crate::http::state::shared;

pub(super) fn paths() -> Vec<Path> {
    [groups::paths(), subnets::paths(), ranges::paths(), addresses::paths(), plans::paths(), plan_allocations::paths()]
        .into_iter()
        .flatten()
        .collect()
}

/// An embedded IPAM that is open.
pub(crate) trait Embedded: fmt::Debug + Send + Sync {
    /// Its store.
    fn store(&self) -> &SharedStore;
}

#[cfg(feature = "internal")]
impl Embedded for ipam_provider_internal::Internal {
    fn store(&self) -> &SharedStore {
        self.store()
    }
}

/// The store of the embedded IPAM, and the allocator over it.
pub(super) struct Store {
    embedded: Arc<dyn Embedded>,
    allocator: Arc<Allocator>,
}

impl FromRequest for Store {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let serving = shared(request).serving();
        let allocator = serving.allocator.clone();
        let missing = || {
            let text = "Only the embedded IPAM has this, and the proxy is not over one, or over several";
            Problem::new(Code::NotSupported, text)
        };
        ready(serving.api.embedded.clone().map(|embedded| Self { embedded, allocator }).ok_or_else(missing))
    }
}

impl Store {
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.embedded.store().read_few(work).await.map_err(problem)
    }

    /// What was free before may not be now.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let written = self.embedded.store().write(work).await.map_err(problem);
        self.allocator.drop_candidates();
        written
    }
}

/// The store's failure as a problem: with a code of its own where a caller acts on it.
fn problem(error: StoreError) -> Problem {
    let code = match &error {
        StoreError::Overlap { .. } => Code::Overlap,
        StoreError::NotEmpty { .. }
        | StoreError::NoContainer { .. }
        | StoreError::AddressTaken { .. }
        | StoreError::PoolInUse { .. } => Code::InUse,
        StoreError::NoSpace { .. } => Code::Exhausted,
        StoreError::Outside { .. } => Code::NotInSubnet,
        StoreError::NotOfferable { .. } => Code::NotOfferable,
        StoreError::Invalid(_) => Code::Invalid,
        StoreError::GroupExists(_)
        | StoreError::PlanExists(_)
        | StoreError::SubnetExists(_)
        | StoreError::ExternalIdTaken(_) => Code::Conflict,
        StoreError::NoGroup(_)
        | StoreError::NoPlan(_)
        | StoreError::NoPool { .. }
        | StoreError::NoPlanAllocation(_)
        | StoreError::NoSubnet(_)
        | StoreError::NoAddress { .. }
        | StoreError::NoRange { .. } => Code::NotFound,
        _ => return Failure::from(Error::from(error)).into(),
    };
    Problem::new(code, error.to_string())
}

/// The subnet of an id, within a transaction.
fn subnet(reading: &Reading<'_>, id: &SubnetId) -> Result<SubnetRecord, StoreError> {
    reading.one_subnet(id.prefix, &id.group.clone().into())
}

/// What the record must still be, by `If-Match` (RFC 9110, section 13.1.1).
#[derive(Debug, Clone)]
pub(super) struct Expected(Option<String>);

impl FromRequest for Expected {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let value = request.headers().get(IF_MATCH).map(|value| value.to_str().map(str::to_owned));
        let wrong = |_| Problem::invalid("If-Match", "The header If-Match cannot be read");
        ready(value.transpose().map(Self).map_err(wrong))
    }
}

impl Expected {
    /// Is it the record that the caller has seen?
    pub(super) fn is_met_by(&self, record: &impl Serialize) -> bool {
        let Some(expected) = &self.0 else { return true };
        let tag = tag_of(&text(record));
        expected.split(',').map(str::trim).any(|own| own == "*" || own == tag)
    }
}

/// The problem of a record that is not the expected one.
pub(super) fn changed() -> Problem {
    Problem::new(Code::PreconditionFailed, "The record has changed since it was read; read it again")
}

/// A record that was made or changed, with its tag.
pub(super) fn written(mut answer: actix_web::HttpResponseBuilder, record: &impl Serialize) -> HttpResponse {
    let body = text(record);
    let tag = tag_of(&body);
    answer.insert_header((ETAG, tag)).content_type(actix_web::http::header::ContentType::json()).body(body)
}

fn text(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("shapes of texts and numbers are JSON")
}
