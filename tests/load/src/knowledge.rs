//! What a proxy shows of what it knows: its holds and its log.

use std::fs;
use std::io;
use std::path::Path;

use ipam_provider::GroupName;
use serde_json::Value;

use crate::connection::{Connections, Line, Target};
use crate::ledger::Claim;
use crate::places::Place;
use crate::products::names::form_escape;

/// What a proxy shows of what it knows.
#[derive(Debug, Default)]
pub struct Knowledge {
    holds: Vec<Held>,
    log: String,
}

/// One of the proxy's holds, as it lists them.
#[derive(Debug)]
pub(crate) struct Held {
    prefix: String,
    group: Option<String>,
    address: String,
    state: String,
}

impl Held {
    /// Does it say that the reservation of this claim may be in the IPAM?
    ///
    /// A reservation that has no answer does.
    fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "adding" | "unanswered")
    }
}

impl Knowledge {
    /// What the holds and the log show.
    pub(crate) fn new(holds: Vec<Held>, log: String) -> Self {
        Self { holds, log }
    }

    /// What a server that runs shows of itself, with the log in a file or else as far as the server still has it. Nothing
    /// of what it does not show: it may be another proxy.
    ///
    /// # Errors
    /// When the server gives no answer, or the file cannot be read.
    pub async fn of_server(target: &Target, log: Option<&Path>) -> io::Result<Self> {
        let holds = holds(target).await?.unwrap_or_default();
        let log = match log {
            Some(file) => String::from_utf8_lossy(&fs::read(file)?).into_owned(),
            None => logged(target).await?,
        };
        Ok(Self { holds, log })
    }

    /// How the proxy shows that it knows of what became of this claim, if it does.
    pub fn of(&self, place: &Place, claim: &Claim) -> Option<String> {
        let (prefix, address) = (place.prefix.to_string(), claim.address.to_string());
        let group = place.group.as_ref().map(GroupName::as_str);
        let is_of_it = |hold: &&Held| {
            let is_same = hold.prefix == prefix && hold.group.as_deref() == group && hold.address == address;
            is_same && hold.is_open()
        };
        if let Some(hold) = self.holds.iter().find(is_of_it) {
            return Some(format!("its hold is {}", hold.state));
        }
        let is_about_it = |line: &&str| is_warning(line) && (names(line, &address) || line.contains(&claim.request));
        self.log.lines().find(is_about_it).map(str::to_owned)
    }
}

/// The holds that a server lists; `None` if it lists none in our form.
pub(crate) async fn holds(target: &Target) -> io::Result<Option<Vec<Held>>> {
    let (mut all, mut path) = (Vec::new(), "/ipam/holds".to_owned());
    let shown = |hold: &Value| {
        let text = |key: &str| hold[key].as_str().map(str::to_owned);
        let [prefix, address, state] = ["prefix", "address", "state"].map(|key| text(key).unwrap_or_default());
        Held { prefix, group: text("group"), address, state }
    };
    loop {
        let page = read(target, &path).await?;
        let Some(holds) = page["holds"].as_array() else { return Ok(None) };
        all.extend(holds.iter().map(shown));
        let Some(next) = page["next"].as_str() else { return Ok(Some(all)) };
        path = format!("/ipam/holds?after={}", form_escape(next));
    }
}

/// The log that a smart proxy shows to Foreman, as lines of a log file.
async fn logged(target: &Target) -> io::Result<String> {
    let body = read(target, "/logs/").await?;
    let line = |entry: &Value| {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let level = text("level").chars().next().unwrap_or('?');
        format!("{} [{level}] {}\n", text("request_id"), text("message"))
    };
    Ok(body["logs"].as_array().into_iter().flatten().map(line).collect())
}

async fn read(target: &Target, path: &str) -> io::Result<Value> {
    let mut line = Line::new(target.clone(), Connections::PerCall);
    let answer = line.call("GET", path, "audit").await?;
    Ok(serde_json::from_slice(answer.body).unwrap_or_default())
}

fn is_warning(line: &str) -> bool {
    line.contains(" [W] ") || line.contains(" [E] ")
}

/// Is the address in the line as a whole?
fn names(line: &str, address: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':');
    line.split(|c| !is_part(c)).any(|word| word.trim_end_matches(['.', ':']) == address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Written;

    #[test]
    fn the_proxy_knows_what_it_warns_of_or_holds() {
        let held = |address: &str, state: &str| Held {
            prefix: "10.0.0.0/24".to_owned(),
            group: None,
            address: address.to_owned(),
            state: state.to_owned(),
        };
        let knowledge = Knowledge {
            holds: vec![held("10.0.0.3", "unanswered"), held("10.0.0.4", "reserved")],
            log: "2026-11-20T17:49:08 0000000a [I] Started POST /ipam/subnet/10.0.0.0/24/10.0.0.1\n\
                  2026-11-20T17:49:08 0000000b [W] Whether 10.0.0.11 in 10.0.0.0/24 is reserved is unknown\n\
                  2026-11-20T17:49:08 0000000c [E] Unable to connect\n"
                .to_owned(),
        };
        let place = Place::new("10.0.0.0/24".parse().expect("a prefix"), None);
        let known = |last: u8, request: &str| {
            let (address, request) = ([10, 0, 0, last].into(), request.to_owned());
            let (add, delete) = (Written::Lost, Written::Not);
            knowledge.of(&place, &Claim { host: 1, place: 0, address, mac: None, add, delete, error: None, request })
        };
        assert_eq!(known(1, "0000000a"), None, "that a request began is no knowledge of how it ended");
        assert!(known(11, "0000000f").is_some());
        assert!(known(2, "0000000c").is_some());
        assert!(known(3, "0000000f").is_some());
        assert_eq!(known(4, "0000000f"), None, "it takes the reservation for one that its host knows of");
    }
}
