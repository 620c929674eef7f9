//! What a group of Foreman is in NetBox, by the setting `group_by`.

use ipam_provider::{Error, ErrorKind, GroupName, Result};

use crate::vendor::{VIEW_VRF, VRFS};
use crate::wire;

/// The kind of NetBox record that groups prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupBy {
    /// The VRF of a prefix; without one it is in the global table.
    Vrf,
    /// The tenant of a prefix.
    Tenant,
    /// The site of a prefix: its `site` up to NetBox 4.1, its scope from 4.2 on where that is a site.
    Site,
    /// The role of a prefix.
    Role,
}

/// The type of a scope that is a site.
const SITE: &str = "dcim.site";

impl GroupBy {
    /// The words of the setting.
    pub(crate) const CHOICES: [(&'static str, Self); 4] =
        [("vrf", Self::Vrf), ("tenant", Self::Tenant), ("site", Self::Site), ("role", Self::Role)];

    /// The path of the list of all groups.
    pub(crate) fn path(self) -> [&'static str; 4] {
        match self {
            Self::Vrf => VRFS,
            Self::Tenant => ["api", "tenancy", "tenants", ""],
            Self::Site => ["api", "dcim", "sites", ""],
            Self::Role => ["api", "ipam", "roles", ""],
        }
    }

    /// The parameter that limits a list of prefixes to a group. An id that does not exist is refused (400).
    pub(crate) fn filter(self) -> &'static str {
        match self {
            Self::Vrf => "vrf_id",
            Self::Tenant => "tenant_id",
            Self::Site => "site_id",
            Self::Role => "role_id",
        }
    }

    /// The value of the filter that finds the prefixes outside of groups. There is none for sites: the prefixes of a
    /// location have a site for the filter, and are in no group.
    pub(crate) fn outside(self) -> Option<&'static str> {
        match self {
            Self::Vrf | Self::Tenant | Self::Role => Some("null"),
            Self::Site => None,
        }
    }

    /// The permission to see the groups.
    pub(crate) fn permission(self) -> &'static str {
        match self {
            Self::Vrf => VIEW_VRF,
            Self::Tenant => "tenancy.view_tenant",
            Self::Site => "dcim.view_site",
            Self::Role => "ipam.view_role",
        }
    }

    /// NetBox's word for several of them.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Vrf => "VRFs",
            Self::Tenant => "tenants",
            Self::Site => "sites",
            Self::Role => "roles",
        }
    }

    /// The group that a prefix is in.
    ///
    /// # Errors
    /// [`Unexpected`](ErrorKind::Unexpected) when its scope says to be a site and has no name.
    pub(crate) fn group_of(self, row: &wire::Prefix) -> Result<Option<GroupName>> {
        let group = match self {
            Self::Vrf => row.vrf.as_ref(),
            Self::Tenant => row.tenant.as_ref(),
            Self::Role => row.role.as_ref(),
            Self::Site => match &row.scope {
                // `site_id` also finds prefixes whose scope is a location of the site; those are in no group, because
                // the record does not say which site it is.
                Some(scope) if row.scope_type.as_deref() == Some(SITE) => {
                    let name = scope.name.as_deref().and_then(GroupName::new);
                    return name.map(Some).ok_or_else(|| {
                        Error::new(ErrorKind::Unexpected, "NetBox shows a prefix whose site has no name")
                    });
                }
                _ => row.site.as_ref(),
            },
        };
        Ok(group.and_then(|group| GroupName::new(&group.name)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn group(by: GroupBy, more: Value) -> Option<String> {
        let mut row = json!({
            "id": 1, "prefix": "10.1.0.0/24", "vrf": {"id": 1, "name": "blue"}, "tenant": {"id": 2, "name": "Acme"},
            "role": {"id": 3, "name": "servers"}, "status": "active", "is_pool": false, "description": "",
        });
        let (Value::Object(row_map), Value::Object(more)) = (&mut row, more) else { panic!("objects") };
        row_map.extend(more);
        let row: wire::Prefix = serde_json::from_value(row).expect("a prefix");
        by.group_of(&row).expect("a group").map(|name| name.to_string())
    }

    #[test]
    fn a_prefix_is_in_the_group_of_the_chosen_kind() {
        assert_eq!(group(GroupBy::Vrf, json!({})).as_deref(), Some("blue"));
        assert_eq!(group(GroupBy::Vrf, json!({"vrf": null})), None);
        assert_eq!(group(GroupBy::Tenant, json!({})).as_deref(), Some("Acme"));
        assert_eq!(group(GroupBy::Role, json!({})).as_deref(), Some("servers"));
        assert_eq!(group(GroupBy::Role, json!({"role": null})), None);
    }

    #[test]
    fn a_site_is_a_site_in_old_and_new_versions_and_a_location_is_none() {
        let site = json!({"id": 4, "name": "Bern"});
        assert_eq!(group(GroupBy::Site, json!({"site": site})).as_deref(), Some("Bern"));
        assert_eq!(group(GroupBy::Site, json!({"site": null})), None);
        let scope = |kind: &str| json!({"scope_type": kind, "scope_id": 4, "scope": site});
        assert_eq!(group(GroupBy::Site, scope("dcim.site")).as_deref(), Some("Bern"));
        assert_eq!(group(GroupBy::Site, scope("dcim.location")), None);
        assert_eq!(group(GroupBy::Site, json!({"scope_type": null, "scope": null})), None);
    }
}
