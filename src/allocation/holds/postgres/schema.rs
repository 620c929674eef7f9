//! The tables, by version.

use ipam_provider::database::Tables;

/// The tables for holds.
///
/// An address is its family, 4 or 6, and its bytes: the order of bytes is the order of addresses. Times are milliseconds
/// since 1970. The event of a space is that of the last transaction that changed one of its holds. The sequence has no
/// cache: its numbers are compared between connections. What a proxy has to see to is pending, with the time of it.
pub(super) const TABLES: Tables = Tables {
    subject: "holds",
    versions: &["
    CREATE SEQUENCE ipam_proxy_event CACHE 1;
    CREATE TABLE ipam_proxy_space (
        id bigint PRIMARY KEY DEFAULT nextval('ipam_proxy_event'),
        provider text NOT NULL,
        name text NOT NULL,
        held bigint NOT NULL DEFAULT 0,
        event bigint NOT NULL DEFAULT 0,
        UNIQUE (provider, name)
    );
    CREATE TABLE ipam_proxy_hold (
        space bigint NOT NULL REFERENCES ipam_proxy_space (id),
        address bytea NOT NULL,
        prefix text NOT NULL,
        group_name text,
        mac bytea,
        state text NOT NULL,
        granted bigint NOT NULL,
        ends bigint NOT NULL,
        request bigint,
        event bigint NOT NULL,
        confirmed bigint NOT NULL,
        trace text,
        trace_request text,
        pending bigint,
        PRIMARY KEY (space, address)
    );
    CREATE INDEX ipam_proxy_hold_mac ON ipam_proxy_hold (space, mac, address);
    CREATE INDEX ipam_proxy_hold_ends ON ipam_proxy_hold (space, ends);
    CREATE INDEX ipam_proxy_hold_trace ON ipam_proxy_hold (trace_request) WHERE trace_request IS NOT NULL;
    CREATE INDEX ipam_proxy_hold_pending ON ipam_proxy_hold (pending) WHERE pending IS NOT NULL;
"],
};
