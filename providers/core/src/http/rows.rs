//! Lists with a bound: within one answer, and over the pages of a list.
//!
//! An IPAM that gives more than any site can have, or pages without an end, costs neither memory nor requests beyond the
//! bounds.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use crate::{Error, ErrorKind, Result};

/// More rows of one list are not read. At the 90 ms that a page of 1,000 takes at best, more would not come within the
/// time limit of an operation.
pub const ROWS_AT_MOST: usize = 100_000;

/// More pages of one list are not read. Sites may have small pages: this is 20,000 rows in pages of 20.
const PAGES_AT_MOST: usize = 1_000;

/// How the text begins by which [`Rows`] refuses a longer list.
pub(super) const TOO_MANY_ROWS: &str = "more than ";

/// A list in JSON of at most `AT_MOST` rows. A longer one is refused before the rest is read.
#[derive(Debug)]
pub struct Rows<T, const AT_MOST: usize>(pub Vec<T>);

impl<'de, T: Deserialize<'de>, const AT_MOST: usize> Deserialize<'de> for Rows<T, AT_MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor(PhantomData))
    }
}

struct RowsVisitor<T, const AT_MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const AT_MOST: usize> Visitor<'de> for RowsVisitor<T, AT_MOST> {
    type Value = Rows<T, AT_MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = list.next_element()? {
            if rows.len() == AT_MOST {
                return Err(A::Error::custom(format_args!("{TOO_MANY_ROWS}{AT_MOST} rows")));
            }
            rows.push(row);
        }
        Ok(Rows(rows))
    }
}

/// One page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// How many rows the list has on all pages, where the IPAM says it.
    pub count: Option<u64>,
    /// Does the IPAM announce another page?
    pub has_next: bool,
}

/// All rows of a list in `what`. `fetch` reads the page that begins after this many rows: the rows that came are counted,
/// because an IPAM may give fewer than were asked for.
///
/// # Errors
/// What `fetch` fails with. [`Unavailable`](ErrorKind::Unavailable) when the list became shorter meanwhile: the pages
/// after the rows that went would skip some. [`Unexpected`](ErrorKind::Unexpected) when the list has more than
/// [`ROWS_AT_MOST`] rows, or does not end where the IPAM says.
pub async fn pages<T, F>(what: &str, fetch: impl Fn(usize) -> F) -> Result<Vec<T>>
where
    F: Future<Output = Result<Page<T>>>,
{
    let mut all = Vec::new();
    let mut counted = None;
    for _ in 0..PAGES_AT_MOST {
        let Page { rows, count, has_next } = fetch(all.len()).await?;
        if counted > count {
            return Err(changed_meanwhile(what));
        }
        counted = count;
        let is_empty = rows.is_empty();
        all.extend(rows);
        if !has_next {
            return Ok(all);
        }
        let announced = count.map_or(all.len() + 1, |count| usize::try_from(count).unwrap_or(usize::MAX));
        if is_empty || announced <= all.len() {
            break;
        }
        if announced > ROWS_AT_MOST {
            let text = format!("A list in {what} has more than {ROWS_AT_MOST} rows. Ask for a smaller group");
            return Err(Error::new(ErrorKind::Unexpected, text));
        }
    }
    Err(Error::new(ErrorKind::Unexpected, format!("A list in {what} does not end")))
}

/// A list is not as it was when its reading began.
pub(crate) fn changed_meanwhile(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("A list in {what} changed while it was read. Try again"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// All rows of pages that `page` makes for an offset, and how many pages were asked for.
    async fn read(page: impl Fn(usize) -> Page<usize>) -> (Result<Vec<usize>>, usize) {
        let asked = AtomicUsize::new(0);
        let answer = |offset| {
            asked.fetch_add(1, Ordering::Relaxed);
            let page = page(offset);
            async { Ok(page) }
        };
        (pages("Somebody's IPAM", answer).await, asked.load(Ordering::Relaxed))
    }

    /// A page of a list of so many rows.
    fn page(offset: usize, size: usize, count: usize) -> Page<usize> {
        let end = (offset + size).min(count);
        Page { rows: (offset..end).collect(), count: Some(count as u64), has_next: end < count }
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end_whatever_the_size_of_its_pages() {
        for (size, count, pages) in
            [(1000, 0, 1), (1000, 1000, 1), (7, 50, 8), (20, 20_000, 1000), (1000, 100_000, 100)]
        {
            let (rows, asked) = read(|offset| page(offset, size, count)).await;
            assert_eq!((rows.expect("a list"), asked), ((0..count).collect(), pages), "{size} {count}");
        }
        let (rows, _) = read(|offset| Page { count: None, ..page(offset, 7, 50) }).await;
        assert_eq!(rows.expect("a list without a count").len(), 50);
    }

    #[tokio::test]
    async fn a_next_page_that_never_ends_costs_few_requests() {
        let endless = |offset, size, count| Page { count, has_next: true, ..page(offset, size, usize::MAX) };
        for (name, (rows, asked), at_most) in [
            ("more than the count", read(|offset| endless(offset, 8, Some(100))).await, 13),
            ("a count that grows", read(|offset| endless(offset, 8, Some(offset as u64 + 9))).await, PAGES_AT_MOST),
            ("no count, small pages", read(|offset| endless(offset, 1, None)).await, PAGES_AT_MOST),
            ("no count, large pages", read(|offset| endless(offset, 1000, None)).await, 100),
            ("empty pages", read(|offset| endless(offset, 0, Some(100))).await, 1),
            ("the same page again", read(|_| endless(0, 8, Some(20))).await, 3),
            ("more than a site has", read(|offset| endless(offset, 8, Some(u64::MAX))).await, 1),
        ] {
            assert_eq!(rows.expect_err("no end").kind(), ErrorKind::Unexpected, "{name}");
            assert!(asked <= at_most, "{name}: {asked} pages");
        }
    }

    #[tokio::test]
    async fn a_list_that_became_shorter_is_worth_another_try() {
        let (rows, asked) = read(|offset| page(offset, 8, if offset == 0 { 50 } else { 49 })).await;
        assert_eq!((rows.expect_err("rows were skipped").kind(), asked), (ErrorKind::Unavailable, 2));
    }
}
