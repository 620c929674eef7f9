//! The lists: which rows a query leaves, in which order.

use std::cmp::Reverse;

use super::Netbox;
use super::net::{Net, number};
use super::query::Query;
use super::render::Renderer;
use super::state::{Address, Named, Prefix, Scope, State, Vrf};
use super::tokens::Token;
use crate::Response;

pub(super) const STATUSES: [&str; 5] = ["active", "reserved", "deprecated", "dhcp", "slaac"];
const PREFIX_STATUSES: [&str; 4] = ["container", "active", "reserved", "deprecated"];

/// What a list is made for.
pub(super) struct Asked<'a> {
    pub(super) netbox: &'a Netbox,
    pub(super) state: &'a State,
    pub(super) query: &'a Query,
    pub(super) token: &'a Token,
}

impl Asked<'_> {
    pub(super) fn renderer(&self) -> Renderer<'_> {
        let is_brief = self.query.is_brief();
        Renderer { state: self.state, version: self.netbox.version, root: self.query.root(), is_brief }
    }

    pub(super) fn vrfs(&self) -> Result<Response, Response> {
        let query = self.query;
        if query.all("id").iter().any(|id| id.parse::<u64>().is_err()) {
            return Err(super::query::refused("id", "Enter a whole number."));
        }
        let fits = |vrf: &&Vrf| {
            query.fits("id", |id| id.parse() == Ok(vrf.id))
                // The word is the filter for "no name".
                && query.fits("name", |name| name != "null" && name == vrf.name)
                && query.fits("name__ie", |name| name != "null" && name.to_lowercase() == vrf.name.to_lowercase())
                && query.fits("rd", |rd| vrf.rd.as_deref() == Some(rd))
                && query.fits("q", |part| {
                    let text = format!("{} {} {}", vrf.name, vrf.rd.as_deref().unwrap_or_default(), vrf.description);
                    text.to_lowercase().contains(&part.to_lowercase())
                })
        };
        let mut rows: Vec<&Vrf> = self.state.vrfs.iter().filter(fits).collect();
        match query.ordering() {
            Some("id") => rows.sort_by_key(|vrf| vrf.id),
            _ => rows.sort_by_key(|vrf| (vrf.name.to_lowercase(), vrf.id)),
        }
        Ok(self.page(rows, |vrf| vrf.id, |vrf| self.renderer().vrf(vrf)))
    }

    pub(super) fn groups(&self, path: &str, all: &[Named]) -> Response {
        let query = self.query;
        let fits = |group: &&Named| {
            query.fits("name", |name| name != "null" && name == group.name)
                && query.fits("slug", |slug| slug == group.slug)
        };
        let mut rows: Vec<&Named> = all.iter().filter(fits).collect();
        match query.ordering() {
            Some("id") => rows.sort_by_key(|group| group.id),
            _ => rows.sort_by_key(|group| (group.name.to_lowercase(), group.id)),
        }
        self.page(rows, |group| group.id, |group| self.renderer().group(path, group))
    }

    pub(super) fn prefixes(&self) -> Result<Response, Response> {
        let (query, state) = (self.query, self.state);
        let vrfs = self.vrf_filter()?;
        let present_in = query.related("present_in_vrf_id", |id| state.vrf(id).is_some())?;
        let exists = |all: &[Named], id| all.iter().any(|named| named.id == id);
        let tenants = query.related("tenant_id", |id| exists(&state.tenants, id))?;
        let roles = query.related("role_id", |id| exists(&state.roles, id))?;
        let sites = query.related("site_id", |id| exists(&state.sites, id))?;
        let statuses = query.choice("status", &PREFIX_STATUSES)?;
        let is_one_of =
            |ids: &Option<Vec<Option<u64>>>, id: Option<u64>| ids.as_ref().is_none_or(|ids| ids.contains(&id));
        let net = |text: &str| Net::parse(text).filter(|net| text.contains('/') && !net.has_host_bits());
        let fits = |prefix: &&Prefix| {
            // A location of a site is found by the site, too.
            let site = prefix.scope.map(|scope| match scope {
                Scope::Site(id) | Scope::Location(id) => id,
            });
            is_one_of(&vrfs, prefix.vrf)
                && is_one_of(&present_in, prefix.vrf)
                && is_one_of(&tenants, prefix.tenant)
                && is_one_of(&roles, prefix.role)
                && is_one_of(&sites, site)
                && (statuses.is_empty() || statuses.contains(&prefix.status.as_str()))
                && query.fits("prefix", |text| net(text) == Some(prefix.net))
                && query.fits("within", |text| {
                    net(text).is_some_and(|net| net != prefix.net && net.contains_net(&prefix.net))
                })
                && query.fits("within_include", |text| net(text).is_some_and(|net| net.contains_net(&prefix.net)))
                && query.fits("contains", |text| {
                    Net::parse(text).is_some_and(|net| prefix.net.contains_net(&net.network()))
                })
        };
        let mut rows: Vec<&Prefix> = state.prefixes.iter().filter(fits).collect();
        let key = |prefix: &Prefix| (prefix.vrf, prefix.net.is_v6(), prefix.net.first(), prefix.net.length, prefix.id);
        match query.ordering() {
            Some("id") => rows.sort_by_key(|prefix| prefix.id),
            Some("-prefix") => rows.sort_by_key(|prefix| Reverse(key(prefix))),
            _ => rows.sort_by_key(|prefix| key(prefix)),
        }
        Ok(self.page(rows, |prefix| prefix.id, |prefix| self.renderer().prefix(prefix)))
    }

    pub(super) fn addresses(&self) -> Result<Response, Response> {
        let (query, state) = (self.query, self.state);
        let vrfs = self.vrf_filter()?;
        let statuses = query.choice("status", &STATUSES)?;
        let slugs: Vec<&str> = state.tags.iter().map(|tag| tag.slug.as_str()).collect();
        let tags = query.choice("tag", &slugs)?;
        let has_tag = |address: &Address, slug: &str| {
            state.tags.iter().any(|tag| tag.slug == slug && address.tags.contains(&tag.id))
        };
        let is_at = |text: &str, address: &Address| {
            let Some(asked) = Net::parse(text) else { return false };
            // Older versions compare an IPv6 address as it is spelt.
            let is_spelt =
                self.netbox.version.finds_any_spelling() || text.split('/').next() == Some(&asked.address.to_string());
            is_spelt
                && asked.address == address.net.address
                && (!text.contains('/') || asked.length == address.net.length)
        };
        let fits = |address: &&Address| {
            let of_field = |field: &str, value: &str| address.custom_fields.get(field).is_some_and(|set| set == value);
            self.token.sees(&address.description)
                && vrfs.as_ref().is_none_or(|vrfs| vrfs.contains(&address.vrf))
                && (statuses.is_empty() || statuses.contains(&address.status.as_str()))
                && (tags.is_empty() || tags.iter().any(|slug| has_tag(address, slug)))
                && query.fits("address", |text| is_at(text, address))
                && query.fits("parent", |text| Net::parse(text).is_some_and(|net| net.contains(address.net.address)))
                && query.fits("dns_name", |name| name == address.dns_name)
                && query.fits("dns_name__ie", |name| name.to_lowercase() == address.dns_name)
                && query.fits("description", |text| text == address.description)
                && query.fits("q", |part| address.net.to_string().contains(part) || address.description.contains(part))
                && state
                    .custom_fields
                    .iter()
                    .all(|field| query.fits(&format!("cf_{}", field.name), |value| of_field(&field.name, value)))
        };
        let mut rows: Vec<&Address> = state.addresses.iter().filter(fits).collect();
        match query.ordering() {
            Some("id") => rows.sort_by_key(|address| address.id),
            _ => rows.sort_by_key(|address| (address.net.is_v6(), number(address.net.address), address.id)),
        }
        Ok(self.page(rows, |address| address.id, |address| self.renderer().address(address)))
    }

    pub(super) fn ranges(&self) -> Result<Response, Response> {
        let vrfs = self.vrf_filter()?;
        let rows = self.state.ranges.iter().filter(|range| {
            vrfs.as_ref().is_none_or(|vrfs| vrfs.contains(&range.vrf))
                && self.query.fits("parent", |text| {
                    let holds = |net: Net| net.contains(range.first.address) && net.contains(range.last.address);
                    Net::parse(text).is_some_and(holds)
                })
        });
        Ok(self.page(rows.collect(), |range| range.id, |range| self.renderer().range(range)))
    }

    /// `vrf_id` by id, `vrf` by route distinguisher.
    fn vrf_filter(&self) -> Result<Option<Vec<Option<u64>>>, Response> {
        let by_id = self.query.related("vrf_id", |id| self.state.vrf(id).is_some())?;
        if by_id.is_some() {
            return Ok(by_id);
        }
        let known: Vec<&str> = self.state.vrfs.iter().filter_map(|vrf| vrf.rd.as_deref()).chain(["null"]).collect();
        let named = self.query.choice("vrf", &known)?;
        let id = |rd: &&str| self.state.vrfs.iter().find(|vrf| vrf.rd.as_deref() == Some(rd)).map(|vrf| vrf.id);
        Ok((!named.is_empty()).then(|| named.iter().map(id).collect()))
    }

    fn page<T>(&self, rows: Vec<&T>, id: impl Fn(&T) -> u64, render: impl Fn(&T) -> serde_json::Value) -> Response {
        self.query.page(rows, self.netbox.pages, self.netbox.version, id, render)
    }
}
