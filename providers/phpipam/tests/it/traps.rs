//! Sections, subnets and addresses where phpIPAM is not what one would expect.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipam_conformance::Role;
use ipam_provider::testing::read_settings;
use ipam_provider::{ErrorKind, GroupName, Kept, Prefix, Provider, Released, Requester, Subnet, Surroundings};
use ipam_provider_phpipam::REGISTRATION;
use ipam_simulators::phpipam::{PASSWORD, USER};
use serde_json::json;

use crate::subject::{Fixture, ip};

fn group(name: &str) -> GroupName {
    GroupName::new(name).expect("a name")
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

#[tokio::test]
async fn a_server_without_sections_has_no_groups_and_no_subnets() {
    let fixture = Fixture::new();
    fixture.ipam.clear();
    assert_eq!(fixture.provider.groups().await.expect("absent is no error"), []);
    assert_eq!(fixture.provider.find_subnets(prefix("192.0.2.0/28"), None).await.expect("absent is no error"), []);
}

#[tokio::test]
async fn numbers_that_come_as_text_are_numbers() {
    let fixture = Fixture::new();
    fixture.ipam.set_stringify(true);
    for role in [Role::Plain, Role::Pool, Role::Full, Role::Ipv6] {
        let subnet = fixture.subnet(role).await;
        let seeded = fixture.seeded(role);
        assert_eq!(subnet.pool, seeded.pool);
        assert_eq!(fixture.free(&subnet, 20, &[]).await.expect("addresses"), seeded.free(20));
    }
    let subnet = fixture.subnet(Role::Empty).await;
    let address = fixture.seeded(Role::Empty).free(1)[0];
    fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
    assert!(fixture.provider.reservation(&subnet, address).await.expect("an answer").expect("a record").ours);
    assert!(fixture.provider.release(&subnet, address).await.expect("a release").is_removed());
}

#[tokio::test]
async fn folders_are_no_subnets_and_what_is_in_them_is() {
    let fixture = Fixture::new();
    let folder = fixture.ipam.add_folder("Unused");
    fixture.ipam.add_subnet("Unused", ip("198.18.4.0"), 24, folder, None);
    let listed = fixture.provider.subnets(Some(&group("Unused"))).await.expect("subnets");
    assert_eq!(listed.iter().map(|subnet| subnet.prefix).collect::<Vec<_>>(), [prefix("198.18.4.0/24")]);
    assert_eq!(fixture.provider.find_subnets(prefix("0.0.0.0/0"), None).await.expect("an answer"), []);
}

#[tokio::test]
async fn twins_in_one_section_are_two_records() {
    let fixture = Fixture::new();
    let folder = fixture.ipam.add_folder("Unused");
    let ids = [
        fixture.ipam.add_subnet("Unused", ip("198.18.4.0"), 24, 0, None),
        fixture.ipam.add_subnet("Unused", ip("198.18.4.0"), 24, folder, None),
        fixture.ipam.add_subnet("Unused", ip("198.18.4.0"), 24, 0, Some(21)),
    ];
    for asked in [None, Some(&group("Unused"))] {
        let found = fixture.provider.find_subnets(prefix("198.18.4.0/24"), asked).await.expect("subnets");
        assert_eq!(found.iter().map(|subnet| subnet.id.to_string()).collect::<Vec<_>>(), ids.map(|id| id.to_string()));
        assert!(found.iter().all(|subnet| subnet.group == Some(group("Unused"))));
    }
}

#[tokio::test]
async fn the_whole_internet_is_found_although_its_length_cannot_be_in_a_path() {
    let fixture = Fixture::new();
    for network in ["0.0.0.0", "::"] {
        fixture.ipam.add_subnet("Unused", ip(network), 0, 0, None);
        let found = fixture.provider.find_subnets(prefix(&format!("{network}/0")), None).await.expect("subnets");
        assert_eq!(found.len(), 1, "{network}");
    }
}

#[tokio::test]
async fn a_path_ends_in_a_slash_before_its_query() {
    let fixture = Fixture::new();
    fixture.provider.subnets(Some(&group("Production"))).await.expect("subnets");
    let requests = fixture.server.take_requests();
    let with_query: Vec<_> = requests.iter().filter(|request| !request.query.is_empty()).collect();
    assert!(!with_query.is_empty() && with_query.iter().all(|request| request.path.ends_with('/')), "{requests:?}");
}

#[tokio::test]
async fn every_request_has_a_type_and_no_language() {
    let fixture = Fixture::new();
    fixture.provider.probe().await;
    let subnet = fixture.subnet(Role::Empty).await;
    let address = fixture.seeded(Role::Empty).free(1)[0];
    fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect("a reservation");
    fixture.provider.release(&subnet, address).await.expect("a release");
    let requests = fixture.server.take_requests();
    let methods: BTreeSet<_> = requests.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, BTreeSet::from(["DELETE", "GET", "OPTIONS", "POST"]));
    for request in requests {
        let headers = (request.header("content-type"), request.header("accept-language"));
        assert_eq!(headers, (Some("application/json"), None), "{} {}", request.method, request.path);
    }
}

#[tokio::test]
async fn a_subnet_that_is_marked_as_full_offers_nothing() {
    let fixture = Fixture::new();
    let seeded = fixture.seeded(Role::Plain);
    fixture.ipam.mark_full(seeded, true);
    let subnet = fixture.subnet(Role::Plain).await;
    let error = fixture.free(&subnet, 5, &[]).await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(
        error.to_string(),
        "Subnet 192.0.2.0/28 (group Production) is marked as full in phpIPAM. Remove the mark there, or use another subnet"
    );
    // The mark is looked at each time, and is no reason to refuse an address.
    fixture.provider.reserve(&subnet, seeded.free(1)[0], &Requester::default()).await.expect("a reservation");
    fixture.ipam.mark_full(seeded, false);
    assert_eq!(fixture.free(&subnet, 1, &[]).await.expect("an answer"), seeded.free(2)[1..]);
}

#[tokio::test]
async fn a_mark_that_is_set_after_the_look_up_is_seen_by_the_next_one() {
    let fixture = Fixture::new();
    let seeded = fixture.seeded(Role::Plain);
    let before = fixture.subnet(Role::Plain).await;
    fixture.ipam.mark_full(seeded, true);
    assert_eq!(fixture.free(&before, 5, &[]).await.expect("an answer"), seeded.free(5));
    let after = fixture.subnet(Role::Plain).await;
    assert_eq!(fixture.free(&after, 5, &[]).await.map_err(|error| error.kind()), Err(ErrorKind::Rejected));
    // For everybody else it is the same record.
    assert_eq!(before.id.as_str(), after.id.as_str());
}

#[tokio::test]
async fn a_subnet_with_rows_on_its_edges_is_not_full_before_it_is() {
    let fixture = Fixture::new();
    let (seeded, subnet) = (fixture.seeded(Role::Full), fixture.subnet(Role::Full).await);
    for edge in ["192.0.2.32", "192.0.2.39"] {
        fixture.ipam.take_in(fixture.ipam.id_of(seeded), ip(edge));
    }
    for freed in ["192.0.2.36", "192.0.2.37"] {
        fixture.ipam.free(seeded, ip(freed));
    }
    let expected = ["192.0.2.36", "192.0.2.37"].map(ip);
    assert_eq!(fixture.free(&subnet, 5, &[]).await.expect("addresses"), expected);
    assert_eq!(fixture.free(&subnet, 1, &["192.0.2.36"]).await.expect("addresses"), expected[1..]);
}

#[tokio::test]
async fn a_subnet_that_contains_subnets_is_refused_and_takes_no_address() {
    let fixture = Fixture::new();
    let parent = fixture.ipam.add_subnet("Unused", ip("198.18.4.0"), 22, 0, None);
    fixture.ipam.add_subnet("Unused", ip("198.18.4.0"), 24, parent, None);
    let subnet = fixture.provider.find_subnets(prefix("198.18.4.0/22"), None).await.expect("subnets").remove(0);
    let offered = fixture.free(&subnet, 1, &[]).await.expect_err("a refusal");
    let reserved = fixture.provider.reserve(&subnet, ip("198.18.4.9"), &Requester::default()).await;
    for error in [offered, reserved.expect_err("a refusal")] {
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(
            error.to_string(),
            "Subnet 198.18.4.0/22 (group Unused) contains subnets in phpIPAM; choose one of them"
        );
    }
    assert_eq!(fixture.provider.reservation(&subnet, ip("198.18.4.9")).await.expect("an answer"), None);
}

#[tokio::test]
async fn subnets_inside_are_seen_however_the_outer_one_was_found() {
    let fixture = Fixture::new();
    let parents = [("0.0.0.0", 0), ("198.18.4.0", 22), ("2001:db8:9::", 48)];
    for (network, length) in parents {
        fixture.ipam.add_subnet("Unused", ip(network), length, 0, None);
    }
    let id_of = |subnet: &Subnet| subnet.id.as_str().parse::<u64>().expect("a number");
    for (child, length, (network, of)) in
        [("192.0.2.128", 25, parents[0]), ("198.18.5.0", 24, parents[1]), ("2001:db8:9:1::", 64, parents[2])]
    {
        let outer = prefix(&format!("{network}/{of}"));
        let master = fixture.provider.find_subnets(outer, None).await.expect("subnets").remove(0);
        assert!(fixture.free(&master, 1, &[]).await.is_ok(), "{outer}");
        fixture.ipam.add_subnet("Unused", ip(child), length, id_of(&master), None);
        let found = fixture.provider.find_subnets(outer, Some(&group("Unused"))).await.expect("subnets").remove(0);
        let listed = fixture.provider.subnets(Some(&group("Unused"))).await.expect("subnets");
        assert!(listed.contains(&found), "{outer}");
        let error = fixture.free(&found, 1, &[]).await.expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Rejected, "{outer}");
        // The inner one is as good as any.
        let inner = fixture.provider.find_subnets(prefix(&format!("{child}/{length}")), None).await.expect("subnets");
        assert_eq!(fixture.free(&inner[0], 1, &[]).await.expect("addresses").len(), 1, "{child}");
    }
}

#[tokio::test]
async fn a_subnet_that_is_known_costs_one_request_for_each_fact_and_for_a_reservation() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet(Role::Wide).await;
    let (address, id) = (ip("198.18.0.1"), subnet.id.as_str());
    fixture.requests();
    assert_eq!(fixture.free(&subnet, 64, &[]).await.expect("addresses").len(), 64);
    assert_eq!(fixture.requests(), [format!("GET /api/foreman/subnets/{id}/addresses/")]);
    for _ in 0..2 {
        fixture.provider.reservation(&subnet, address).await.expect("an answer");
        assert_eq!(fixture.requests(), ["GET /api/foreman/addresses/search/198.18.0.1/"]);
        // The second one is refused.
        let _ = fixture.provider.reserve(&subnet, address, &Requester::default()).await;
        assert_eq!(fixture.requests(), ["POST /api/foreman/addresses/"]);
    }
    assert!(fixture.provider.release(&subnet, address).await.expect("a release").is_removed());
    assert_eq!(fixture.requests().len(), 2);
    assert_eq!(fixture.provider.release(&subnet, address).await.expect("a release"), Released::WasAbsent);
    assert_eq!(fixture.requests().len(), 1);
}

#[tokio::test]
async fn an_address_is_not_called_absent_because_its_subnet_was_made_anew() {
    let fixture = Fixture::new();
    let (seeded, before) = (fixture.seeded(Role::Empty).clone(), fixture.subnet(Role::Empty).await);
    let address = seeded.free(1)[0];
    fixture.ipam.remove(&seeded);
    let id = fixture.ipam.add_subnet("Production", seeded.prefix.network(), seeded.prefix.length(), 0, None);
    assert_eq!(fixture.provider.reservation(&before, address).await.expect("it is nobody's"), None);
    fixture.ipam.take_in(id, address);
    let seen = fixture.provider.reservation(&before, address).await.expect_err("the subnet is gone");
    let released = fixture.provider.release(&before, address).await.expect_err("the subnet is gone");
    let reserved = fixture.provider.reserve(&before, address, &Requester::default()).await.expect_err("it is gone");
    for error in [seen, released, reserved] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.to_string(), "Subnet 192.0.2.16/28 (group Production) is no longer in phpIPAM");
    }
}

#[tokio::test]
async fn the_subnet_router_anycast_address_that_phpipam_offers_is_not_passed_on() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet(Role::Ipv6Small).await;
    assert_eq!(fixture.free(&subnet, 1, &[]).await.expect("addresses"), [ip("2001:db8:2::9")]);
}

#[tokio::test]
async fn a_subnet_that_is_too_large_to_list_is_walked_through() {
    let fixture = Fixture::new();
    let (seeded, subnet) = (fixture.seeded(Role::Wide), fixture.subnet(Role::Wide).await);
    for address in
        seeded.addresses().enumerate().filter(|(index, _)| index % 2 == 0).map(|(_, address)| address).take(40)
    {
        fixture.ipam.take(seeded, address);
    }
    let listed = fixture.free(&subnet, 64, &["198.18.0.4"]).await.expect("addresses");
    fixture.ipam.set_rows_at_most(10);
    assert_eq!(fixture.free(&subnet, 64, &["198.18.0.4"]).await.expect("addresses"), listed);
    let held = ["198.18.0.2", "198.18.0.4"];
    assert_eq!(fixture.free(&subnet, 1, &held).await.expect("addresses"), [ip("198.18.0.6")]);
}

/// Every address of the /16 from 198.19.0.0 that is in one of these ranges of host numbers is taken.
async fn crowded(fixture: &Fixture, taken: &[std::ops::Range<u32>]) -> Subnet {
    let id = fixture.ipam.add_subnet("Unused", ip("198.19.0.0"), 16, 0, None);
    for number in taken.iter().cloned().flatten() {
        fixture.ipam.take_in(id, host(number));
    }
    let subnet = fixture.provider.find_subnets(prefix("198.19.0.0/16"), None).await.expect("subnets").remove(0);
    fixture.requests();
    subnet
}

fn host(number: u32) -> IpAddr {
    (0xC613_0000 + number).to_be_bytes().into()
}

#[tokio::test]
async fn a_walk_finds_what_is_free_beyond_thousands_of_used_addresses_and_goes_on_there() {
    let fixture = Fixture::new();
    // Number 7 is free, and held; all above 60,000 are free.
    let subnet = crowded(&fixture, &[1..7, 8..60_001]).await;
    let seven = host(7).to_string();
    let found = fixture.free(&subnet, 64, &[&seven]).await.expect("addresses");
    assert!(found.len() > 10 && found.iter().all(|address| *address > host(60_000)), "{found:?}");
    assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
    assert!(fixture.requests().len() <= 258);
    // They are held now, and the next ones cost no walk through the used ones.
    let held: Vec<String> = found.iter().map(ToString::to_string).chain([seven]).collect();
    let held: Vec<&str> = held.iter().map(String::as_str).collect();
    let further = fixture.free(&subnet, 10, &held).await.expect("addresses");
    assert!(further.len() == 10 && further.iter().all(|address| !found.contains(address)), "{further:?}");
    assert!(fixture.requests().len() <= 12);
    // The lowest one comes first again when nobody holds it.
    assert_eq!(fixture.free(&subnet, 1, &[]).await.expect("addresses"), [host(7)]);
}

#[tokio::test]
async fn a_walk_finds_the_free_end_of_a_subnet_however_short_it_is() {
    let fixture = Fixture::new();
    let subnet = crowded(&fixture, &[1..7, 8..65_534]).await;
    let found = fixture.free(&subnet, 64, &[&host(7).to_string()]).await.expect("addresses");
    assert_eq!(found, [host(65_534)]);
}

#[tokio::test]
async fn a_walk_that_finds_nothing_says_why_and_the_next_one_goes_on() {
    let fixture = Fixture::new();
    // Two holes, the lower one held; the other is where no longer step ends.
    let subnet = crowded(&fixture, &[1..7, 8..200, 201..65_535]).await;
    let seven = host(7).to_string();
    let error = fixture.free(&subnet, 1, &[&seven]).await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("memory_limit"), "{error}");
    assert!(fixture.requests().len() <= 258);
    let mut answer = Err(error);
    for _ in 0..3 {
        if answer.is_err() {
            answer = fixture.free(&subnet, 1, &[&seven]).await;
        }
    }
    assert_eq!(answer.expect("addresses"), [host(200)]);
    // With something found it is answered.
    assert_eq!(fixture.free(&subnet, 1, &[]).await.expect("addresses"), [host(7)]);
}

#[tokio::test]
async fn a_subnet_that_is_too_large_to_list_may_be_full_or_marked_as_full() {
    let fixture = Fixture::new();
    let (seeded, subnet) = (fixture.seeded(Role::Full), fixture.subnet(Role::Full).await);
    fixture.ipam.set_rows_at_most(2);
    assert!(fixture.free(&subnet, 5, &[]).await.expect("an answer").is_empty());
    fixture.ipam.mark_full(seeded, true);
    let error = fixture.free(&subnet, 5, &[]).await.expect_err("a refusal");
    assert!(error.to_string().contains("is marked as full in phpIPAM"), "{error}");
}

#[tokio::test]
async fn a_list_of_megabytes_is_read() {
    let fixture = Fixture::new();
    let subnet = crowded(&fixture, &[1..7, 8..6_000]).await;
    assert_eq!(fixture.free(&subnet, 2, &[]).await.expect("addresses"), [host(7), host(6_000)]);
    assert_eq!(fixture.requests().len(), 1);
}

#[tokio::test]
async fn a_subnet_that_was_walked_through_to_its_end_is_full() {
    let fixture = Fixture::new();
    let (seeded, subnet) = (fixture.seeded(Role::Wide), fixture.subnet(Role::Wide).await);
    for address in seeded.free(20).into_iter().skip(1) {
        fixture.ipam.take(seeded, address);
    }
    fixture.ipam.set_rows_at_most(10);
    let held: Vec<String> = seeded.free(254).iter().map(ToString::to_string).collect();
    let held: Vec<&str> = held.iter().map(String::as_str).collect();
    assert!(fixture.free(&subnet, 5, &held).await.expect("an answer").is_empty());
}

#[tokio::test]
async fn a_race_that_the_database_decides_is_lost_like_any_other() {
    let fixture = Fixture::new();
    let (seeded, subnet) = (fixture.seeded(Role::Empty), fixture.subnet(Role::Empty).await);
    let address = seeded.free(1)[0];
    fixture.ipam.take(seeded, address);
    fixture.ipam.lose_races(1);
    let error = fixture.provider.reserve(&subnet, address, &Requester::default()).await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn an_address_that_phpipam_does_not_take_for_a_host_is_rejected() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet(Role::Empty).await;
    for address in ["192.0.2.16", "192.0.2.31", "198.18.0.9", "2001:db8::1"] {
        let error = fixture.provider.reserve(&subnet, ip(address), &Requester::default()).await.expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Rejected, "{address}");
    }
}

#[tokio::test]
async fn the_first_address_of_an_empty_subnet_can_be_looked_at() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet(Role::Empty).await;
    let address = fixture.seeded(Role::Empty).free(1)[0];
    assert_eq!(fixture.provider.reservation(&subnet, address).await.expect("an answer"), None);
    assert_eq!(fixture.provider.release(&subnet, address).await.expect("a release"), Released::WasAbsent);
}

#[tokio::test]
async fn a_description_is_cut_to_64_characters_not_bytes() {
    let fixture = Fixture::with(json!({"user": USER, "password": PASSWORD, "description": "Zürich {hostname}"}));
    let (seeded, subnet) = (fixture.seeded(Role::Empty), fixture.subnet(Role::Empty).await);
    let by = Requester { hostname: Some("ü".repeat(200)), ..Requester::default() };
    let address = seeded.free(1)[0];
    fixture.provider.reserve(&subnet, address, &by).await.expect("a reservation");
    let [description, owner, _] = fixture.ipam.record(seeded, address).expect("a record");
    assert_eq!(description, Some(format!("Zürich {}", "ü".repeat(57))));
    assert_eq!(owner.as_deref(), Some("foreman-ipam-proxy"));
    let recorded = fixture.provider.reservation(&subnet, address).await.expect("an answer").expect("a record");
    assert_eq!(recorded.hostname, by.hostname);
}

#[tokio::test]
async fn values_that_do_not_fit_are_left_out_and_never_fail_a_host() {
    let fixture = Fixture::new();
    let (seeded, subnet) = (fixture.seeded(Role::Empty), fixture.subnet(Role::Empty).await);
    let infiniband = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:2f:85:a1";
    let by = Requester {
        mac: Some(infiniband.parse().expect("a MAC")),
        hostname: Some("h".repeat(256)),
        ..Requester::default()
    };
    let address = seeded.free(1)[0];
    fixture.provider.reserve(&subnet, address, &by).await.expect("a reservation");
    let recorded = fixture.provider.reservation(&subnet, address).await.expect("an answer").expect("a record");
    assert_eq!((recorded.mac, recorded.hostname, recorded.ours), (None, None, true));
    let [description, ..] = fixture.ipam.record(seeded, address).expect("a record");
    assert_eq!(description.map(|text| text.chars().count()), Some(64));
}

#[tokio::test]
async fn only_our_own_records_are_deleted_where_the_settings_say_so() {
    let fixture = Fixture::with(json!({
        "user": USER, "password": PASSWORD, "owner": "Foreman Zürich", "delete_only_own": true,
    }));
    let (seeded, subnet) = (fixture.seeded(Role::Plain), fixture.subnet(Role::Plain).await);
    let (taken, free) = (*seeded.taken.keys().next().expect("a taken address"), seeded.free(1)[0]);
    let error = fixture.provider.release(&subnet, taken).await.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("delete_only_own"), "{error}");
    fixture.provider.reserve(&subnet, free, &Requester::default()).await.expect("a reservation");
    assert!(fixture.provider.release(&subnet, free).await.expect("a release").is_removed());
    assert_eq!(fixture.provider.release(&subnet, free).await.expect("a release"), Released::WasAbsent);
}

#[test]
fn the_registration_reads_settings_and_builds_without_a_network() {
    // 192.0.2.1 is nobody's.
    let settings = json!({"url": "https://192.0.2.1", "user": "ipam_user", "password": "ipam_password"});
    let (plan, findings) = read_settings(settings, REGISTRATION.read);
    assert!(findings.is_empty(), "{findings:?}");
    let provider = plan(&Surroundings {
        state_directory: "/nowhere".into(),
        may_create: true,
        database: None,
        trace: None,
        kept: Kept::default(),
    })
    .expect("a provider");
    assert_eq!((REGISTRATION.name, provider.name()), ("phpipam", "phpipam"));
}

#[tokio::test]
async fn a_list_that_php_has_no_memory_for_is_no_empty_list() {
    let fixture = Fixture::new();
    let subnet = fixture.subnet(Role::Full).await;
    let list = fixture.provider.list_reservations().expect("lists");
    fixture.requests();
    let page = list.list(&subnet, Some("192.0.2.35"), 2).await.expect("a page");
    assert_eq!(
        page.records.iter().map(|record| record.address).collect::<Vec<_>>(),
        [ip("192.0.2.35"), ip("192.0.2.36")]
    );
    assert_eq!((page.next.as_deref(), fixture.requests().len()), (Some("192.0.2.37"), 1));
    fixture.ipam.set_rows_at_most(2);
    let error = list.list(&subnet, None, 2).await.expect_err("no memory");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("memory_limit"), "{error}");
}
