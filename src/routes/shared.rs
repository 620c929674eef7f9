//! Names of groups that several IPAMs have: somebody may mean the one and get the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use ipam_provider::{GroupName, Provider};

use super::{Ipam, Routes};

/// More are not named one by one.
const NAMED_AT_MOST: usize = 20;

impl Routes {
    /// A sentence for each name of a group that several IPAMs have, with the one that answers for it. IPAMs that do not
    /// answer are left out.
    pub async fn shared_groups(&self) -> Vec<String> {
        if self.ipams().len() < 2 {
            return Vec::new();
        }
        let lists = join_all(self.ipams().map(|ipam| async move { (ipam, ipam.guard().groups().await) })).await;
        let mut owners: BTreeMap<GroupName, Vec<&Arc<Ipam>>> = BTreeMap::new();
        for (ipam, groups) in lists {
            for group in groups.unwrap_or_default() {
                owners.entry(group.name).or_default().push(ipam);
            }
        }
        owners.retain(|_, ipams| ipams.len() > 1);
        let left_over = owners.len().saturating_sub(NAMED_AT_MOST);
        let mut sentences: Vec<String> =
            owners.iter().take(NAMED_AT_MOST).map(|(name, ipams)| self.sentence(name, ipams)).collect();
        if left_over > 0 {
            sentences.push(format!("{left_over} more groups are in several IPAMs"));
        }
        sentences
    }

    fn sentence(&self, name: &GroupName, ipams: &[&Arc<Ipam>]) -> String {
        let keys: Vec<&str> = ipams.iter().map(|ipam| ipam.key()).collect();
        let keys = keys.join(" and ");
        match self.that_may_have(None, Some(name))[..] {
            [answers] => format!(
                "the group {name} is in {keys}; only {} is asked for it, by the routes in use_provider",
                answers.key()
            ),
            _ => format!(
                "the group {name} is in {keys}; by its prefix, each subnet is in the first whose route has the prefix"
            ),
        }
    }
}
