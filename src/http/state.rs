//! What the handlers share: what a reload may change, behind one pointer, and what stays for the life of the process.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use arc_swap::ArcSwap;

use super::api::door::Callers;
use super::foreman::contract::Contract;
use super::listener::Listener;
use crate::allocation::Allocator;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::names::Names;
use crate::orphans::Watch;
use crate::telemetry::Ring;
use crate::tls;
use crate::trust::Gate;

/// For the life of the process.
#[derive(Debug)]
pub(crate) struct Shared {
    serving: ArcSwap<Serving>,
    ring: Arc<Ring>,
    metrics: Arc<Metrics>,
    tls: Option<tls::Server>,
    orphans: Watch,
    trouble: Mutex<BTreeMap<&'static str, String>>,
    has_trouble: AtomicBool,
    is_stopping: AtomicBool,
}

/// What a reload of the settings replaces as a whole.
#[derive(Debug)]
pub(crate) struct Serving {
    /// Answers the calls.
    pub allocator: Arc<Allocator>,
    /// Records what they write; `None` where nothing is served.
    pub ledger: Option<Ledger>,
    /// Who may call.
    pub gate: Gate,
    /// All listeners that Foreman can reach.
    pub listeners: Vec<Listener>,
    /// What Foreman is offered on them.
    pub foreman: Contract,
    /// Where the names of hosts come from.
    pub names: Names,
    /// Who may use the management API.
    pub api: Callers,
}

impl Shared {
    /// State that serves this, with the log that `/logs` shows, what requests are counted in, and HTTPS, if it is served.
    pub(crate) fn new(serving: Serving, ring: Arc<Ring>, metrics: Arc<Metrics>, tls: Option<tls::Server>) -> Self {
        Self {
            serving: ArcSwap::from_pointee(serving),
            ring,
            metrics,
            tls,
            orphans: Watch::default(),
            trouble: Mutex::default(),
            has_trouble: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// What is served now.
    pub(crate) fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Serves something else from now on; requests under way go on with what they have.
    pub(crate) fn replace(&self, serving: Serving) {
        self.serving.store(Arc::new(serving));
    }

    /// The log that `/logs` shows.
    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// What the process counts.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// HTTPS, if it is served.
    pub(super) fn tls(&self) -> Option<&tls::Server> {
        self.tls.as_ref()
    }

    /// The process is about to end: answers that go on without an end are ended.
    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Is the process about to end?
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// What is known of orphans.
    pub(crate) fn orphans(&self) -> &Watch {
        &self.orphans
    }

    /// Notes what is wrong about a subject, or that it is well again; Foreman shows it on the proxy's page.
    pub(crate) fn set_trouble(&self, subject: &'static str, trouble: Option<String>) {
        // Well and staying well is what nearly every request says: that costs no lock.
        if trouble.is_none() && !self.has_trouble.load(Ordering::Relaxed) {
            return;
        }
        let mut all = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(text) => {
                all.insert(subject, text);
            }
            None => {
                all.remove(subject);
            }
        }
        self.has_trouble.store(!all.is_empty(), Ordering::Relaxed);
    }

    /// All that is wrong now, as one text.
    pub(crate) fn trouble(&self) -> Option<String> {
        let all = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = all.iter().map(|(subject, text)| format!("{subject}: {text}"));
        let serving = self.serving.load();
        let of_ipams = serving.allocator.provider().trouble();
        let of_holds = serving.allocator.holds().trouble().map(|text| format!("holds: {text}"));
        let of_ledger = serving.ledger.as_ref().and_then(Ledger::trouble);
        let orphans = self.orphans.trouble().map(|text| format!("orphans: {text}"));
        let texts: Vec<String> =
            of_ipams.into_iter().chain(texts).chain(of_holds).chain(of_ledger).chain(orphans).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }
}

/// The state, as an argument of handlers.
pub(super) struct Now(Arc<Serving>);

impl Deref for Now {
    type Target = Serving;

    fn deref(&self) -> &Serving {
        &self.0
    }
}

impl FromRequest for Now {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Ok(Self(shared(request).serving())))
    }
}

/// The state that the request's application has.
pub(super) fn shared(request: &HttpRequest) -> &Shared {
    request.app_data::<web::Data<Shared>>().expect("every application is made with the shared state")
}
