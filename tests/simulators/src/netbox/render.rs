//! Records as NetBox shows them.

use serde_json::{Map, Value, json};

use super::net::{Net, number};
use super::state::{Address, Named, Prefix, Range, Scope, State, Vrf};
use super::version::Version;

const CREATED: &str = "2026-11-20T17:42:51.002463Z";
const UPDATED: &str = "2026-11-20T17:42:51.002478Z";

/// What `If-Match` is compared with, for every record.
pub(super) const ETAG: &str = "W/\"2026-11-20T17:42:51.002478+00:00\"";

/// How records are shown to one client.
#[derive(Clone, Copy)]
pub(super) struct Renderer<'a> {
    pub(super) state: &'a State,
    pub(super) version: Version,
    pub(super) root: &'a str,
    pub(super) is_brief: bool,
}

impl Renderer<'_> {
    pub(super) fn vrf(&self, vrf: &Vrf) -> Value {
        let mut record = self.head("ipam/vrfs", vrf.id, &vrf.display());
        let prefixes = self.state.prefixes.iter().filter(|prefix| prefix.vrf == Some(vrf.id)).count();
        let addresses = self.state.addresses.iter().filter(|address| address.vrf == Some(vrf.id)).count();
        put(&mut record, json!({"name": vrf.name, "rd": vrf.rd, "description": vrf.description}));
        put(&mut record, json!({"prefix_count": prefixes}));
        if self.is_brief {
            return Value::Object(record);
        }
        let tenant = self.named("tenancy/tenants", vrf.tenant, &self.state.tenants);
        put(&mut record, json!({"tenant": tenant, "enforce_unique": vrf.enforce_unique, "ipaddress_count": addresses}));
        put(&mut record, json!({"import_targets": [], "export_targets": []}));
        self.finish(record, json!({}))
    }

    pub(super) fn group(&self, path: &str, group: &Named) -> Value {
        let mut record = self.head(path, group.id, &group.name);
        put(&mut record, json!({"name": group.name, "slug": group.slug, "description": group.description}));
        if self.is_brief { Value::Object(record) } else { self.finish(record, json!({})) }
    }

    pub(super) fn prefix(&self, prefix: &Prefix) -> Value {
        let mut record = self.head("ipam/prefixes", prefix.id, &prefix.net.to_string());
        put(&mut record, json!({"family": self.family(prefix.net), "prefix": prefix.net.to_string()}));
        put(&mut record, json!({"description": prefix.description, "_depth": 0}));
        if self.is_brief {
            return Value::Object(record);
        }
        put(
            &mut record,
            json!({
                "vrf": self.nested_vrf(prefix.vrf),
                "tenant": self.named("tenancy/tenants", prefix.tenant, &self.state.tenants),
                "vlan": null,
                "status": choice(&prefix.status),
                "role": self.named("ipam/roles", prefix.role, &self.state.roles),
                "is_pool": prefix.is_pool,
                "children": 0,
            }),
        );
        let site = |id| self.named("dcim/sites", Some(id), &self.state.sites);
        if self.version.has_scopes() {
            let (kind, id, scope) = match prefix.scope {
                Some(Scope::Site(id)) => (json!("dcim.site"), json!(id), site(id)),
                // The location's own id and name say nothing of its site.
                Some(Scope::Location(_)) => {
                    let location = json!({"id": 1, "url": "", "display": "Room 1", "name": "Room 1", "slug": "room-1",
                        "description": "", "_depth": 0});
                    (json!("dcim.location"), json!(1), location)
                }
                None => (Value::Null, Value::Null, Value::Null),
            };
            put(&mut record, json!({"scope_type": kind, "scope_id": id, "scope": scope}));
        } else {
            let of_site = match prefix.scope {
                Some(Scope::Site(id)) => site(id),
                Some(Scope::Location(_)) | None => Value::Null,
            };
            put(&mut record, json!({"site": of_site}));
        }
        if self.version != Version::V2_8 {
            put(&mut record, json!({"mark_utilized": prefix.mark_utilized}));
        }
        self.finish(record, json!({}))
    }

    pub(super) fn address(&self, address: &Address) -> Value {
        let mut record = self.head("ipam/ip-addresses", address.id, &address.net.to_string());
        put(&mut record, json!({"family": self.family(address.net), "address": address.net.to_string()}));
        put(&mut record, json!({"description": address.description}));
        if self.is_brief {
            return Value::Object(record);
        }
        let tags = address.tags.iter().filter_map(|id| self.state.tags.iter().find(|tag| tag.id == *id));
        let (assigned_type, assigned_id, assigned) = if address.is_assigned {
            let device = json!({"id": 1, "url": "", "display": "host1", "name": "host1", "description": ""});
            let interface = json!({"id": 1, "url": "", "display": "eth0", "device": device, "name": "eth0",
                "description": "", "cable": null, "_occupied": false});
            (json!("dcim.interface"), json!(1), interface)
        } else {
            (Value::Null, Value::Null, Value::Null)
        };
        let nat_outside = if self.version == Version::V2_8 { Value::Null } else { json!([]) };
        put(
            &mut record,
            json!({
                "vrf": self.nested_vrf(address.vrf),
                "tenant": self.named("tenancy/tenants", address.tenant, &self.state.tenants),
                "status": choice(&address.status),
                "role": address.role.as_deref().map(choice),
                "assigned_object_type": assigned_type,
                "assigned_object_id": assigned_id,
                "assigned_object": assigned,
                "nat_inside": null,
                "nat_outside": nat_outside,
                "dns_name": address.dns_name,
            }),
        );
        let mut record = self.finish(record, Value::Object(self.state.all_custom_fields(&address.custom_fields)));
        record["comments"] = json!(address.comments);
        record["tags"] = tags.map(|tag| self.tag(tag)).collect();
        record
    }

    pub(super) fn range(&self, range: &Range) -> Value {
        let mut record = self.head("ipam/ip-ranges", range.id, &format!("{}-{}", range.first.address, range.last));
        let size = number(range.last.address) - number(range.first.address) + 1;
        put(
            &mut record,
            json!({
                "family": self.family(range.first), "start_address": range.first.to_string(),
                "end_address": range.last.to_string(), "size": size as u64, "vrf": self.nested_vrf(range.vrf),
                "tenant": null, "status": choice(&range.status), "role": null, "description": "",
                "mark_utilized": range.mark_utilized,
            }),
        );
        if self.version.offers_ranges() {
            put(&mut record, json!({"mark_populated": range.mark_populated}));
        }
        self.finish(record, json!({}))
    }

    /// A free address, as `available-ips` lists it: with the length of the prefix that was asked.
    pub(super) fn available(&self, net: Net, vrf: Option<u64>) -> Value {
        let family = if net.is_v6() { 6 } else { 4 };
        json!({"family": family, "address": net.to_string(), "vrf": self.nested_vrf(vrf)})
    }

    pub(super) fn nested_vrf(&self, id: Option<u64>) -> Value {
        let Some(vrf) = id.and_then(|id| self.state.vrf(id)) else { return Value::Null };
        let url = format!("{}/api/ipam/vrfs/{}/", self.root, vrf.id);
        let mut record = object(json!({"id": vrf.id, "url": url, "name": vrf.name, "rd": vrf.rd}));
        self.put_new(&mut record, &vrf.display(), &vrf.description);
        Value::Object(record)
    }

    fn named(&self, path: &str, id: Option<u64>, all: &[Named]) -> Value {
        let Some(named) = all.iter().find(|named| Some(named.id) == id) else { return Value::Null };
        let url = format!("{}/api/{path}/{}/", self.root, named.id);
        let mut record = object(json!({"id": named.id, "url": url, "name": named.name, "slug": named.slug}));
        self.put_new(&mut record, &named.name, &named.description);
        Value::Object(record)
    }

    fn tag(&self, tag: &Named) -> Value {
        let mut record = self.head("extras/tags", tag.id, &tag.name);
        put(&mut record, json!({"name": tag.name, "slug": tag.slug, "color": "9e9e9e"}));
        Value::Object(record)
    }

    /// What nested records have got over the years.
    fn put_new(&self, record: &mut Map<String, Value>, display: &str, description: &str) {
        if self.version >= Version::V3_7 {
            put(record, json!({"display": display}));
        }
        if self.version >= Version::V4_6 {
            put(record, json!({"description": description}));
        }
    }

    fn family(&self, net: Net) -> Value {
        let family = if net.is_v6() { 6 } else { 4 };
        if self.is_brief && self.version < Version::V4_6 {
            json!(family)
        } else {
            json!({"value": family, "label": format!("IPv{family}")})
        }
    }

    fn head(&self, path: &str, id: u64, display: &str) -> Map<String, Value> {
        let mut record = object(json!({"id": id, "url": format!("{}/api/{path}/{id}/", self.root)}));
        if self.version >= Version::V3_7 {
            put(&mut record, json!({"display": display}));
        }
        if self.version >= Version::V4_6 && !self.is_brief {
            put(&mut record, json!({"display_url": format!("{}/{path}/{id}/", self.root)}));
        }
        record
    }

    fn finish(&self, mut record: Map<String, Value>, custom_fields: Value) -> Value {
        put(&mut record, json!({"comments": "", "tags": [], "custom_fields": custom_fields}));
        put(&mut record, json!({"created": CREATED, "last_updated": UPDATED}));
        if self.version >= Version::V4_6 {
            put(&mut record, json!({"owner": null}));
        }
        Value::Object(record)
    }
}

fn choice(value: &str) -> Value {
    let mut letters = value.chars();
    let label: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    json!({"value": value, "label": label})
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { unreachable!("only objects are given") };
    map
}

fn put(record: &mut Map<String, Value>, more: Value) {
    record.extend(object(more));
}
