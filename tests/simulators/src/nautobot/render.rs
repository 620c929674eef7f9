//! Records as JSON.

use serde_json::{Map, Value, json};

use super::state::{Address, Named, Namespace, Prefix, State, Vrf};

const BASE: &str = "http://127.0.0.1/api";
const TIME: &str = "2026-11-20T18:14:53.279721Z";

/// How far related objects are written out: 0 is id, type and URL only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depth(pub(super) u8);

impl Depth {
    fn inner(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

fn reference(kind: &str, path: &str, id: &str) -> Value {
    json!({"id": id, "object_type": kind, "url": format!("{BASE}/{path}/{id}/")})
}

fn common(kind: &str, path: &str, id: &str, display: &str) -> Map<String, Value> {
    let slug = display.to_lowercase().replace(|character: char| !character.is_ascii_alphanumeric(), "-");
    let Value::Object(object) = json!({
        "id": id, "object_type": kind, "display": display, "url": format!("{BASE}/{path}/{id}/"),
        "natural_slug": format!("{slug}_{}", &id[..4]), "created": TIME, "last_updated": TIME,
        "notes_url": format!("{BASE}/{path}/{id}/notes/"), "custom_fields": {},
    }) else {
        unreachable!("it is an object")
    };
    object
}

fn with(mut object: Map<String, Value>, more: Value) -> Value {
    let Value::Object(more) = more else { unreachable!("it is an object") };
    object.extend(more);
    Value::Object(object)
}

impl State {
    pub(super) fn namespace_json(&self, namespace: &Namespace, is_nested: bool) -> Value {
        let more = json!({
            "name": namespace.name, "description": namespace.description, "location": null, "tenant": null,
        });
        let object = with(common("ipam.namespace", "ipam/namespaces", &namespace.id, &namespace.name), more);
        if is_nested { object } else { tagged(object) }
    }

    fn status_json(&self, id: &str, depth: Depth) -> Value {
        let status = self.statuses.iter().find(|known| known.id == id);
        match (depth.inner(), status) {
            (Some(_), Some(status)) => with(
                common("extras.status", "extras/statuses", id, &status.name),
                json!({"name": status.name, "color": "4caf50", "description": ""}),
            ),
            _ => reference("extras.status", "extras/statuses", id),
        }
    }

    fn prefix_reference(&self, prefix: Option<&Prefix>, depth: Depth) -> Value {
        match (prefix, depth.inner()) {
            (None, _) => Value::Null,
            (Some(prefix), None) => reference("ipam.prefix", "ipam/prefixes", &prefix.id),
            (Some(prefix), Some(inner)) => self.prefix_object(prefix, inner),
        }
    }

    fn prefix_object(&self, prefix: &Prefix, depth: Depth) -> Value {
        let namespace = self.namespace(&prefix.namespace).expect("every prefix has a namespace");
        let display = format!("{}: {}", prefix.net, namespace.name);
        let (first, rest) = prefix.kind.split_at(1);
        let more = json!({
            "prefix": prefix.net.to_string(),
            "type": {"value": prefix.kind, "label": first.to_uppercase() + rest},
            "network": prefix.net.first().to_string(), "broadcast": prefix.net.last().to_string(),
            "prefix_length": prefix.net.length(), "ip_version": prefix.net.version(), "date_allocated": null,
            "description": prefix.description, "status": self.status_json(&prefix.status, depth), "role": null,
            "parent": self.prefix_reference(self.parent(prefix), depth),
            "namespace": match depth.inner() {
                Some(_) => self.namespace_json(namespace, true),
                None => reference("ipam.namespace", "ipam/namespaces", &namespace.id),
            },
            "tenant": null, "vlan": null, "rir": null,
        });
        with(common("ipam.prefix", "ipam/prefixes", &prefix.id, &display), more)
    }

    pub(super) fn prefix_json(&self, prefix: &Prefix, depth: Depth) -> Value {
        tagged(self.prefix_object(prefix, depth))
    }

    pub(super) fn address_json(&self, address: &Address, depth: Depth) -> Value {
        let text = format!("{}/{}", address.host, address.mask);
        let tags: Vec<Value> = address.tags.iter().map(|id| reference("extras.tag", "extras/tags", id)).collect();
        let tenant = address.tenant.as_ref().map(|id| reference("tenancy.tenant", "tenancy/tenants", id));
        let more = json!({
            "address": text, "host": address.host.to_string(), "mask_length": address.mask, "type": "host",
            "ip_version": if address.host.is_ipv6() { 6 } else { 4 }, "dns_name": address.dns_name,
            "description": address.description, "status": self.status_json(&address.status, depth), "role": null,
            "parent": self.prefix_reference(self.prefix(&address.parent), depth), "tenant": tenant,
            "nat_inside": null, "tags": tags, "custom_fields": address.custom_fields,
        });
        with(common("ipam.ipaddress", "ipam/ip-addresses", &address.id, &text), more)
    }

    /// As a write answers: with two keys more.
    pub(super) fn written_json(&self, address: &Address) -> Value {
        let mut object = self.address_json(address, Depth(0));
        object["computed_fields"] = json!({});
        object["relationships"] = json!({});
        object
    }

    pub(super) fn vrf_json(&self, vrf: &Vrf, depth: Depth) -> Value {
        let namespace = self.namespace(&vrf.namespace).expect("every VRF has a namespace");
        let more = json!({
            "name": vrf.name, "rd": vrf.rd, "description": "", "status": self.status_json(&self.statuses[0].id, depth),
            "namespace": reference("ipam.namespace", "ipam/namespaces", &namespace.id), "tenant": null,
        });
        tagged(with(common("ipam.vrf", "ipam/vrfs", &vrf.id, &format!("{}: ({})", namespace.name, vrf.name)), more))
    }

    pub(super) fn named_json(&self, kind: &str, path: &str, named: &Named) -> Value {
        let mut object = common(kind, path, &named.id, &named.name);
        object.insert("name".to_owned(), named.name.clone().into());
        if let Some(types) = &named.content_types {
            object.insert("content_types".to_owned(), json!(types));
        }
        Value::Object(object)
    }
}

fn tagged(mut object: Value) -> Value {
    object["tags"] = json!([]);
    object
}
