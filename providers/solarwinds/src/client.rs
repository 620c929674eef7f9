//! Requests to SWIS: queries, verbs, and changes by uri.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipam_provider::http::{Answer, Api, HttpClient, Method, ROWS_AT_MOST, secret_header};
use ipam_provider::{Error, ErrorKind, Result};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::Settings;
use crate::refusal::error;
use crate::vendor::{BASE, CHANGE_ADDRESSES, IP_NODE, PAGE, Query, READ, RESERVE, SUBNET_MANAGEMENT, WHAT};
use crate::wire::{Change, Details, Results, Row, quoted};

/// How long a reservation lasts that is not finished, in minutes.
pub(crate) const RESERVED_FOR_MINUTES: u64 = 2;

/// A reservation in a hierarchy group: network address, length, and the group's name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) network: IpAddr,
    pub(crate) length: u8,
    pub(crate) group: &'a str,
}

/// Asks SolarWinds in the name of the account.
#[derive(Debug, Clone)]
pub(crate) struct Client(Api);

impl Client {
    /// A client of these settings. Does no network.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let pair = format!("{}:{}", settings.user, settings.password.expose_secret());
        let basic = secret_header(&format!("Basic {}", STANDARD.encode(pair))).expect("base64 is ASCII");
        let http = HttpClient::new(WHAT, &settings.http)?;
        Ok(Self(Api::new(http, error).with_header("authorization", basic)))
    }

    async fn post(&self, path: &[&str], body: &Value) -> Result<Answer> {
        Ok(self.0.post(&[&BASE[..], path].concat(), body).await?)
    }

    /// The rows of a query that has no pages.
    pub(crate) async fn query(&self, query: Query, parameters: &Value) -> Result<Vec<Row>> {
        let answer = self.post(&["Query"], &json!({"query": query.text(), "parameters": parameters})).await?;
        if answer.status == 200 {
            Ok(answer.into_json::<Results>().await?.results.0)
        } else {
            Err(self.0.collection_error(&answer, READ))
        }
    }

    /// All rows of a query of pages, which are ordered by the column `key`: a page begins after the last row of the one
    /// before, so that rows that come and go meanwhile make none be skipped.
    pub(crate) async fn pages(&self, query: Query, key: &'static str, parameters: &[(&str, i64)]) -> Result<Vec<Row>> {
        let mut all: Vec<Row> = Vec::new();
        let mut after = -1;
        while all.len() < ROWS_AT_MOST {
            let mut parameters: Map<String, Value> =
                parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            parameters.insert("after".to_owned(), after.into());
            let page = self.query(query, &parameters.into()).await?;
            let is_last = page.len() < PAGE;
            if let Some(last) = page.last() {
                let last = last.number(key)?;
                if last <= after {
                    return Err(Error::new(ErrorKind::Unexpected, format!("A list in {WHAT} does not end")));
                }
                after = last;
            }
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
        let text = format!("A list in {WHAT} has more than {ROWS_AT_MOST} rows. Ask for a smaller group");
        Err(Error::new(ErrorKind::Unexpected, text))
    }

    /// Calls a verb and gives what it returns; nothing is `null`.
    async fn invoke(&self, verb: &str, arguments: Value) -> Result<Value> {
        let answer = self.post(&["Invoke", SUBNET_MANAGEMENT, verb], &arguments).await?;
        match answer.is_success() {
            true if answer.body.is_empty() => Ok(Value::Null),
            true => answer.json(),
            false => Err(self.0.collection_error(&answer, RESERVE)),
        }
    }

    /// Takes the first available address of the place from this one on, in one step on the server, for
    /// [`RESERVED_FOR_MINUTES`].
    pub(crate) async fn start_reservation(&self, place: Place<'_>, address: IpAddr) -> Result<IpAddr> {
        let Place { network, length, group } = place;
        let arguments =
            json!([network.to_string(), length.to_string(), group, RESERVED_FOR_MINUTES, address.to_string()]);
        let value = self.invoke("StartIpReservationForGroup", arguments).await?;
        value.as_str().and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
            let text = format!("{WHAT} starts a reservation and does not name its address");
            Error::new(ErrorKind::Unexpected, text).because(quoted(&value))
        })
    }

    /// Makes a reservation last.
    pub(crate) async fn finish_reservation(&self, group: &str, address: IpAddr) -> Result<()> {
        let arguments = json!([address.to_string(), "Reserved", group]);
        self.invoke("FinishIpReservationForGroup", arguments).await.map(drop)
    }

    /// Ends a reservation that was started.
    pub(crate) async fn cancel_reservation(&self, group: &str, address: IpAddr) -> Result<()> {
        self.invoke("CancelIpReservationForGroup", json!([address.to_string(), group])).await.map(drop)
    }

    /// Makes an address available again, whatever it was.
    pub(crate) async fn make_available(&self, group: &str, address: IpAddr) -> Result<()> {
        self.invoke("ChangeIpStatusForGroup", json!([address.to_string(), "Available", group])).await.map(drop)
    }

    /// Changes the row of this uri.
    pub(crate) async fn change(&self, uri: &[String], change: &Change) -> Result<()> {
        self.change_at(uri, &[], &json!(change)).await
    }

    /// Changes MAC, host name and comment of the row of this uri; the status stays.
    pub(crate) async fn change_details(&self, uri: &[String], details: &Details) -> Result<()> {
        self.change_at(uri, &[], &json!(details)).await
    }

    /// Sets custom properties of the row of this uri.
    pub(crate) async fn set_properties(&self, uri: &[String], place: &str, properties: &Value) -> Result<()> {
        self.change_at(uri, &[place], properties).await
    }

    async fn change_at(&self, uri: &[String], below: &[&str], change: &Value) -> Result<()> {
        let path: Vec<&str> = uri.iter().map(String::as_str).chain(below.iter().copied()).collect();
        let answer = self.post(&path, change).await?;
        if answer.is_success() { Ok(()) } else { Err(self.0.collection_error(&answer, CHANGE_ADDRESSES)) }
    }

    /// Adds a row for an address that has none.
    pub(crate) async fn create(&self, new: &Value) -> Result<()> {
        let answer = self.post(&["Create", IP_NODE], new).await?;
        if answer.is_success() { Ok(()) } else { Err(self.0.collection_error(&answer, CHANGE_ADDRESSES)) }
    }

    /// Removes the row of this uri.
    pub(crate) async fn delete(&self, uri: &[String]) -> Result<()> {
        let path: Vec<&str> = BASE.into_iter().chain(uri.iter().map(String::as_str)).collect();
        let answer = self.0.send(self.0.request(Method::DELETE, &path)).await?;
        if answer.is_success() { Ok(()) } else { Err(self.0.collection_error(&answer, CHANGE_ADDRESSES)) }
    }

    /// May the account change addresses? No row has this key, so that nothing is changed.
    pub(crate) async fn may_change(&self) -> Result<()> {
        let uri = ["swis:", "", "localhost", "Orion", IP_NODE, "IpNodeId=0"].map(str::to_owned);
        unless_denied(self.change_at(&uri, &[], &json!({"SkipScan": false})).await)
    }

    /// May the account reserve addresses? No address is reserved in this group, so that nothing is ended.
    pub(crate) async fn may_reserve(&self) -> Result<()> {
        unless_denied(self.cancel_reservation("", [0, 0, 0, 0].into()).await)
    }
}

/// A refusal for another reason than the account's rights shows that it has them.
fn unless_denied(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if matches!(error.kind(), ErrorKind::Rejected | ErrorKind::NotFound) => Ok(()),
        outcome => outcome,
    }
}
