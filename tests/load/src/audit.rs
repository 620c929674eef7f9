//! The ledger against what the IPAM has recorded.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use crate::ledger::{Claim, Ledger, Written};
use crate::places::Place;

/// One record of the IPAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The subnet, as an index into the places of the run.
    pub place: u32,
    /// The address.
    pub address: IpAddr,
    /// The MAC, where the IPAM has a place for it and somebody gave it.
    pub mac: Option<String>,
}

/// One address about which ledger and IPAM disagree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The subnet.
    pub prefix: String,
    /// Its group.
    pub group: Option<String>,
    /// The address.
    pub address: IpAddr,
    /// The hosts that wanted it, each with what it was told.
    pub hosts: Vec<String>,
    /// How the proxy shows that it knows of it: a line of its log, or a hold; where that was looked for.
    pub known_by: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.address, self.prefix)?;
        if let Some(group) = &self.group {
            write!(f, " of {group}")?;
        }
        write!(f, ": {}", self.hosts.join("; "))?;
        match &self.known_by {
            Some(line) => write!(f, "; the proxy knows: {line}"),
            None => Ok(()),
        }
    }
}

/// What the comparison shows.
#[derive(Debug, Default, Serialize)]
pub struct Audit {
    /// How many records there are.
    pub records: usize,
    /// How many adds were acknowledged and not deleted.
    pub standing: usize,
    /// Acknowledged adds without a record, or with that of another host.
    pub lost: Vec<Finding>,
    /// Records that no host asked for.
    pub unknown: Vec<Finding>,
    /// Records of hosts whose add failed.
    pub left: Vec<Finding>,
    /// Records whose delete was acknowledged.
    pub undeleted: Vec<Finding>,
    /// Addresses with more than one record.
    pub recorded_twice: Vec<Finding>,
    /// How many records are still there because their delete failed, as their hosts were told.
    pub delete_failed: usize,
}

impl Audit {
    /// Compares. `known` tells how the proxy shows that it knows of an address that a failed host has left.
    pub fn new(
        places: &[Place],
        ledger: &Ledger,
        records: &[Record],
        known: impl Fn(&Place, &Claim) -> Option<String>,
    ) -> Self {
        let mut by_address: HashMap<(u32, IpAddr), Of<'_>> = HashMap::new();
        for claim in &ledger.claims {
            by_address.entry((claim.place, claim.address)).or_default().claims.push(claim);
        }
        for taken in &ledger.taken {
            by_address.entry(*taken).or_default().is_taken = true;
        }
        for record in records {
            by_address.entry((record.place, record.address)).or_default().records.push(record);
        }
        let mut audit = Self { records: records.len(), ..Self::default() };
        for ((place, address), of) in by_address {
            let place = &places[place as usize];
            let finding = |known_by| Finding {
                prefix: place.prefix.to_string(),
                group: place.group.as_ref().map(ToString::to_string),
                address,
                hosts: of.claims.iter().map(|claim| told(claim)).collect(),
                known_by,
            };
            audit.look_at(&of, finding, |claim| known(place, claim));
        }
        for list in
            [&mut audit.lost, &mut audit.unknown, &mut audit.left, &mut audit.undeleted, &mut audit.recorded_twice]
        {
            list.sort_by(|a, b| (&a.prefix, a.address).cmp(&(&b.prefix, b.address)));
        }
        audit
    }

    fn look_at(
        &mut self,
        of: &Of<'_>,
        finding: impl Fn(Option<String>) -> Finding,
        known: impl Fn(&Claim) -> Option<String>,
    ) {
        if of.records.len() > 1 {
            self.recorded_twice.push(finding(None));
        }
        let standing = of.claims.iter().find(|claim| claim.add == Written::Done && claim.delete == Written::Not);
        let some = |state: fn(&Claim) -> bool| of.claims.iter().any(|claim| state(claim));
        if let Some(standing) = standing {
            self.standing += 1;
            let is_own = |record: &&&Record| match (&record.mac, &standing.mac) {
                (Some(recorded), Some(own)) => recorded.eq_ignore_ascii_case(own),
                _ => true,
            };
            if of.records.iter().find(is_own).is_none() {
                self.lost.push(finding(None));
            }
        } else if of.records.is_empty() || of.is_taken {
            // Nobody relies on a record, or it is somebody else's.
        } else if some(|claim| claim.add == Written::Done && claim.delete.has_failed()) {
            self.delete_failed += 1;
        } else if some(|claim| claim.add.has_failed()) {
            let failed = of.claims.iter().filter(|claim| claim.add.has_failed());
            self.left.push(finding(failed.filter_map(|claim| known(claim)).next()));
        } else if of.claims.is_empty() {
            self.unknown.push(finding(None));
        } else {
            self.undeleted.push(finding(None));
        }
    }

    /// What must not be: the disagreements that nobody was told of.
    pub fn faults(&self) -> Vec<String> {
        let unknown_to_the_proxy = self.left.iter().filter(|finding| finding.known_by.is_none());
        let lists: [(&str, Vec<&Finding>); 5] = [
            ("an acknowledged add is lost", self.lost.iter().collect()),
            ("nobody asked for this record", self.unknown.iter().collect()),
            ("reserved for a host that failed, and the proxy does not know", unknown_to_the_proxy.collect()),
            ("an acknowledged delete left its record", self.undeleted.iter().collect()),
            ("recorded more than once", self.recorded_twice.iter().collect()),
        ];
        lists.iter().flat_map(|(what, list)| list.iter().map(move |finding| format!("{what}: {finding}"))).collect()
    }
}

#[derive(Default)]
struct Of<'a> {
    claims: Vec<&'a Claim>,
    records: Vec<&'a Record>,
    is_taken: bool,
}

fn told(claim: &Claim) -> String {
    let Claim { host, add, delete, error, request, .. } = claim;
    let error = error.as_ref().map(|text| format!(", told: {text}")).unwrap_or_default();
    format!("host {host} (request {request}): add {add:?}, delete {delete:?}{error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "02:00:00:00:00:07";

    fn claim(last: u8, add: Written, delete: Written) -> Claim {
        let address = [192, 0, 2, last].into();
        let (mac, request) = (Some(MAC.to_owned()), "00000007".to_owned());
        Claim { host: 7, place: 0, address, mac, add, delete, error: None, request }
    }

    fn record(last: u8) -> Record {
        Record { place: 0, address: [192, 0, 2, last].into(), mac: None }
    }

    fn audit(claims: &[Claim], records: &[Record]) -> Audit {
        let places = [Place::new("192.0.2.0/24".parse().expect("a prefix"), None)];
        let ledger = Ledger { claims: claims.to_vec(), ..Ledger::default() };
        Audit::new(&places, &ledger, records, |_, claim| {
            (claim.address != IpAddr::from([192, 0, 2, 9])).then(String::new)
        })
    }

    use Written::{Done, Lost, Not, Refused};

    #[test]
    fn what_agrees_is_no_fault() {
        let claims = [claim(1, Done, Not), claim(2, Done, Done), claim(3, Lost, Not), claim(4, Done, Refused)];
        for records in [vec![record(1)], vec![record(1), record(3), record(4)]] {
            let audit = audit(&claims, &records);
            assert_eq!(audit.faults(), [""; 0]);
            assert_eq!(
                (audit.standing, audit.left.len(), audit.delete_failed),
                if records.len() == 1 { (1, 0, 0) } else { (1, 1, 1) }
            );
        }
    }

    #[test]
    fn an_acknowledged_add_without_its_record_is_lost() {
        assert_eq!(audit(&[claim(1, Done, Not)], &[]).lost.len(), 1);
        let others = Record { mac: Some("02:00:00:00:00:08".to_owned()), ..record(1) };
        assert_eq!(audit(&[claim(1, Done, Not)], &[others]).lost.len(), 1);
        let own = Record { mac: Some(MAC.to_uppercase()), ..record(1) };
        assert_eq!(audit(&[claim(1, Done, Not)], &[own]).faults(), [""; 0]);
    }

    #[test]
    fn records_of_nobody_of_deleted_hosts_and_of_two_are_found() {
        assert_eq!(audit(&[], &[record(1)]).unknown.len(), 1);
        assert_eq!(audit(&[claim(1, Done, Done)], &[record(1)]).undeleted.len(), 1);
        assert_eq!(audit(&[claim(1, Done, Not)], &[record(1), record(1)]).recorded_twice.len(), 1);
        assert_eq!(audit(&[claim(1, Done, Done), claim(1, Done, Not)], &[record(1)]).faults(), [""; 0]);
    }

    #[test]
    fn what_a_failed_host_left_is_named_and_is_a_fault_when_the_proxy_does_not_know() {
        let known = audit(&[claim(8, Lost, Not)], &[record(8)]);
        assert_eq!((known.left.len(), known.faults().len()), (1, 0));
        let unknown = audit(&[claim(9, Refused, Not)], &[record(9)]);
        assert_eq!((unknown.left.len(), unknown.faults().len()), (1, 1));
        assert!(unknown.faults()[0].contains("192.0.2.9 in 192.0.2.0/24: host 7 (request 00000007)"));
    }

    #[test]
    fn somebody_elses_record_explains_itself() {
        let places = [Place::new("192.0.2.0/24".parse().expect("a prefix"), None)];
        let ledger = Ledger { taken: vec![(0, [192, 0, 2, 1].into())], ..Ledger::default() };
        assert_eq!(Audit::new(&places, &ledger, &[record(1)], |_, _| None).faults(), [""; 0]);
    }
}
