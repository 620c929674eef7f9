//! The tree of groups, and which hierarchy group a subnet is in.

use std::collections::BTreeMap;

use ipam_provider::{Group, GroupName, RecordId, Result};

use crate::client::Client;
use crate::vendor::TREE;

/// The `GroupType` of a hierarchy group. The others are folders, supernets and prefixes of IPv6, which hold subnets too.
const HIERARCHY: i64 = 1;

#[derive(Debug)]
struct Node {
    parent: i64,
    kind: i64,
    name: String,
    comments: String,
}

/// All nodes but the subnets, by their ids.
#[derive(Debug)]
pub(crate) struct Tree(BTreeMap<i64, Node>);

impl Tree {
    /// Reads the tree.
    pub(crate) async fn read(client: &Client) -> Result<Self> {
        let mut nodes = BTreeMap::new();
        for row in client.pages(TREE, "GroupId", &[]).await? {
            let text = |name| row.text(name).unwrap_or_default().to_owned();
            let (parent, kind) = (row.number("ParentId")?, row.number("GroupType")?);
            let node = Node { parent, kind, name: text("FriendlyName"), comments: text("Comments") };
            nodes.insert(row.number("GroupId")?, node);
        }
        Ok(Self(nodes))
    }

    /// The hierarchy group above the node of this id, or that node itself; `None` where the account does not see it.
    pub(crate) fn hierarchy(&self, id: i64) -> Option<(i64, GroupName)> {
        let mut id = id;
        // A tree that ends in a circle has fewer steps than nodes.
        for _ in 0..=self.0.len() {
            let node = self.0.get(&id)?;
            if node.kind == HIERARCHY {
                return Some((id, GroupName::new(&node.name)?));
            }
            id = node.parent;
        }
        None
    }

    /// The hierarchy groups by name. Of several of one name Foreman can only choose the name; the first is named.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = self
            .0
            .iter()
            .filter(|(_, node)| node.kind == HIERARCHY)
            .filter_map(|(id, node)| {
                let name = GroupName::new(&node.name)?;
                Some(Group { id: RecordId::new(id), name, description: node.comments.clone() })
            })
            .collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        groups.dedup_by(|a, b| a.name == b.name);
        groups
    }

    /// Does the name mean one hierarchy group also to the server, which ignores case and blanks at the end?
    pub(crate) fn is_unique(&self, name: &GroupName) -> bool {
        let folded = |text: &str| text.trim_end().to_lowercase();
        let meant = folded(name.as_str());
        self.0.values().filter(|node| node.kind == HIERARCHY && folded(&node.name) == meant).count() == 1
    }
}
