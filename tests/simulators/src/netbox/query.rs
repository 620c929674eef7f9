//! Parameters of lists: filters, pages, and which keys are shown. What NetBox does not know it ignores.

use serde_json::{Map, Value, json};

use super::version::Version;
use crate::{Request, Response};

/// How long the target of a request may be; more is refused by the web server.
const TARGET_AT_MOST: usize = 4094;

/// The parameters of a request.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    path: String,
    /// Scheme and host, as the client or a front end named them.
    root: String,
}

/// How lists are cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pages {
    pub(super) default: usize,
    /// 0 for no limit.
    pub(super) at_most: usize,
}

impl Query {
    /// Reads the parameters; refuses what the server refuses of any list.
    pub(super) fn of(request: &Request, root: &str) -> Result<Self, Response> {
        let target = request.path.len() + 1 + request.query.len();
        if target > TARGET_AT_MOST {
            let reason = format!("Request Line is too large ({target} &gt; {TARGET_AT_MOST})");
            return Err(Response::html(400, &format!("<html><title>Bad Request</title><p>{reason}</p></html>")));
        }
        let pairs = request.parameters();
        if let Some((key, _)) = pairs.iter().find(|(_, value)| value.contains('\0')) {
            return Err(refused(key, "Null characters are not allowed."));
        }
        Ok(Self { pairs, path: request.path.clone(), root: root.to_owned() })
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// The values of a parameter, stripped of blanks; the empty ones do not count.
    pub(super) fn all(&self, key: &str) -> Vec<&str> {
        let values = self.pairs.iter().filter(|(known, _)| known == key).map(|(_, value)| value.trim());
        values.filter(|value| !value.is_empty()).collect()
    }

    /// Does one of the values fit, or is the filter off?
    pub(super) fn fits(&self, key: &str, fits: impl Fn(&str) -> bool) -> bool {
        let values = self.all(key);
        values.is_empty() || values.into_iter().any(fits)
    }

    /// A filter by the id of a related record, or `null` for none: what does not exist is refused.
    pub(super) fn related(
        &self,
        key: &str,
        exists: impl Fn(u64) -> bool,
    ) -> Result<Option<Vec<Option<u64>>>, Response> {
        let values: Vec<&str> =
            self.pairs.iter().filter(|(known, _)| known == key).map(|(_, value)| value.trim()).collect();
        let mut ids = Vec::new();
        for value in &values {
            if *value == "null" {
                ids.push(None);
                continue;
            }
            let Ok(id) = value.parse() else {
                return Err(refused(key, &format!("“{value}” is not a valid value.")));
            };
            if !exists(id) {
                return Err(no_choice(key, value));
            }
            ids.push(Some(id));
        }
        Ok((!values.is_empty()).then_some(ids))
    }

    /// A filter by one of a few words.
    pub(super) fn choice(&self, key: &str, choices: &[&str]) -> Result<Vec<&str>, Response> {
        let values = self.all(key);
        match values.iter().find(|value| !choices.contains(value)) {
            Some(value) => Err(no_choice(key, value)),
            None => Ok(values),
        }
    }

    /// How many rows are asked for: nonsense and negative numbers are the default, 0 is as many as there may be.
    fn limit(&self, pages: Pages) -> usize {
        let most = if pages.at_most == 0 { usize::MAX } else { pages.at_most };
        match self.all("limit").last().and_then(|limit| limit.parse::<i64>().ok()) {
            Some(0) => most,
            Some(limit) if limit > 0 => usize::try_from(limit).unwrap_or(most).min(most),
            _ => pages.default,
        }
    }

    /// The limit of `available-ips`, where a negative one means everything.
    pub(super) fn plain_limit(&self, pages: Pages) -> usize {
        match self.all("limit").last().and_then(|limit| limit.parse::<i64>().ok()) {
            Some(limit) if limit < 0 => usize::MAX,
            _ => self.limit(pages),
        }
    }

    /// One page of rows that are filtered and sorted.
    pub(super) fn page<T>(
        &self,
        mut rows: Vec<&T>,
        pages: Pages,
        version: Version,
        id: impl Fn(&T) -> u64,
        render: impl Fn(&T) -> Value,
    ) -> Response {
        let number = |key: &str| self.all(key).last().and_then(|value| value.parse::<usize>().ok());
        let limit = self.limit(pages);
        let (count, offset) = (rows.len(), number("offset").unwrap_or(0));
        let start = number("start").filter(|_| version.selects_fields());
        let (shown, next, previous, count) = match start {
            Some(_) if !self.all("offset").is_empty() => {
                return Response::json(400, &json!(["'start' and 'offset' are mutually exclusive."]));
            }
            Some(start) => {
                rows.sort_by_key(|row| id(row));
                rows.retain(|row| id(row) >= start as u64);
                let next = (rows.len() > limit).then(|| id(rows[limit - 1]) + 1);
                rows.truncate(limit);
                (rows, next.map(|start| self.link(limit, ("start", start))), Value::Null, Value::Null)
            }
            None => {
                let next = (offset.saturating_add(limit) < count)
                    .then(|| self.link(limit, ("offset", (offset + limit) as u64)));
                let previous = (offset > 0).then(|| self.link(limit, ("offset", offset.saturating_sub(limit) as u64)));
                let shown = rows.into_iter().skip(offset).take(limit).collect();
                (shown, next, json!(previous), json!(count))
            }
        };
        let results: Vec<Value> = shown.into_iter().map(|row| self.select(render(row), version)).collect();
        Response::json(200, &json!({"count": count, "next": next, "previous": previous, "results": results}))
    }

    /// The record with the keys that `fields=` and `omit=` leave.
    pub(super) fn select(&self, record: Value, version: Version) -> Value {
        let Value::Object(record) = record else { return record };
        let named = |key: &str| -> Vec<String> {
            let lists = self.all(key);
            lists.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect()
        };
        let (fields, omit) = (named("fields"), named("omit"));
        if !version.selects_fields() {
            return Value::Object(record);
        }
        let is_shown = |key: &String| (fields.is_empty() || fields.contains(key)) && !omit.contains(key);
        Value::Object(record.into_iter().filter(|(key, _)| is_shown(key)).collect::<Map<_, _>>())
    }

    pub(super) fn is_brief(&self) -> bool {
        !self.all("brief").is_empty()
    }

    pub(super) fn ordering(&self) -> Option<&str> {
        self.all("ordering").last().copied()
    }

    /// The URL of another page, on the host that the client seems to have asked.
    fn link(&self, limit: usize, (key, position): (&str, u64)) -> String {
        let others = self.pairs.iter().filter(|(known, _)| known != "limit" && known != key).cloned();
        let mut pairs: Vec<(String, String)> = others.collect();
        pairs.extend([("limit".to_owned(), limit.to_string()), (key.to_owned(), position.to_string())]);
        pairs.sort();
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let query: Vec<String> =
            pairs.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
        format!("{}{}?{}", self.root, self.path, query.join("&"))
    }
}

/// `{"key": ["text"]}` with status 400.
pub(super) fn refused(key: &str, text: &str) -> Response {
    Response::json(400, &json!({key: [text]}))
}

fn no_choice(key: &str, value: &str) -> Response {
    refused(key, &format!("Select a valid choice. {value} is not one of the available choices."))
}
