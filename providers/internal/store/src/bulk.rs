//! Statements that insert many rows at once, since each statement costs a round trip where the database is on the network.

/// How many rows one statement inserts.
pub(crate) const ROWS: usize = 100;

/// A statement that inserts [`ROWS`] rows.
///
/// `insert` is its beginning up to the columns, `end` what follows the values.
pub(crate) fn rows_at_once(insert: &str, columns: usize, end: &str) -> String {
    let row = |row: usize| {
        let numbers: Vec<String> = (1..=columns).map(|column| format!("?{}", row * columns + column)).collect();
        format!("({})", numbers.join(", "))
    };
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    format!("{insert} VALUES {} {end}", rows.join(", "))
}
