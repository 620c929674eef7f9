//! The store of the embedded IPAM that is open, as an argument of handlers.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use ipam_provider::Error;
use ipam_store::{Reading, StoreError, SubnetRecord, Writing};

use crate::allocation::{Allocator, Failure};
use crate::http::api::door::Embedded;
use crate::http::api::id::SubnetId;
use crate::http::api::problem::{Code, Problem};
use crate::http::state::shared;

/// The store of the embedded IPAM, and the allocator over it.
pub(in crate::http::api) struct Store {
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
pub(super) fn subnet(reading: &Reading<'_>, id: &SubnetId) -> Result<SubnetRecord, StoreError> {
    reading.one_subnet(id.prefix, &id.group.clone().into())
}
