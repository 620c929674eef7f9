//! The document that describes the API (OpenAPI 3.1), made from the code.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::answer::tagged;
use super::door::API_PATH;
use super::paths::Path;
use super::{addresses, allocations, annotate, embedded, events, groups, holds, ledger, status, subnets};

pub(super) fn paths() -> Vec<Path> {
    vec![Path::new("/openapi.json").get_open(show)]
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "foreman-ipam-proxy",
        description = "Groups, subnets, addresses, holds and the ledger of every IPAM that the proxy is over.\n\n\
            A caller shows a token as `Authorization: Bearer`, or a client certificate that is listed in \
            `settings.d/api.yml`. Each has a role: a reader reads, an operator also allocates, annotates and releases, an admin \
            may do everything. A role may be limited to groups.\n\n\
            Lists come in pages: `next_cursor` is the `cursor` of the next page, whatever the number of items. Problems are \
            those of RFC 9457, with a `code` that programs can act on.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = API_PATH)),
    security(("token" = []), ("certificate" = [])),
    tags(
        (name = "Status", description = "How the proxy is, and what it is over."),
        (name = "Groups", description = "What one IPAM calls a section, another a VRF, a namespace or a network view."),
        (name = "Subnets", description = "The IPAM's records of prefixes."),
        (name = "Addresses", description = "What is recorded and held in a subnet."),
        (name = "Allocations", description = "Addresses that are chosen and reserved in one call."),
        (name = "Embedded IPAM", description = "What only the embedded IPAM has."),
        (name = "Plans", description = "Named sets of linked pools, from which prefixes are allocated. The embedded IPAM only."),
        (name = "Holds", description = "The proxy's short promises of addresses."),
        (name = "Ledger", description = "Who did what with which address, and when."),
    ),
    paths(
        status::show,
        groups::list,
        subnets::list,
        subnets::show,
        subnets::create,
        subnets::delete,
        addresses::list,
        addresses::show,
        annotate::annotate,
        allocations::allocate,
        embedded::groups::show,
        embedded::groups::create,
        embedded::groups::edit,
        embedded::groups::delete,
        embedded::subnets::show,
        embedded::subnets::edit,
        embedded::ranges::list,
        embedded::ranges::exclude,
        embedded::ranges::include,
        embedded::addresses::show,
        embedded::addresses::edit,
        embedded::plans::list,
        embedded::plans::create,
        embedded::plans::show,
        embedded::plans::edit,
        embedded::plans::delete,
        embedded::plans::calculate,
        embedded::plan_allocations::list,
        embedded::plan_allocations::allocate,
        embedded::plan_allocations::show,
        embedded::plan_allocations::edit,
        embedded::plan_allocations::release,
        allocations::show,
        allocations::release,
        holds::list,
        holds::release,
        ledger::list,
        events::list,
    ),
    modifiers(&Credentials),
)]
struct Document;

/// What a caller can show.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let token = token.description(Some("A token of `foreman-ipam-proxy token add`")).build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let description = Some("A client certificate that is listed in settings.d/api.yml".to_owned());
        components.add_security_scheme(
            "certificate",
            SecurityScheme::MutualTls { description, deprecated: None, extensions: None },
        );
    }
}

/// The document. Its server is relative, so that it fits whatever the address is that the API is reached at.
pub(super) static DOCUMENT: LazyLock<serde_json::Value> =
    LazyLock::new(|| serde_json::to_value(Document::openapi()).expect("the document is JSON"));

/// `GET /openapi.json`, for everybody: it is the same for each proxy of this version and says nothing of the site, and tools
/// fetch it without credentials.
async fn show(request: HttpRequest) -> HttpResponse {
    tagged(&request, &*DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::*;
    use crate::http::api::access::Demand;
    use crate::http::api::all_paths;

    fn object<'a>(value: &'a Value, key: &str) -> &'a serde_json::Map<String, Value> {
        value[key].as_object().unwrap_or_else(|| panic!("no object {key}"))
    }

    #[test]
    fn the_document_is_of_openapi_3_1_and_has_every_route_and_no_other() {
        assert!(DOCUMENT["openapi"].as_str().expect("a version").starts_with("3.1."), "{}", DOCUMENT["openapi"]);
        let described: BTreeSet<String> = object(&DOCUMENT, "paths")
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().expect("methods");
                methods.keys().map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let all = all_paths();
        // What needs no caller describes the rest, and is not described.
        let registered: BTreeSet<String> = all
            .iter()
            .flat_map(|path| path.methods().map(move |(method, demand)| (path.path(), method, demand)))
            .filter(|(.., demand)| *demand != Demand::Nothing)
            .map(|(path, method, _)| format!("{method} {path}"))
            .collect();
        assert_eq!(described, registered);
    }

    #[test]
    fn every_operation_can_be_read_about_and_fails_with_a_problem() {
        for (path, methods) in object(&DOCUMENT, "paths") {
            for (method, operation) in methods.as_object().expect("methods") {
                let place = format!("{method} {path}");
                assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{place}");
                let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
                assert_eq!(problem["$ref"], "#/components/schemas/ProblemBody", "{place}");
                let named: BTreeSet<&str> = path.split(['{', '}']).skip(1).step_by(2).collect();
                let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
                let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
                let in_path: BTreeSet<&str> =
                    in_path.map(|parameter| parameter["name"].as_str().expect("a name")).collect();
                assert_eq!(named, in_path, "{place}");
                for parameter in parameters {
                    assert!(parameter["description"].is_string(), "{place}: {parameter}");
                }
            }
        }
    }

    type Read = fn(&Value) -> Result<(), String>;

    /// Reads an example as the type that its schema is made from.
    fn reads<T: DeserializeOwned>(example: &Value) -> Result<(), String> {
        serde_json::from_value::<T>(example.clone()).map(drop).map_err(|error| error.to_string())
    }

    /// The shapes with examples. A schema that is not here fails the test.
    const EXAMPLES: &[(&str, Read)] = &[
        ("Address", reads::<addresses::Address>),
        ("AddressChange", reads::<embedded::addresses::AddressChange>),
        ("AddressDetails", reads::<embedded::addresses::AddressDetails>),
        ("Extras", reads::<embedded::records::Extras>),
        ("GroupChange", reads::<embedded::groups::GroupChange>),
        ("GroupDetails", reads::<embedded::groups::GroupDetails>),
        ("NewRange", reads::<embedded::ranges::NewRange>),
        ("Range", reads::<embedded::ranges::Range>),
        ("Ranges", reads::<embedded::ranges::Ranges>),
        ("Pool", reads::<embedded::plans::Pool>),
        ("PoolUse", reads::<embedded::plans::PoolUse>),
        ("PlanUse", reads::<embedded::plans::PlanUse>),
        ("Plan", reads::<embedded::plans::Plan>),
        ("NewPlan", reads::<embedded::plans::NewPlan>),
        ("PoolChange", reads::<embedded::plans::PoolChange>),
        ("PlanChange", reads::<embedded::plans::PlanChange>),
        ("CalculatedPrefix", reads::<embedded::plans::CalculatedPrefix>),
        ("Calculation", reads::<embedded::plans::Calculation>),
        ("PlanPrefix", reads::<embedded::plan_allocations::PlanPrefix>),
        ("PlanAllocation", reads::<embedded::plan_allocations::PlanAllocation>),
        ("PlanPreview", reads::<embedded::plan_allocations::PlanPreview>),
        ("NewAllocation", reads::<embedded::plan_allocations::NewAllocation>),
        ("AllocationChange", reads::<embedded::plan_allocations::AllocationChange>),
        ("SubnetChange", reads::<embedded::subnets::SubnetChange>),
        ("SubnetDetails", reads::<embedded::subnets::SubnetDetails>),
        ("Allocated", reads::<allocations::Allocated>),
        ("Allocation", reads::<allocations::Allocation>),
        ("AllocationRequest", reads::<allocations::Wanted>),
        ("NewSubnet", reads::<subnets::NewSubnet>),
        ("Note", reads::<annotate::Note>),
        ("Events", reads::<events::Events>),
        ("Group", reads::<groups::Group>),
        ("Hold", reads::<holds::Hold>),
        ("Ipam", reads::<status::Ipam>),
        ("LedgerEntry", reads::<ledger::LedgerEntry>),
        ("ProblemBody", reads::<super::super::problem::ProblemBody>),
        ("Record", reads::<addresses::Record>),
        ("Status", reads::<status::Status>),
        ("Subnet", reads::<subnets::Subnet>),
    ];

    #[test]
    fn every_shape_has_an_example_that_is_one() {
        for (name, schema) in object(&DOCUMENT["components"], "schemas") {
            let is_shape = schema.get("properties").is_some() && !name.starts_with("Page");
            let known = EXAMPLES.iter().find(|(known, _)| known == name);
            match known {
                Some((_, read)) => {
                    let example = schema.get("example").unwrap_or_else(|| panic!("{name} has no example"));
                    read(example).unwrap_or_else(|error| panic!("{name}: {error}"));
                }
                None => assert!(!is_shape, "{name} is in no test of examples"),
            }
        }
    }
}
