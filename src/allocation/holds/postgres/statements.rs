//! The statements, prepared once for each connection.

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Statement};

use crate::allocation::holds::place::PENDING_AT_MOST;

/// The database's time, in milliseconds since 1970.
const CLOCK: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The same, once for a whole statement, so that an index can be used with it.
const NOW: &str = "(extract(epoch FROM statement_timestamp()) * 1000)::bigint";

/// The columns of a hold, as [`rows`](super::rows) reads them.
const HOLD: &str =
    "h.address, h.prefix, h.group_name, h.mac, h.state, h.granted, h.ends, h.request, h.event, h.confirmed, h.trace";

/// Of the space with the provider `$1` and the name `$2`.
const OF_SPACE: &str = "h.space = (SELECT s.id FROM ipam_proxy_space s WHERE s.provider = $1 AND s.name = $2)";

/// Holds with one of these values in a column, looked up one after the other. `OFFSET 0` keeps it so: without statistics the
/// server takes the holds of a space for few, and would read them all.
fn of_each(column: &str) -> String {
    format!(
        "SELECT {HOLD} FROM unnest($3::bytea[]) wanted (value), \
        LATERAL (SELECT * FROM ipam_proxy_hold h WHERE {OF_SPACE} AND h.{column} = wanted.value OFFSET 0) h"
    )
}

macro_rules! statements {
    ($($(#[$about:meta])* $name:ident: $sql:expr;)*) => {
        /// All statements of one connection.
        pub(super) struct Statements {
            $($(#[$about])* pub(super) $name: Statement,)*
        }

        impl Statements {
            /// Prepares them all, in few round trips.
            pub(super) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
                let texts: Vec<String> = vec![$($sql.to_string()),*];
                let mut prepared = try_join_all(texts.iter().map(|sql| client.prepare(sql))).await?.into_iter();
                Ok(Self { $($name: prepared.next().expect("one for each text"),)* })
            }
        }
    };
}

statements! {
    /// Time and one event number.
    moment: format!("SELECT {CLOCK}, nextval('ipam_proxy_event')");
    /// Time and `$1` event numbers.
    moments: format!("SELECT {CLOCK}, nextval('ipam_proxy_event') FROM generate_series(1, $1::bigint)");
    /// Locks the row of a space.
    lock: "SELECT id, held, event FROM ipam_proxy_space WHERE provider = $1 AND name = $2 FOR UPDATE";
    /// Makes the row of a space.
    add_space: "INSERT INTO ipam_proxy_space (provider, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    /// The holds of some addresses, live and ended.
    of_addresses: of_each("address");
    /// The holds of some MACs, live and ended.
    of_macs: of_each("mac");
    /// How many holds there are in all.
    count: "SELECT coalesce(sum(held), 0)::bigint FROM ipam_proxy_space";
    /// How many live holds there are in each state.
    count_states: format!("SELECT h.state, count(*) FROM ipam_proxy_hold h WHERE h.ends > {NOW} GROUP BY h.state");
    /// Enters holds.
    put: "INSERT INTO ipam_proxy_hold \
        (space, address, prefix, group_name, mac, state, granted, ends, request, event, confirmed, \
        trace, trace_request, pending) SELECT $1::bigint, u.* FROM unnest($2::bytea[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bigint[], \
        $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::bigint[]) u \
        ON CONFLICT (space, address) DO UPDATE SET prefix = excluded.prefix, group_name = excluded.group_name, \
        mac = excluded.mac, state = excluded.state, granted = excluded.granted, ends = excluded.ends, \
        request = excluded.request, event = excluded.event, confirmed = excluded.confirmed, \
        trace = excluded.trace, trace_request = excluded.trace_request, pending = excluded.pending";
    /// Removes holds.
    remove: "DELETE FROM ipam_proxy_hold WHERE space = $1 AND address = ANY($2::bytea[])";
    /// Notes the last event of a space, and how many holds it has more.
    note: "UPDATE ipam_proxy_space SET held = held + $2::bigint, event = $3 WHERE id = $1";
    /// Has one of these events changed a hold?
    has_event: format!("SELECT 1 FROM ipam_proxy_hold h WHERE {OF_SPACE} \
        AND h.address = ANY($3::bytea[]) AND h.event = ANY($4::bigint[]) LIMIT 1");
    /// The live hold of an address.
    get: format!("SELECT {HOLD} FROM ipam_proxy_hold h WHERE {OF_SPACE} AND h.address = $3 AND h.ends > {NOW}");
    /// The live holds of a MAC, from one address to another.
    of_mac: format!("{} WHERE h.address BETWEEN $4 AND $5 AND h.ends > {NOW}", of_each("mac"));
    /// What is held from one address to another.
    held: format!("SELECT h.address, h.state FROM ipam_proxy_hold h WHERE {OF_SPACE} \
        AND h.address >= $3 AND h.address <= $4 AND h.ends > {NOW} ORDER BY h.address LIMIT $5");
    /// What may be given to another host from one address to another, in the order of `rules::spare`; with the time.
    spare: format!("SELECT {HOLD}, {NOW} FROM ipam_proxy_hold h WHERE {OF_SPACE} \
        AND h.address BETWEEN $3 AND $4 AND h.ends > {NOW} \
        AND h.pending IS NULL AND (h.state = 'released' OR (h.state = 'offered' AND h.mac IS NULL)) \
        ORDER BY (h.state <> 'released'), h.granted, h.event LIMIT 1");
    /// The spaces that have holds.
    spaces: "SELECT id, provider, name, held FROM ipam_proxy_space WHERE held > 0";
    /// The live holds of one space after an address.
    page: format!("SELECT h.space, {HOLD} FROM ipam_proxy_hold h \
        WHERE h.space = $1 AND h.address > $2 AND h.ends > {NOW} ORDER BY h.address LIMIT $3");
    /// The live holds of several spaces.
    pages: format!("SELECT h.space, {HOLD} FROM ipam_proxy_hold h WHERE h.space = ANY($1::bigint[]) AND h.ends > {NOW}");
    /// The live holds of an address in every space.
    find: format!("SELECT s.provider, s.name, {HOLD} FROM ipam_proxy_space s, \
        LATERAL (SELECT * FROM ipam_proxy_hold h WHERE h.space = s.id AND h.address = $1 OFFSET 0) h \
        WHERE h.ends > {NOW}");
    /// The live holds that a request has left a trace on.
    traced: format!("SELECT s.provider, s.name, {HOLD} FROM ipam_proxy_space s JOIN \
        (SELECT * FROM ipam_proxy_hold h WHERE h.trace_request = $1 OFFSET 0) h ON h.space = s.id \
        WHERE h.ends > {NOW}");
    /// The live holds that a proxy has to see to, the first ones in the order of `Hold::pending`.
    pending: format!("SELECT s.provider, s.name, {HOLD} FROM ipam_proxy_space s JOIN \
        (SELECT * FROM ipam_proxy_hold h WHERE h.pending IS NOT NULL AND h.ends > {NOW} \
        ORDER BY h.pending LIMIT {PENDING_AT_MOST}) h ON h.space = s.id");
    /// The spaces that have ended holds.
    with_ended: format!("SELECT s.provider, s.name FROM ipam_proxy_space s, LATERAL \
        (SELECT 1 FROM ipam_proxy_hold h WHERE h.space = s.id AND h.ends <= {NOW} ORDER BY h.ends LIMIT 1) ended");
    /// Removes some ended holds of a space.
    remove_ended: format!("DELETE FROM ipam_proxy_hold WHERE space = $1 AND address IN (SELECT h.address \
        FROM ipam_proxy_hold h WHERE h.space = $1 AND h.ends <= {NOW} ORDER BY h.ends LIMIT $2)");
}
