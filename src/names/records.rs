//! The IPAM, as far as names are written into it.

use async_trait::async_trait;
use ipam_provider::{GroupName, Mac, Prefix};

use super::queue::Place;
use crate::allocation::{Allocator, Failure, GroupChoice};

/// More groups than this are not asked one by one which of them has a subnet.
const GROUPS_AT_MOST: usize = 200;

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) hostname: String,
    pub(super) mac: Option<Mac>,
}

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(dead_code, reason = "the allocator cannot change records yet")]
pub(super) enum Noted {
    /// The record has it now.
    Changed,
    /// The record had it.
    AsItWas,
    /// The record is not ours.
    NotOurs,
    /// There is no record.
    Absent,
    /// The IPAM's provider cannot change records.
    Unsupported,
}

/// Records that notes are written into.
#[async_trait]
pub(super) trait Records: Send + Sync {
    /// Writes the note into the record of this address, if it is ours.
    async fn note(&self, place: &Place, note: &Note) -> Result<Noted, String>;

    /// The groups that have a subnet of this prefix.
    async fn groups_with(&self, prefix: Prefix) -> Result<Vec<Option<GroupName>>, String>;
}

pub(super) fn choice(group: Option<&GroupName>) -> GroupChoice {
    GroupChoice::of(group.cloned())
}

#[async_trait]
impl Records for std::sync::Arc<Allocator> {
    async fn note(&self, _place: &Place, _note: &Note) -> Result<Noted, String> {
        Ok(Noted::Unsupported)
    }

    async fn groups_with(&self, prefix: Prefix) -> Result<Vec<Option<GroupName>>, String> {
        let groups = match self.groups().await {
            Ok(groups) if groups.len() > GROUPS_AT_MOST => return Err("there are too many groups to ask".to_owned()),
            Ok(groups) => groups,
            Err(Failure::GroupsUnsupported) => Vec::new(),
            Err(failure) => return Err(failure.to_string()),
        };
        let mut found = Vec::new();
        let choices = groups.into_iter().map(|group| Some(group.name)).chain([None]);
        for group in choices {
            match self.subnet(prefix, &choice(group.as_ref())).await {
                // Without a group the IPAM may answer with the only one there is.
                Ok(subnet) if !found.contains(&subnet.group) => found.push(subnet.group),
                Ok(_)
                | Err(Failure::SubnetNotFound { .. } | Failure::GroupNotFound { .. } | Failure::Ambiguous { .. }) => {}
                Err(failure) => return Err(failure.to_string()),
            }
        }
        Ok(found)
    }
}
