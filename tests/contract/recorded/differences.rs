//! How our answers differ from those of the Ruby plugin, and why.

/// A difference that we want.
pub(super) struct Difference {
    /// The names of the exchanges; none means every exchange with these two answers.
    pub(super) of: &'static [&'static str],
    /// What the plugin answers.
    pub(super) peer: &'static str,
    /// What we answer.
    pub(super) ours: &'static str,
    /// Why.
    pub(super) why: &'static str,
}

const ERROR_400: &str = r#"400 {"error": text}"#;
const ERROR_403: &str = r#"403 {"error": text}"#;
const ERROR_404: &str = r#"404 {"error": text}"#;
const ERROR_405: &str = r#"405 {"error": text}"#;
const ERROR_409: &str = r#"409 {"error": text}"#;
const ERROR_500: &str = r#"500 {"error": text}"#;
const FEATURE: &str = concat!(
    r#"200 {"externalipam": {"capabilities": [], "http_enabled": bool, "https_enabled": bool, "#,
    r#""settings": {"use_provider": text}, "state": text}}"#,
);
const FEATURES: &str = concat!(
    r#"200 {"externalipam": {"capabilities": [], "http_enabled": bool, "https_enabled": bool, "#,
    r#""settings": {"use_provider": text}, "state": text}, "#,
    r#""logs": {"capabilities": [], "http_enabled": bool, "https_enabled": bool, "settings": {}, "state": text}}"#,
);
const TEXT_404: &str = "404 plain text";
const PAGE_400: &str = "400 page";
const PAGE_500: &str = "500 page";
const ADDRESS: &str = r#"200 {"data": text}"#;
const ADDED_SILENTLY: &str = "201 nothing";
const ADDED: &str = r#"201 {"message": text}"#;
const DELETED_SILENTLY: &str = "204 nothing";
const DELETED: &str = r#"200 {"message": text}"#;
const GROUP: &str = r#"200 {"description": text, "id": number, "name": text}"#;
const GROUPS: &str = r#"200 [{"description": text, "id": number, "name": text}]"#;
const SUBNET: &str = r#"200 {"description": text, "id": number, "mask": text, "subnet": text}"#;
const SUBNETS: &str = r#"200 [{"description": text, "id": number, "mask": text, "subnet": text}]"#;
const PHPIPAM_GROUP: &str = r#"200 {"description": text, "id": text, "name": text}"#;
const PHPIPAM_GROUPS: &str = r#"200 [{"description": text, "id": text, "name": text}]"#;
const PHPIPAM_SUBNET: &str = r#"200 {"description": text, "id": text, "mask": text, "subnet": text}"#;
const PHPIPAM_SUBNETS: &str = r#"200 [{"description": text, "id": text, "mask": text, "subnet": text}]"#;

const fn always(peer: &'static str, ours: &'static str, why: &'static str) -> Difference {
    Difference { of: &[], peer, ours, why }
}

const fn only(of: &'static [&'static str], peer: &'static str, ours: &'static str, why: &'static str) -> Difference {
    Difference { of, peer, ours, why }
}

/// All of them.
pub(super) const DIFFERENCES: &[Difference] = &[
    // What the process is.
    only(
        &["v2_features", "cert_foreman_GET_v2_features", "cert_upper_GET_v2_features"],
        FEATURE,
        FEATURES,
        "the recording has the entry of the plugin only",
    ),
    always(
        r#"200 {"modules": {"externalipam": text, "logs": text}, "version": text}"#,
        r#"200 {"modules": {"external ipam": text, "externalipam": text, "logs": text}, "version": text}"#,
        "Foreman's Services tab looks for the name with the blank and waits for ever without it",
    ),
    // Paths and methods.
    always(TEXT_404, ERROR_404, "the type of the content is JSON, so the content is too"),
    only(
        &[
            "features_post",
            "method_post_groups",
            "method_put_groups",
            "method_delete_groups",
            "method_patch_groups",
            "method_options_groups",
            "method_put_ip",
            "method_post_subnet",
            "method_delete_subnet",
            "method_trace",
            "method_bogus",
        ],
        TEXT_404,
        ERROR_405,
        "the path exists, and the answer says which methods it knows",
    ),
    only(
        &["method_post_next_ip", "method_delete_next_ip"],
        ERROR_400,
        ERROR_405,
        "next_ip is no address to add or delete",
    ),
    only(
        &["subnet_encoded_slash"],
        PHPIPAM_SUBNET,
        ERROR_404,
        "an encoded slash is part of a segment and separates none",
    ),
    only(&["subnet_encoded_slash"], SUBNET, ERROR_404, "an encoded slash is part of a segment and separates none"),
    only(&["exists_cidr_ip"], TEXT_404, ERROR_400, "an encoded slash is part of a segment, here of no address"),
    only(
        &["group_bad_pct", "subnet_group_bad_pct", "subnet_v6_brackets"],
        PAGE_400,
        ERROR_400,
        "errors are JSON, whoever finds them",
    ),
    only(
        &["group_bad_utf8", "subnet_group_array", "subnet_group_hash", "next_ip_mac_array"],
        PAGE_500,
        ERROR_400,
        "B17: the page shows the log and the environment of the proxy, and the fault is the caller's",
    ),
    // Ids.
    always(PHPIPAM_GROUP, GROUP, "ids are numbers here, as NetBox's are"),
    always(PHPIPAM_GROUPS, GROUPS, "ids are numbers here, as NetBox's are"),
    always(PHPIPAM_SUBNET, SUBNET, "ids are numbers here, as NetBox's are"),
    always(PHPIPAM_SUBNETS, SUBNETS, "ids are numbers here, as NetBox's are"),
    only(
        &["groups"],
        r#"200 [{"description": text, "name": text}]"#,
        GROUPS,
        "groups have the same keys in a list as alone",
    ),
    // Groups.
    only(
        &[
            "group_unknown",
            "group_case",
            "group_numeric_unknown",
            "group_query_inject",
            "group_path_inject",
            "group_subnets_unknown",
            "group_empty_name_subnets",
            "group_none",
            "subnet_group_unknown",
            "subnet_group_numeric",
            "next_ip_group_unknown",
            "exists_group_unknown",
            "add_group_unknown",
        ],
        ERROR_500,
        ERROR_404,
        "B29: a group that is not there is not found, whatever the route and the IPAM",
    ),
    only(
        &["next_ip_unknown_subnet", "next_ip_group_wrong"],
        ERROR_500,
        ERROR_404,
        "B29: a subnet that is not there is not found on this route too",
    ),
    only(&["group_numeric_id"], PHPIPAM_GROUP, ERROR_404, "B22: a number is a name, and no group has this one"),
    only(&["subnet_group_numeric"], PHPIPAM_SUBNET, ERROR_404, "B22: a number is a name, and no group has this one"),
    only(&["group_path_inject"], PHPIPAM_SUBNETS, ERROR_404, "B22: a slash in a name leads nowhere else in the IPAM"),
    only(&["group_plusplus_escaped", "group_plusplus_raw"], ERROR_500, GROUP, "B12b: any name is found"),
    only(&["group_slash"], TEXT_404, GROUP, "B12b: any name is found"),
    only(&["group_space_plus"], ERROR_404, GROUP, "B12: Foreman writes a blank as '+'"),
    only(&["group_subnets_space_plus"], ERROR_500, SUBNETS, "B12: Foreman writes a blank as '+'"),
    only(&["subnet_group_cpp"], ERROR_500, SUBNET, "B12b: any name is found"),
    only(&["group_subnets_empty"], ERROR_404, "200 []", "the group is there, and its list is empty"),
    // Prefixes, addresses and MACs.
    only(&["subnet_prefix_mask"], ERROR_404, ERROR_400, "B30: a netmask is no prefix length"),
    only(&["subnet_prefix_mask"], SUBNET, ERROR_400, "B30: a netmask is no prefix length"),
    only(
        &["exists_outside_unknown_subnet"],
        ERROR_404,
        ERROR_400,
        "that the address is elsewhere can be seen without asking the IPAM",
    ),
    only(&["subnet_v6_upper_group"], ERROR_404, SUBNET, "B23: upper case is the same prefix"),
    only(
        &["next_ip_mac_dashes", "next_ip_mac_short", "next_ip_mac_ib20"],
        ERROR_400,
        ADDRESS,
        "Foreman accepts these MACs, so they come",
    ),
    only(&["next_ip_mac_newline"], ADDRESS, ERROR_400, "B21: what follows a line break is no part of a MAC"),
    // Which address.
    only(&["next_ip_full"], r#"200 {"error": text}"#, ERROR_404, "in this style of errors the status says it"),
    only(
        &["next_ip_p2p31_second", "next_ip_host32"],
        r#"200 {"data": {"error": text}}"#,
        ADDRESS,
        "B11: the addresses of the smallest subnets are for hosts",
    ),
    // Writes.
    always(ADDED_SILENTLY, ADDED, "an object is read by every version of Foreman, an empty body is not"),
    always(DELETED_SILENTLY, DELETED, "an object is read by every version of Foreman, an empty body is not"),
    only(
        &["add_duplicate", "add_v6_upper_dup"],
        ERROR_500,
        ERROR_409,
        "the request contradicts what is there, and the server is well",
    ),
    only(
        &["add_form_group", "add_form_body", "add_form_ip_override"],
        ADDED_SILENTLY,
        ERROR_400,
        "parameters are in the URL; to pass over a group in a form would be to write to another subnet",
    ),
    only(
        &["del_form_body"],
        DELETED_SILENTLY,
        ERROR_400,
        "parameters are in the URL; to pass over a group in a form would be to delete in another subnet",
    ),
    only(
        &["add_network", "add_broadcast"],
        ERROR_500,
        ERROR_400,
        "B26: no host can have the address; that is known without the IPAM",
    ),
    only(
        &["del_again", "del_never", "del_group_unknown"],
        ERROR_500,
        DELETED,
        "B28: what is not there is deleted; Foreman keeps the host otherwise",
    ),
    only(
        &["del_unknown_subnet"],
        ERROR_404,
        DELETED,
        "B28: what is not there is deleted; Foreman keeps the host otherwise",
    ),
    // Who may call.
    only(
        &["cert_none_GET_v2_features", "cert_other_GET_v2_features"],
        "403 plain text",
        ERROR_403,
        "the type of the content is JSON, so the content is too",
    ),
    only(&["cert_none_GET_ipam_groups", "cert_other_GET_ipam_groups"], PHPIPAM_GROUPS, ERROR_403, GUARDED),
    only(
        &["cert_none_GET_ipam_subnet_10.20.30.0_24_next_ip", "cert_other_GET_ipam_subnet_10.20.30.0_24_next_ip"],
        ADDRESS,
        ERROR_403,
        GUARDED,
    ),
    only(
        &[
            "cert_none_POST_ipam_subnet_10.20.30.0_24_10.20.30.9",
            "cert_other_POST_ipam_subnet_10.20.30.0_24_10.20.30.9",
        ],
        ADDED_SILENTLY,
        ERROR_403,
        GUARDED,
    ),
    only(
        &["cert_none_GET_ipam_subnet_10.20.30.0_24_10.20.30.9", "cert_other_GET_ipam_subnet_10.20.30.0_24_10.20.30.9"],
        "200 bool",
        ERROR_403,
        GUARDED,
    ),
    only(
        &[
            "cert_none_DELETE_ipam_subnet_10.20.30.0_24_10.20.30.9",
            "cert_other_DELETE_ipam_subnet_10.20.30.0_24_10.20.30.9",
        ],
        DELETED_SILENTLY,
        ERROR_403,
        GUARDED,
    ),
];

/// Why callers without a trusted certificate are refused.
const GUARDED: &str = "B18: the plugin lets everybody read and write";
