//! The calls of the contract, as Foreman makes them and reads their answers
//! (`app/services/proxy_api/external_ipam.rb`, 3.2 to 3.13).

use std::fmt;
use std::net::IpAddr;

use ipam_provider::Prefix;
use serde::{Deserialize, Serialize};

use crate::connection::{Answer, Connections, Line, Target};
use crate::ledger::Written;
use crate::places::Place;
use crate::promise::{Clock, Moment};
use crate::stats::Stats;

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A free address.
    NextIp,
    /// Is the address taken?
    Exists,
    /// Reserve it.
    Add,
    /// Give it back.
    Delete,
    /// Choose and reserve an address in one call of the management API.
    Allocate,
    /// Give it back through the management API.
    Release,
}

impl Call {
    /// As it is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NextIp => "next_ip",
            Self::Exists => "exists",
            Self::Add => "add",
            Self::Delete => "delete",
            Self::Allocate => "allocate",
            Self::Release => "release",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::NextIp | Self::Exists => "GET",
            Self::Add | Self::Allocate => "POST",
            Self::Delete | Self::Release => "DELETE",
        }
    }
}

/// A call without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The server answered with this text.
    Refused(String),
    /// There was no answer, or none that can be read: nobody knows what the server did.
    Lost(String),
}

impl Failure {
    /// What it makes of a write.
    pub(crate) fn written(&self) -> Written {
        match self {
            Self::Refused(_) => Written::Refused,
            Self::Lost(_) => Written::Lost,
        }
    }

    /// Does it say that the address is somebody else's?
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Refused(text) if text.contains("already") && text.contains("reserved in External IPAM"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text) => f.write_str(text),
            Self::Lost(text) => write!(f, "no answer: {text}"),
        }
    }
}

/// How a call went.
#[derive(Debug)]
pub struct Called<T> {
    /// When it began.
    pub asked: Moment,
    /// When the answer was there, or it was clear that there is none.
    pub answered: Moment,
    /// What was answered.
    pub outcome: Result<T, Failure>,
}

/// One Foreman process, that makes one call after the other.
pub struct Foreman {
    line: Line,
    clock: Clock,
    pub(crate) stats: Stats,
}

#[derive(Deserialize)]
struct Data {
    data: IpAddr,
}

#[derive(Deserialize)]
struct ErrorText {
    error: String,
}

impl Foreman {
    /// A Foreman that has called nobody yet.
    pub fn new(target: Target, connections: Connections, clock: Clock) -> Self {
        Self { line: Line::new(target, connections), clock, stats: Stats::default() }
    }

    /// `next_ip`: a free address. An id of a request is the same for all calls of one web request of Foreman's.
    pub async fn next_ip(&mut self, place: &Place, mac: Option<&str>, request_id: &str) -> Called<IpAddr> {
        let read = |answer: &Answer<'_>| Some(serde_json::from_slice::<Data>(answer.body).ok()?.data);
        let called = self.call(Call::NextIp, &place.next_ip(mac), request_id, read).await;
        match called.outcome {
            // Foreman refuses it too.
            Ok(address) if !place.prefix.contains(address) => {
                let text = format!("{address} is not in {}", place.prefix);
                Called { outcome: Err(Failure::Refused(text)), ..called }
            }
            _ => called,
        }
    }

    /// `ip_exists`: is the address taken?
    pub async fn exists(&mut self, place: &Place, address: IpAddr, request_id: &str) -> Called<bool> {
        let read = |answer: &Answer<'_>| serde_json::from_slice(answer.body).ok();
        self.call(Call::Exists, &place.read(address), request_id, read).await
    }

    /// `add_ip_to_subnet` and `delete_ip_from_subnet`, for [`Call::Add`] and [`Call::Delete`]; any success that Foreman takes for one is one.
    pub async fn write(&mut self, call: Call, place: &Place, address: IpAddr, request_id: &str) -> Called<()> {
        self.call(call, &place.write(address), request_id, |_| Some(())).await
    }

    async fn call<T>(
        &mut self,
        call: Call,
        target: &str,
        request_id: &str,
        read: impl FnOnce(&Answer<'_>) -> Option<T>,
    ) -> Called<T> {
        let asked = self.clock.now();
        let outcome = match self.line.call(call.method(), target, request_id).await {
            Err(error) => Err(Failure::Lost(error.to_string())),
            Ok(answer) => match (error_of(&answer), read(&answer)) {
                (Some(text), _) => Err(Failure::Refused(text)),
                (None, Some(value)) => Ok(value),
                (None, None) => Err(Failure::Lost(format!("not as Foreman wants it, status {}", answer.status))),
            },
        };
        let answered = self.clock.now();
        self.stats.note(call, answered.0 - asked.0, outcome.as_ref().err());
        Called { asked, answered, outcome }
    }
}

/// One program that uses the management API.
pub struct Program {
    line: Line,
    clock: Clock,
    pub(crate) stats: Stats,
}

/// An address that the management API has allocated.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Allocation {
    pub(crate) id: String,
    pub(crate) address: IpAddr,
}

#[derive(Deserialize)]
struct Allocated {
    items: Vec<Allocation>,
}

#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Program {
    /// A program that has called nobody yet.
    pub fn new(target: Target, connections: Connections, clock: Clock) -> Self {
        Self { line: Line::new(target, connections), clock, stats: Stats::default() }
    }

    /// Allocates an address. The request's id is its idempotency key: a call that had no answer can be repeated.
    pub(crate) async fn allocate(
        &mut self,
        place: &Place,
        strategy: &str,
        mac: Option<&str>,
        request_id: &str,
    ) -> Called<Allocation> {
        let body = serde_json::json!({"subnets": [place.api_id()], "strategy": strategy, "mac": mac}).to_string();
        let read = |answer: &Answer<'_>| {
            let allocated = serde_json::from_slice::<Allocated>(answer.body).ok()?;
            allocated.items.into_iter().next()
        };
        self.call(Call::Allocate, "/api/v1/allocations", request_id, Some(&body), read).await
    }

    /// Releases an allocation.
    pub(crate) async fn release(&mut self, id: &str, request_id: &str) -> Called<()> {
        self.call(Call::Release, &format!("/api/v1/allocations/{id}"), request_id, None, |_| Some(())).await
    }

    async fn call<T>(
        &mut self,
        call: Call,
        target: &str,
        request_id: &str,
        json: Option<&str>,
        read: impl FnOnce(&Answer<'_>) -> Option<T>,
    ) -> Called<T> {
        let asked = self.clock.now();
        let outcome = match self.line.send(call.method(), target, request_id, json).await {
            Err(error) => Err(Failure::Lost(error.to_string())),
            Ok(answer) if !(200..300).contains(&answer.status) => {
                let detail = serde_json::from_slice::<Problem>(answer.body).map(|problem| problem.detail);
                Err(Failure::Refused(format!("{}: {}", answer.status, detail.unwrap_or_default())))
            }
            Ok(answer) => {
                let status = answer.status;
                read(&answer).ok_or_else(|| Failure::Lost(format!("not as the API has it, status {status}")))
            }
        };
        let answered = self.clock.now();
        self.stats.note(call, answered.0 - asked.0, outcome.as_ref().err());
        Called { asked, answered, outcome }
    }
}

/// The error of an answer: in a body with status 200, or a status that Foreman's client raises on.
fn error_of(answer: &Answer<'_>) -> Option<String> {
    let text = serde_json::from_slice::<ErrorText>(answer.body).ok().map(|body| body.error);
    match answer.status {
        200..=299 => text,
        status => Some(format!("{status}: {}", text.unwrap_or_default())),
    }
}

/// A text without what differs from host to host, so that equal errors are counted together.
pub(crate) fn generalised(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_matches(|c: char| matches!(c, ',' | ';' | '.' | '(' | ')' | '\'') || c == ':');
        let name = if bare.parse::<IpAddr>().is_ok() {
            "<address>"
        } else if bare.parse::<Prefix>().is_ok() {
            "<subnet>"
        } else {
            return word.to_owned();
        };
        word.replace(bare, name)
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_as_foreman_finds_them() {
        let error = |status, body: &str| error_of(&Answer { status, body: body.as_bytes() });
        assert_eq!(error(200, "true"), None);
        assert_eq!(error(201, r#"{"message": "done"}"#), None);
        assert_eq!(error(200, r#"{"error": "no"}"#), Some("no".to_owned()));
        assert_eq!(error(404, r#"{"error": "no"}"#), Some("404: no".to_owned()));
        assert_eq!(error(500, "<html>"), Some("500: ".to_owned()));
    }

    #[test]
    fn texts_are_generalised_and_read_the_same() {
        let text = "IP address 10.0.0.7 is already reserved in External IPAM, in subnet 10.0.0.0/24. Choose another";
        assert_eq!(
            generalised(text),
            "IP address <address> is already reserved in External IPAM, in subnet <subnet>. Choose another"
        );
        assert!(Failure::Refused(text.to_owned()).is_taken());
        assert_eq!(generalised("(2001:db8::1) x"), "(<address>) x");
    }
}
