//! Routes over two reference IPAMs: the conformance suite, and what is special to several IPAMs.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ipam_conformance::reference::ReferenceIpam;
use ipam_conformance::{Fault, Role, Seed, SeededSubnet, Subject};
use ipam_provider::{Capabilities, ErrorKind, GroupName, Guard, Limits, Prefix, Provider, Requester};

use super::{Conditions, Ipam, Pattern, Routes};

/// Far more than any case takes.
const LIMITS: Limits = Limits { attempt: Duration::from_secs(30), read_attempts: 1 };

const EVERYTHING: Capabilities = Capabilities { groups: true, ipv6: true, records_mac: true, records_hostname: true };
const LITTLE: Capabilities = Capabilities { groups: false, ipv6: false, ..EVERYTHING };

/// Of the groups, those that the first IPAM has.
const FIRST: [&str; 3] = ["Prod*", "Z*ch", "1"];

fn of_groups(names: &[&str]) -> Conditions {
    Conditions { groups: Some(names.iter().copied().map(Pattern::new).collect()), prefixes: None }
}

fn of_prefixes(prefixes: &[&str]) -> Conditions {
    Conditions { groups: None, prefixes: Some(prefixes.iter().copied().map(prefix).collect()) }
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

fn group(name: &str) -> GroupName {
    GroupName::new(name).expect("a name")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn over(ipam: &Arc<ReferenceIpam>, key: &str) -> Ipam {
    Ipam::new(key, Guard::new(ipam.clone(), LIMITS))
}

/// Two IPAMs, and which of the seeded subnets the first has.
struct Pair {
    ipams: [Arc<ReferenceIpam>; 2],
    is_in_first: fn(&SeededSubnet) -> bool,
    routes: Arc<Routes>,
}

impl Pair {
    fn start(seed: &Seed, first: Capabilities, conditions: Conditions, is_in_first: fn(&SeededSubnet) -> bool) -> Self {
        let part = |first: bool| {
            let subnets =
                seed.subnets.iter().filter(|subnet| is_in_first(subnet) == first).cloned().collect::<Vec<_>>();
            // A group without subnets is in the second.
            let is_here = |name: &GroupName| {
                seed.subnets.iter().any(|subnet| subnet.group.as_ref() == Some(name) && is_in_first(subnet))
            };
            let groups = seed.groups.iter().filter(|group| is_here(&group.name) == first).cloned().collect();
            Seed { groups, subnets }
        };
        let ipams =
            [Arc::new(ReferenceIpam::new(&part(true), first)), Arc::new(ReferenceIpam::new(&part(false), EVERYTHING))];
        let routes =
            vec![(conditions, over(&ipams[0], "reference_lab")), (Conditions::default(), over(&ipams[1], "reference"))];
        Self { ipams, is_in_first, routes: Arc::new(Routes::new(routes)) }
    }

    fn of(&self, subnet: &SeededSubnet) -> &ReferenceIpam {
        &self.ipams[usize::from(!(self.is_in_first)(subnet))]
    }
}

/// Two IPAMs with groups, told apart by these.
struct ByGroup(Pair);

/// An IPAM without groups and IPv6 for some prefixes, and another one for all else.
struct ByPrefix(Pair);

const OF_LITTLE: &str = "192.0.2.0/24";

macro_rules! subject {
    ($name:ident, $seed:expr, $start:expr) => {
        #[async_trait]
        impl Subject for $name {
            fn seed() -> Seed {
                $seed
            }

            async fn start(seed: &Seed) -> Self {
                let start: fn(&Seed) -> Pair = $start;
                Self(start(seed))
            }

            fn provider(&self) -> Arc<dyn Provider> {
                self.0.routes.clone()
            }

            async fn fault(&self, fault: Fault) -> bool {
                self.0.ipams.iter().for_each(|ipam| ipam.set_fault(Some(fault)));
                true
            }

            async fn heal(&self) {
                self.0.ipams.iter().for_each(|ipam| ipam.set_fault(None));
            }

            async fn take(&self, subnet: &SeededSubnet, address: IpAddr) {
                self.0.of(subnet).take(subnet, address);
            }

            async fn free(&self, subnet: &SeededSubnet, address: IpAddr) {
                self.0.of(subnet).free(subnet, address);
            }

            async fn remove(&self, subnet: &SeededSubnet) {
                self.0.of(subnet).remove(subnet);
            }
        }
    };
}

fn is_of_first_groups(subnet: &SeededSubnet) -> bool {
    subnet.group.as_ref().is_some_and(|group| FIRST.iter().any(|name| Pattern::new(*name).matches(group.as_str())))
}

fn is_of_little(subnet: &SeededSubnet) -> bool {
    prefix(OF_LITTLE).contains_prefix(&subnet.prefix)
}

fn without_groups_in_little() -> Seed {
    let mut seed = Seed::standard();
    seed.subnets.iter_mut().filter(|subnet| is_of_little(subnet)).for_each(|subnet| subnet.group = None);
    seed
}

subject!(ByGroup, Seed::standard(), |seed| Pair::start(seed, EVERYTHING, of_groups(&FIRST), is_of_first_groups));
subject!(ByPrefix, without_groups_in_little(), |seed| Pair::start(
    seed,
    LITTLE,
    of_prefixes(&[OF_LITTLE]),
    is_of_little
));

mod by_group {
    ipam_conformance::suite!(super::ByGroup);
}

mod by_prefix {
    ipam_conformance::suite!(super::ByPrefix);
}

mod alone {
    use super::*;

    ipam_conformance::suite!(
        ipam_conformance::reference::ReferenceSubject,
        wrap = |provider| Arc::new(Routes::from(Guard::new(provider, LIMITS)))
    );
}

#[test]
fn a_mixture_can_what_one_can_and_records_what_all_record() {
    let bare = Capabilities { groups: false, ipv6: false, records_mac: false, records_hostname: false };
    let [little, all] = [bare, EVERYTHING].map(|can| Arc::new(ReferenceIpam::new(&Seed::standard(), can)));
    let routes = |one: &Arc<ReferenceIpam>, other: &Arc<ReferenceIpam>| {
        Routes::new(vec![(of_groups(&["a"]), over(one, "one")), (Conditions::default(), over(other, "other"))])
    };
    let mixed = Capabilities { groups: true, ipv6: true, records_mac: false, records_hostname: false };
    assert_eq!(routes(&little, &all).capabilities(), mixed);
    assert_eq!(routes(&all, &little).capabilities(), mixed);
    assert_eq!((routes(&all, &all).capabilities(), routes(&all, &all).max_parallel()), (EVERYTHING, None));
}

fn kind<T: std::fmt::Debug>(outcome: ipam_provider::Result<T>) -> (ErrorKind, String) {
    let error = outcome.expect_err("a failure");
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn an_ipam_that_is_away_disturbs_no_subnet_of_another() {
    let ByGroup(pair) = ByGroup::start(&Seed::standard()).await;
    let [away, works] = &pair.ipams;
    away.set_fault(Some(Fault::Gone));
    let routes = &pair.routes;
    let web = group("dmz/web");
    assert!(routes.group(&web).await.expect("a group").is_some());
    assert_eq!(routes.subnets(Some(&web)).await.expect("subnets").len(), 2);
    routes.subnets(None).await.expect("no route to the one that is away has subnets outside of groups");
    let found = routes.find_subnets(prefix("198.51.100.0/28"), Some(&web)).await.expect("subnets");
    routes.reserve(&found[0], ip("198.51.100.9"), &Requester::default()).await.expect("reserved");
    assert_eq!(away.requests(), 0, "nothing of this concerns the one that is away");
    let before = works.requests();
    let production = group("Production");
    let gone = kind(routes.find_subnets(prefix("192.0.2.0/28"), Some(&production)).await);
    assert_eq!(gone, (ErrorKind::Unreachable, "The IPAM cannot be reached".to_owned()));
    assert_eq!(kind(routes.group(&production).await).0, ErrorKind::Unreachable);
    assert_eq!(works.requests(), before, "nor does the other way round");
    assert_eq!(routes.trouble(), ["IPAM reference_lab: The IPAM cannot be reached"]);
}

#[tokio::test]
async fn what_needs_all_ipams_names_the_one_that_is_away() {
    let ByGroup(pair) = ByGroup::start(&Seed::standard()).await;
    let routes = &pair.routes;
    let twin = prefix("198.51.100.0/28");
    let found = routes.find_subnets(twin, Some(&group("dmz/web"))).await.expect("subnets");
    routes.reserve(&found[0], ip("198.51.100.9"), &Requester::default()).await.expect("reserved");
    pair.ipams[0].set_fault(Some(Fault::Gone));
    let gone = |text: &str| (ErrorKind::Unreachable, text.to_owned());
    assert_eq!(
        kind(routes.groups().await),
        gone("The groups of reference_lab are missing: The IPAM cannot be reached")
    );
    assert_eq!(
        kind(routes.find_subnets(twin, None).await),
        gone(
            "Whether reference_lab has 198.51.100.0/28 too is unknown, and the subnet has no group in Foreman: The IPAM cannot be reached"
        )
    );
    let own = routes.own_records(ip("198.51.100.9")).await.expect("one that is found is enough");
    assert_eq!(own.len(), 1);
    assert!(own[0].place.ends_with(" of reference"), "{own:?}");
    assert_eq!(
        kind(routes.own_records(ip("198.51.100.10")).await),
        gone("Whether reference_lab has a record of 198.51.100.10 is unknown: The IPAM cannot be reached")
    );
}

#[tokio::test]
async fn by_prefixes_alone_no_subnet_depends_on_two_ipams() {
    let ByPrefix(pair) = ByPrefix::start(&without_groups_in_little()).await;
    let routes = &pair.routes;
    pair.ipams[0].set_fault(Some(Fault::Gone));
    assert_eq!(routes.find_subnets(prefix("198.51.100.0/28"), None).await.expect("subnets").len(), 3);
    let production = group("Production");
    assert!(routes.group(&production).await.expect("it is there").is_some(), "from one that has it");
    assert_eq!(kind(routes.group(&group("Nowhere")).await).0, ErrorKind::Unreachable, "absent is known from all only");
    let of_one = routes.group_for(Some(prefix("198.18.0.0/24")), &group("Nowhere")).await;
    assert_eq!(of_one.expect("only one is asked"), None);
    assert_eq!(kind(routes.subnets(Some(&production)).await).0, ErrorKind::Unreachable);
}

#[tokio::test]
async fn equal_ids_and_spaces_of_two_ipams_differ_and_do_not_depend_on_the_order() {
    let seed = Seed::standard();
    let [one, other] = [(); 2].map(|()| Arc::new(ReferenceIpam::new(&seed, EVERYTHING)));
    let found = |routes: Routes| async move {
        let mut subnets = routes.find_subnets(prefix("198.51.100.0/28"), None).await.expect("subnets");
        subnets.extend(routes.find_subnets(prefix("198.18.0.0/24"), None).await.expect("subnets"));
        subnets
    };
    let is_lab = || Conditions { prefixes: Some(vec![prefix("198.51.0.0/16")]), ..Conditions::default() };
    let is_rest = || Conditions { prefixes: Some(vec![prefix("198.18.0.0/15")]), ..Conditions::default() };
    let there =
        found(Routes::new(vec![(is_lab(), over(&one, "reference_lab")), (is_rest(), over(&other, "reference"))])).await;
    let back =
        found(Routes::new(vec![(is_rest(), over(&other, "reference")), (is_lab(), over(&one, "reference_lab"))])).await;
    assert_eq!(there, back);
    let production = || there.iter().filter(|subnet| subnet.group == Some(group("Production")));
    let spaces: Vec<&str> = production().map(|subnet| subnet.space.as_str()).collect();
    assert_eq!(spaces, ["reference_lab/Production", "reference/Production"]);
    // Holds that were made when it was the only IPAM stay its own.
    let alone = Routes::from(Guard::new(other.clone(), LIMITS));
    assert_eq!(alone.find_subnets(prefix("198.18.0.0/24"), None).await.expect("subnets"), there[3..]);
    let missing = Routes::new(vec![(Conditions::default(), over(&one, "reference_lab"))]);
    let strange = missing.reservation(&there[3], ip("198.18.0.1")).await;
    assert_eq!(
        kind(strange),
        (ErrorKind::NotFound, "Subnet 198.18.0.0/24 (group Production) is no longer in External IPAM".to_owned())
    );
}

#[tokio::test]
async fn a_group_in_two_ipams_is_said_and_the_first_route_answers() {
    let seed = Seed::standard();
    let [one, other] = [(); 2].map(|()| Arc::new(ReferenceIpam::new(&seed, EVERYTHING)));
    let by_group =
        Routes::new(vec![(of_groups(&["Prod*"]), over(&one, "one")), (Conditions::default(), over(&other, "other"))]);
    let said = by_group.shared_groups().await;
    assert_eq!(said.len(), seed.groups.len());
    assert!(
        said.contains(
            &"the group Production is in one and other; only one is asked for it, by the routes in use_provider"
                .to_owned()
        ),
        "{said:?}"
    );
    assert!(
        said.contains(
            &"the group R+D is in one and other; only other is asked for it, by the routes in use_provider".to_owned()
        ),
        "{said:?}"
    );
    let groups = by_group.groups().await.expect("groups");
    let from = |name: &str| {
        groups.iter().filter(|listed| listed.name == group(name)).map(|group| group.id.ipam()).collect::<Vec<_>>()
    };
    assert_eq!((from("Production"), from("R+D")), (vec![Some("one")], vec![Some("other")]));
    let by_prefix = Routes::new(vec![
        (of_prefixes(&["192.0.2.0/24"]), over(&one, "one")),
        (Conditions::default(), over(&other, "other")),
    ]);
    let said = by_prefix.shared_groups().await;
    assert!(said.contains(&"the group Production is in one and other; by its prefix, each subnet is in the first whose route has the prefix".to_owned()), "{said:?}");
    let subnets = by_prefix.subnets(Some(&group("Production"))).await.expect("subnets");
    let outside = by_prefix.subnets(None).await.expect("subnets");
    assert_eq!(outside.len(), seed.subnets_of(None).len(), "none is there twice");
    assert!(!outside.is_empty());
    let expected = seed.subnets_of(Some(&group("Production")));
    assert_eq!(subnets.len(), expected.len(), "none is there twice");
    assert!(
        subnets
            .iter()
            .all(|subnet| (subnet.id.ipam() == Some("one")) == prefix("192.0.2.0/24").contains_prefix(&subnet.prefix))
    );
    other.set_fault(Some(Fault::Gone));
    assert_eq!(by_prefix.shared_groups().await, [""; 0]);
    let plain = seed.subnet(Role::Plain).expect("a subnet");
    assert_eq!(by_prefix.find_subnets(plain.prefix, None).await.expect("subnets").len(), 1);
}

#[tokio::test]
async fn a_list_is_of_the_ipam_that_has_the_subnet() {
    let ByGroup(pair) = ByGroup::start(&Seed::standard()).await;
    let [first, second] = &pair.ipams;
    let routes = &pair.routes;
    let list = routes.list_reservations().expect("both list their records");
    let twin = prefix("198.51.100.0/28");
    for (name, asked, other) in [("Production", first, second), ("dmz/web", second, first)] {
        let subnet = routes.find_subnets(twin, Some(&group(name))).await.expect("subnets").pop().expect("one");
        let by = Requester { hostname: Some("web.example.com".to_owned()), ..Requester::default() };
        routes.reserve(&subnet, ip("198.51.100.9"), &by).await.expect("reserved");
        let before = (asked.requests(), other.requests());
        let page = list.list(&subnet, Some("198.51.100.9"), 1).await.expect("a page");
        assert_eq!((asked.requests(), other.requests()), (before.0 + 1, before.1), "{name}");
        let [record] = &page.records[..] else { panic!("one record: {page:?}") };
        assert_eq!((record.address, record.is_ours), (ip("198.51.100.9"), true));
        let direct = routes.reservation(&subnet, record.address).await.expect("an answer");
        assert_eq!(direct.as_ref(), Some(&record.reservation));
        let wrong = list.list(&subnet, Some("198.51.100.16"), 1).await;
        assert_eq!(kind(wrong).0, ErrorKind::Rejected);
    }
}
