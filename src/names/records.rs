//! The IPAM, as far as names are written into it.

use std::sync::Arc;

use async_trait::async_trait;
use ipam_provider::{Annotated, Annotation, ErrorKind, GroupName, Prefix};

use super::queue::Place;
use crate::allocation::{Allocator, Failure, GroupChoice};

/// More groups than this are not asked one by one which of them has a subnet.
const GROUPS_AT_MOST: usize = 200;

/// Records that notes are written into.
#[async_trait]
pub(crate) trait Records: Send + Sync {
    /// Writes the note into the record of this address, if it is ours.
    ///
    /// `None` is of an IPAM that cannot change records.
    async fn note(&self, place: &Place, note: &Annotation) -> Result<Option<Annotated>, String>;

    /// The groups that have a subnet of this prefix.
    async fn groups_with(&self, prefix: Prefix) -> Result<Vec<Option<GroupName>>, String>;
}

fn choice(group: Option<&GroupName>) -> GroupChoice {
    GroupChoice::of(group.cloned())
}

#[async_trait]
impl Records for Arc<Allocator> {
    async fn note(&self, place: &Place, note: &Annotation) -> Result<Option<Annotated>, String> {
        let group = choice(place.group.as_ref());
        match self.annotate(place.prefix, group, place.address, note.clone()).await {
            Ok(outcome) => Ok(Some(outcome)),
            Err(Failure::Provider(error)) if error.kind() == ErrorKind::Unsupported => Ok(None),
            Err(failure) => Err(failure.to_string()),
        }
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
