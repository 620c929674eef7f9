//! What the database finds wrong with itself.

use super::session::Session;
use crate::Result;

/// How many rows of one table that belong nowhere are reported.
const ROWS_AT_MOST: usize = 100;

/// The CHECK constraints, each as a question for a row that is against it.
const CHECKS: &str = "
    SELECT format('SELECT 1 FROM ipam_store.%I WHERE NOT (%s) LIMIT 1', c.relname, pg_get_expr(k.conbin, k.conrelid)),
        format('CHECK constraint %s of %s does not hold', k.conname, c.relname)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype = 'c' AND k.connamespace = 'ipam_store'::regnamespace ORDER BY c.relname, k.conname";

/// The foreign keys, each as a question for rows that belong to none.
const KEYS: &str = "
    SELECT format(
            'SELECT 1 FROM ipam_store.%1$I c WHERE c.%2$I IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM ipam_store.%3$I p WHERE p.%4$I = c.%2$I) LIMIT %5$s',
            c.relname, ca.attname, p.relname, pa.attname, $1::bigint),
        format('a row of %s belongs to a row of %s that is not there', c.relname, p.relname)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
    JOIN pg_attribute ca ON ca.attrelid = c.oid AND ca.attnum = k.conkey[1]
    JOIN pg_attribute pa ON pa.attrelid = p.oid AND pa.attnum = k.confkey[1]
    WHERE k.contype = 'f' AND k.connamespace = 'ipam_store'::regnamespace ORDER BY c.relname, p.relname";

/// Indices that were left unfinished.
const INDICES: &str = "
    SELECT format('index %s of %s is not valid', i.relname, c.relname)
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
    WHERE NOT x.indisvalid AND c.relnamespace = 'ipam_store'::regnamespace ORDER BY i.relname";

/// Looks at constraints and indices; of pages the server itself takes care (`data_checksums`).
pub(super) fn found(session: &Session) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for row in session.wait(session.client.query(INDICES, &[]))? {
        found.push(row.try_get(0)?);
    }
    let mut questions = session.wait(session.client.query(CHECKS, &[]))?;
    questions.extend(session.wait(session.client.query(KEYS, &[&(ROWS_AT_MOST as i64)]))?);
    for question in &questions {
        let (sql, what): (&str, &str) = (question.try_get(0)?, question.try_get(1)?);
        let rows = session.wait(session.client.query_typed(sql, &[]))?.len();
        found.extend(std::iter::repeat_n(what.to_owned(), rows));
    }
    Ok(found)
}
