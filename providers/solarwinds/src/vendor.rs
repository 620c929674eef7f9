//! SolarWinds' names: of itself, of where its interface is, of what the account must be allowed to do, and its queries.
//!
//! A query is a constant. What is looked for goes beside it, as a parameter; there is no way to put it into the text.

/// The name in settings and log lines.
pub(crate) const NAME: &str = "solarwinds";

/// The product for people.
pub(crate) const WHAT: &str = "SolarWinds IPAM";

/// The path of the SolarWinds Information Service (SWIS).
pub(crate) const BASE: [&str; 4] = ["SolarWinds", "InformationService", "v3", "Json"];

// What the account must be allowed, as the pages of IPAM's roles name it.
pub(crate) const READ: &str = "role Read Only on every group";
pub(crate) const CHANGE_ADDRESSES: &str = "role Power User on the group, for changing IP addresses";
pub(crate) const RESERVE: &str = "role Power User on the group, for starting reservations";

/// The entity of addresses.
pub(crate) const IP_NODE: &str = "IPAM.IPNode";

/// The entity whose verbs reserve addresses.
pub(crate) const SUBNET_MANAGEMENT: &str = "IPAM.SubnetManagement";

/// A query in SWQL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query(&'static str);

impl Query {
    /// The text, which has parameters where values go.
    pub(crate) fn text(self) -> &'static str {
        self.0
    }
}

/// Rows that a query of pages answers at most.
pub(crate) const PAGE: usize = 1000;

/// Does the interface answer?
pub(crate) const REACH: Query = Query("SELECT TOP 1 GroupId FROM IPAM.GroupNode");

/// A page of the tree without its subnets: 8 and 512 are subnets of IPv4 and IPv6.
pub(crate) const TREE: Query = Query(
    "SELECT TOP 1000 GroupId, ParentId, GroupType, FriendlyName, Comments FROM IPAM.GroupNode \
     WHERE GroupType <> 8 AND GroupType <> 512 AND GroupId > @after ORDER BY GroupId",
);

/// A page of all subnets.
pub(crate) const SUBNETS: Query = Query(
    "SELECT TOP 1000 SubnetId, ParentId, FriendlyName, Comments, Address, CIDR FROM IPAM.Subnet \
     WHERE (GroupType = 8 OR GroupType = 512) AND SubnetId > @after ORDER BY SubnetId",
);

/// The subnets of an IPv4 prefix.
pub(crate) const SUBNETS_OF: Query = Query(
    "SELECT SubnetId, ParentId, FriendlyName, Comments, Address, CIDR FROM IPAM.Subnet \
     WHERE GroupType = 8 AND Address = @address AND CIDR = @length",
);

/// A page of the IPv6 subnets of a length: how their addresses are written is not known.
pub(crate) const SUBNETS_IPV6: Query = Query(
    "SELECT TOP 1000 SubnetId, ParentId, FriendlyName, Comments, Address, CIDR FROM IPAM.Subnet \
     WHERE GroupType = 512 AND CIDR = @length AND SubnetId > @after ORDER BY SubnetId",
);

/// Is the subnet there?
pub(crate) const SUBNET: Query = Query("SELECT SubnetId FROM IPAM.Subnet WHERE SubnetId = @subnet");

/// Can a reservation begin at a given address?
pub(crate) const START_ARGUMENTS: Query = Query(
    "SELECT Name FROM Metadata.VerbArgument \
     WHERE EntityName = 'IPAM.SubnetManagement' AND VerbName = 'StartIpReservationForGroup'",
);

/// The argument that says so, new in 2022.2.
pub(crate) const START_AT: &str = "addressToStart";

/// The row of an address in a subnet. An IPv6 address is asked for in three spellings.
pub(crate) const NODE: Query = Query(
    "SELECT IpNodeId, IPAddress, Status, MAC, DnsBackward, Comments, Uri FROM IPAM.IPNode \
     WHERE SubnetId = @subnet AND (IPAddress = @address OR IPAddress = @long OR IPAddress = @full)",
);

/// The rows of an address, wherever they are.
pub(crate) const NODES: Query = Query(
    "SELECT N.IPAddress, N.Status, N.Comments, N.Subnet.FriendlyName AS SubnetName FROM IPAM.IPNode N \
     WHERE N.IPAddress = @address OR N.IPAddress = @long OR N.IPAddress = @full",
);

/// A page of the addresses of a subnet that are not available.
pub(crate) const USED: Query = Query(
    "SELECT TOP 1000 IpNodeId, IPAddress FROM IPAM.IPNode \
     WHERE SubnetId = @subnet AND Status <> 2 AND IpNodeId > @after ORDER BY IpNodeId",
);

/// A page of them with everything that is recorded.
pub(crate) const RECORDS: Query = Query(
    "SELECT TOP 1000 IpNodeId, IPAddress, Status, MAC, DnsBackward, Comments, Uri FROM IPAM.IPNode \
     WHERE SubnetId = @subnet AND Status <> 2 AND IpNodeId > @after ORDER BY IpNodeId",
);

/// The used addresses of a part of a large subnet. Addresses are counted from the network address, which is 0.
pub(crate) const USED_BETWEEN: Query = Query(
    "SELECT TOP 1000 IpNodeId, IPAddress FROM IPAM.IPNode \
     WHERE SubnetId = @subnet AND Status <> 2 AND IPOrdinal BETWEEN @first AND @last AND IpNodeId > @after \
     ORDER BY IpNodeId",
);

/// Is there a custom property of this name?
pub(crate) const PROPERTY: Query =
    Query("SELECT Name FROM Metadata.Property WHERE EntityName = @entity AND Name = @name");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_of_pages_asks_for_a_page_in_the_order_of_its_key() {
        for (query, key) in [
            (TREE, "GroupId"),
            (SUBNETS, "SubnetId"),
            (SUBNETS_IPV6, "SubnetId"),
            (USED, "IpNodeId"),
            (RECORDS, "IpNodeId"),
            (USED_BETWEEN, "IpNodeId"),
        ] {
            let text = query.text();
            assert!(text.starts_with(&format!("SELECT TOP {PAGE} ")), "{text}");
            assert!(text.ends_with(&format!("AND {key} > @after ORDER BY {key}")), "{text}");
        }
    }

    /// What is looked for is a parameter; in quotes are only names of the schema.
    #[test]
    fn a_query_has_no_value_in_its_text() {
        for query in [REACH, SUBNETS_OF, SUBNET, START_ARGUMENTS, NODE, NODES, PROPERTY] {
            let quoted: Vec<&str> = query.text().split('\'').skip(1).step_by(2).collect();
            let of_schema = ["IPAM.SubnetManagement", "StartIpReservationForGroup"];
            assert!(quoted.iter().all(|text| of_schema.contains(text)), "{quoted:?}");
        }
    }
}
