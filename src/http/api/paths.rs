//! What a resource's file says of its paths.

use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{HttpServiceFactory, ServiceRequest};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::{FromRequest, Handler, HttpResponse, Responder, Route, web};

use super::access::{self, Demand};
use super::problem::Problem;
use crate::caller::Role;
use crate::http::route;

/// A success on this path shows that the IPAM works.
pub(super) struct AsksIpam;

/// One path below `/api/v1`, with its methods.
pub(super) struct Path {
    path: &'static str,
    methods: Vec<Offered>,
    asks_ipam: bool,
}

struct Offered {
    method: Method,
    demand: Demand,
    route: Route,
}

impl Path {
    /// A path such as `/holds/{hold}`.
    pub(super) fn new(path: &'static str) -> Self {
        Self { path, methods: Vec::new(), asks_ipam: false }
    }

    /// A success on it shows that the IPAM works: it is not answered from memory.
    pub(super) fn asking_ipam(self) -> Self {
        Self { asks_ipam: true, ..self }
    }

    /// GET, and HEAD alike, by a handler without side effects, for callers with this role.
    pub(super) fn get<F, Args>(self, role: Role, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(Method::GET, Demand::Role(role), route::get().to(handler))
    }

    /// GET for everybody: the answer must say nothing of the site.
    pub(super) fn get_open<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(Method::GET, Demand::Nothing, route::get().to(handler))
    }

    /// DELETE, for callers with this role.
    pub(super) fn delete<F, Args>(self, role: Role, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(Method::DELETE, Demand::Role(role), web::delete().to(handler))
    }

    /// Another method, for callers with this role.
    pub(super) fn on<F, Args>(self, method: Method, role: Role, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.with(method.clone(), Demand::Role(role), web::method(method).to(handler))
    }

    fn with(mut self, method: Method, demand: Demand, route: Route) -> Self {
        self.methods.push(Offered { method, demand, route });
        self
    }

    /// The path.
    #[cfg(test)]
    pub(super) fn path(&self) -> &'static str {
        self.path
    }

    /// Its methods, with what each demands.
    #[cfg(test)]
    pub(super) fn methods(&self) -> impl Iterator<Item = (&Method, Demand)> {
        self.methods.iter().map(|offered| (&offered.method, offered.demand))
    }

    /// The resource that answers on the path. Who calls is looked at before anything else, so that a caller that is not known
    /// learns nothing.
    pub(super) fn resource(self) -> impl HttpServiceFactory {
        let names = self.methods.iter().flat_map(|offered| match offered.method {
            Method::GET => vec!["GET", "HEAD"],
            _ => vec![offered.method.as_str()],
        });
        let known = names.collect::<Vec<_>>().join(", ");
        let demands: Rc<[(Method, Demand)]> =
            self.methods.iter().map(|offered| (offered.method.clone(), offered.demand)).collect();
        let demanding = move |request: ServiceRequest, next: Next<BoxBody>| {
            let demand = demand_of(&demands, request.method());
            access::demand(request, next, demand)
        };
        let refused = move || {
            let problem = Problem::method_not_allowed(&known);
            async { Err::<HttpResponse, _>(problem) }
        };
        let mut resource = route::at::<Problem>(self.path, &[]).default_service(web::route().to(refused));
        if self.asks_ipam {
            resource = resource.app_data(AsksIpam);
        }
        let resource = self.methods.into_iter().fold(resource, |resource, offered| resource.route(offered.route));
        resource.wrap(from_fn(demanding))
    }
}

/// What a request with this method demands. One that the path does not know is refused to callers that are known only, unless
/// everything here is for everybody.
fn demand_of(demands: &[(Method, Demand)], method: &Method) -> Demand {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let demanded = demands.iter().find(|(known, _)| known == method).map(|(_, demand)| *demand);
    let is_open = demands.iter().all(|(_, demand)| *demand == Demand::Nothing);
    demanded.unwrap_or(if is_open { Demand::Nothing } else { Demand::Role(Role::Reader) })
}
