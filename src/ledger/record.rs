//! What the ledger has of one write.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipam_provider::{GroupName, Mac, Prefix};
use jiff::Timestamp;
use serde_json::{Value, json};

/// No message is longer, in bytes.
const MESSAGE_AT_MOST: usize = 1000;

/// One write, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When its outcome was known.
    pub at: Timestamp,
    /// The door that it came through; `None` for what the proxy did by itself.
    pub door: Option<String>,
    /// Its caller, by the name that the gate knows.
    pub caller: Option<String>,
    /// Its request's id.
    pub request: Option<String>,
    /// What was to be done.
    pub operation: Operation,
    /// What became of it.
    pub outcome: Outcome,
    /// The IPAM.
    pub provider: String,
    /// The subnet's group.
    pub group: Option<GroupName>,
    /// The subnet.
    pub prefix: Prefix,
    /// The address.
    pub address: IpAddr,
    /// The MAC of the host, if it is known.
    pub mac: Option<Mac>,
    /// The name of the host in lower case, if it is known.
    pub host_name: Option<String>,
    /// Why it ended so.
    pub message: Option<String>,
}

/// A record in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Higher than that of every record that was there before it was written.
    pub sequence: i64,
    /// The record.
    pub record: Record,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),*
        }

        impl $name {
            /// The word in the database and in JSON.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<Self, ()> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(()),
                }
            }
        }
    };
}

words! {
    /// What was to be done with the address.
    Operation {
        /// Reserve it.
        Add = "add",
        /// End its reservation.
        Delete = "delete",
        /// Reserve it again as it was, because the request that deleted it was refused later.
        Restore = "restore",
        /// Record the host's name or MAC, which the proxy has learned.
        Change = "change",
    }
}

words! {
    /// What became of a write.
    Outcome {
        /// It took effect.
        Done = "done",
        /// It took effect, and its caller may not know of it.
        Unanswered = "unanswered",
        /// There was nothing to delete.
        Nothing = "nothing",
        /// It took no effect.
        Failed = "failed",
        /// Whether it took effect is not known: the answer of the IPAM was lost.
        Unknown = "unknown",
    }
}

impl Record {
    /// The record as the database can keep it: texts without U+0000, the message no longer than it may be.
    pub(super) fn tidied(mut self) -> Self {
        for text in [&mut self.caller, &mut self.request, &mut self.host_name, &mut self.message].into_iter().flatten()
        {
            if text.contains('\0') {
                *text = text.replace('\0', "\u{fffd}");
            }
        }
        if let Some(message) = &mut self.message {
            let end = (0..=MESSAGE_AT_MOST.min(message.len())).rev().find(|end| message.is_char_boundary(*end));
            message.truncate(end.unwrap_or_default());
        }
        if let Some(name) = &mut self.host_name {
            name.make_ascii_lowercase();
        }
        self
    }

    /// Operation and outcome in words for people.
    pub fn told(&self) -> &'static str {
        match (self.operation, self.outcome) {
            (Operation::Add, Outcome::Done) => "added",
            (Operation::Add, Outcome::Unanswered) => "added, answer lost",
            (Operation::Add, Outcome::Nothing | Outcome::Failed) => "not added",
            (Operation::Add, Outcome::Unknown) => "perhaps added",
            (Operation::Delete, Outcome::Done | Outcome::Unanswered) => "deleted",
            (Operation::Delete, Outcome::Nothing) => "was not there to delete",
            (Operation::Delete, Outcome::Failed) => "not deleted",
            (Operation::Delete, Outcome::Unknown) => "perhaps deleted",
            (Operation::Restore, Outcome::Done | Outcome::Unanswered) => "added again",
            (Operation::Restore, Outcome::Nothing | Outcome::Failed) => "not added again",
            (Operation::Restore, Outcome::Unknown) => "perhaps added again",
            (Operation::Change, Outcome::Done | Outcome::Unanswered) => "changed",
            (Operation::Change, Outcome::Nothing | Outcome::Failed) => "not changed",
            (Operation::Change, Outcome::Unknown) => "perhaps changed",
        }
    }
}

impl Entry {
    /// The record as JSON; what is not known is null.
    pub fn json(&self) -> Value {
        let Record { at, door, caller, request, operation, outcome, provider, group, prefix, address, .. } =
            &self.record;
        let Record { mac, host_name, message, .. } = &self.record;
        json!({
            "sequence": self.sequence,
            "time": at.to_string(),
            "door": door,
            "caller": caller,
            "request": request,
            "operation": operation.word(),
            "outcome": outcome.word(),
            "provider": provider,
            "group": group.as_ref().map(GroupName::as_str),
            "prefix": prefix.to_string(),
            "address": address.to_string(),
            "mac": mac.map(|mac| mac.to_string()),
            "host_name": host_name,
            "message": message,
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}: {}", self.address, self.prefix, self.told())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_that_every_database_can_keep() {
        let record = super::super::tests::record(1);
        let message = Some(format!("a\0{}", "ü".repeat(1000)));
        let record = Record { message, host_name: Some("Web.Example.COM".to_owned()), ..record }.tidied();
        let message = record.message.expect("a message");
        assert!(message.starts_with("a\u{fffd}ü") && message.len() <= MESSAGE_AT_MOST && message.ends_with('ü'));
        assert_eq!(record.host_name.as_deref(), Some("web.example.com"));
    }

    #[test]
    fn words_are_read_back() {
        for operation in [Operation::Add, Operation::Delete, Operation::Restore, Operation::Change] {
            assert_eq!(operation.word().parse(), Ok(operation));
        }
        for outcome in [Outcome::Done, Outcome::Unanswered, Outcome::Nothing, Outcome::Failed, Outcome::Unknown] {
            assert_eq!(outcome.word().parse(), Ok(outcome));
        }
    }
}
