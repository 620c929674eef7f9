//! Whether a connection has a request under way.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use actix_web::HttpRequest;

use super::arrivals::Newcomer;

/// What the requests of a connection and its stream know of each other. Both are on one thread.
#[derive(Debug)]
pub(super) struct Activity {
    under_way: Cell<usize>,
    /// Until the first request.
    newcomer: RefCell<Option<Newcomer>>,
}

impl Activity {
    /// Of a connection that has just been accepted.
    pub(super) fn new(newcomer: Newcomer) -> Rc<Self> {
        Rc::new(Self { under_way: Cell::new(0), newcomer: RefCell::new(Some(newcomer)) })
    }

    /// Is a request being answered?
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.get() > 0
    }

    /// A request is being answered for as long as the value lives.
    pub(super) fn begin(self: &Rc<Self>) -> UnderWay {
        self.newcomer.take();
        self.under_way.set(self.under_way.get() + 1);
        UnderWay(Rc::clone(self))
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(in crate::http) struct UnderWay(Rc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
    }
}

/// Marks the request's connection as busy for as long as the value lives.
pub(in crate::http) fn begin_request(request: &HttpRequest) -> Option<UnderWay> {
    request.conn_data::<Rc<Activity>>().map(Activity::begin)
}
