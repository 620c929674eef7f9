//! Groups by name, in every way that Foreman has written names into paths and queries over the years.

use serde_json::{Value, json};

use crate::support::server::Shared;
use crate::support::{Builder, Generation, Seed, Server, cgi_escape};

/// Names that people give, each hard for some encoding.
const NAMES: &[&str] = &[
    "Customers",
    "My Group",
    "A/B",
    "A+B",
    "R&D",
    "ä",
    "Zürich",
    "100%",
    "50%25",
    "C++",
    "C#",
    "4711",
    "1",
    "a=b",
    "x?y",
    "x;y",
    "Tom, Dick & Harry",
    "a:b@c",
    "[x]",
    "q\"uote'",
    "true",
    "null",
    "...",
    "Groß-Umstadt/Süd (DMZ)",
];

static SERVER: Shared = Shared::new(builder);

fn builder() -> Builder {
    let seed = Seed::new().group("Empty Group").subnet("10.99.0.0/24");
    let seed = NAMES.iter().enumerate().fold(seed, |seed, (number, name)| {
        let described = seed.described_group(name, &format!("number {number}"));
        described.described_subnet(Some(name), &prefix(number), name)
    });
    Builder::new(seed)
}

fn prefix(number: usize) -> String {
    format!("10.0.{number}.0/24")
}

/// The name of the group in an answer.
fn name(answer: Option<Value>) -> Option<String> {
    answer.map(|group| group["name"].as_str().expect("a name").to_owned())
}

#[test]
fn todays_foreman_finds_every_name() {
    // B0, B12, B12b: the Ruby plugin loses names with a blank, '+', '/', and those that are numbers.
    let server = builder().start();
    let foreman = server.foreman();
    for (number, group) in NAMES.iter().enumerate() {
        let prefix = prefix(number);
        assert_eq!(foreman.group(group).map(name), Ok(Some((*group).to_owned())), "{group}");
        let subnets = foreman.subnets(group).expect("an answer");
        assert_eq!(subnets.as_array().map(Vec::len), Some(1), "{group}: {subnets}");
        let subnet = foreman.subnet(&prefix, Some(group)).expect("an answer").expect("a subnet");
        assert_eq!(subnet["description"], json!(group));
        let address = foreman.create_host(&prefix, Some("02:00:00:00:00:01"), Some(group)).expect("a host");
        assert_eq!(foreman.ip_exists(&prefix, &address, Some(group)), Ok(true), "{group}");
        assert_eq!(foreman.delete(&prefix, &address, Some(group)), Ok(()), "{group}");
        assert_eq!(foreman.ip_exists(&prefix, &address, Some(group)), Ok(false), "{group}");
    }
}

#[test]
fn yesterdays_foreman_finds_every_name_that_it_can_say() {
    let server = builder().start();
    let foreman = server.foreman_of(Generation::From21);
    for (number, group) in NAMES.iter().enumerate() {
        let prefix = prefix(number);
        // It leaves these as they are: a slash and a question mark end a path segment, an ampersand ends a parameter.
        let fits_path = !group.contains(['/', '?']);
        let fits_query = !group.contains(['&']);
        if fits_path {
            assert_eq!(foreman.group(group).map(name), Ok(Some((*group).to_owned())), "{group}");
        }
        if fits_query {
            let subnet = foreman.subnet(&prefix, Some(group)).expect("an answer").expect("a subnet");
            assert_eq!(subnet["description"], json!(group));
            let address = foreman.create_host(&prefix, Some("02:00:00:00:00:02"), Some(group)).expect("a host");
            assert_eq!(foreman.ip_exists(&prefix, &address, Some(group)), Ok(true), "{group}");
            assert_eq!(foreman.delete(&prefix, &address, Some(group)), Ok(()), "{group}");
        }
    }
}

#[test]
fn raw_spellings_mean_the_group_that_exists() {
    let server = Server::shared(&SERVER);
    let client = server.client();
    for (raw, expected) in [
        ("My+Group", "My Group"),
        ("My%20Group", "My Group"),
        ("My%2520Group", "My Group"),
        ("My%2BGroup", ""),
        ("A%2FB", "A/B"),
        ("A%2fB", "A/B"),
        ("A%252FB", "A/B"),
        ("A%2BB", "A+B"),
        ("A+B", "A+B"),
        ("R%26D", "R&D"),
        ("R&D", "R&D"),
        ("%C3%A4", "ä"),
        ("%c3%a4", "ä"),
        ("100%25", "100%"),
        ("C%2B%2B", "C++"),
        ("C++", "C++"),
        ("4711", "4711"),
        ("%34711", "4711"),
        ("%43ustomers", "Customers"),
    ] {
        let in_path = client.get(&format!("/ipam/groups/{raw}"));
        assert_eq!(in_path.status, 200, "{raw}");
        assert_eq!(in_path.json()["name"].as_str().unwrap_or_default(), expected, "{raw}");
        if raw != "R&D" {
            let number = NAMES.iter().position(|name| *name == expected);
            let in_query = client.get(&format!("/ipam/subnet/{}?group={raw}", prefix(number.unwrap_or(0))));
            assert_eq!(in_query.json()["description"].as_str().unwrap_or_default(), expected, "{raw}");
        }
    }
}

#[test]
fn the_literal_spelling_wins_where_two_names_could_be_meant() {
    let names = ["My Group", "My+Group", "A/B", "A%2FB", "100%", "100%25"];
    let server = Server::start(names.iter().fold(Seed::new(), |seed, name| seed.group(name)));
    let foreman = server.foreman();
    for group in names {
        assert_eq!(foreman.group(group).map(name), Ok(Some(group.to_owned())), "{group}");
    }
}

#[test]
fn an_empty_group_is_no_group() {
    let server = Server::shared(&SERVER);
    let client = server.client();
    for query in ["", "?group=", "?group", "?mac&group", "?group=&mac="] {
        let subnet = client.get(&format!("/ipam/subnet/10.99.0.0/24{query}"));
        assert_eq!(subnet.json()["subnet"], json!("10.99.0.0"), "{query}");
        let exists = client.get(&format!("/ipam/subnet/10.99.0.0/24/10.99.0.5{query}"));
        assert_eq!(exists.answer(), (200, json!(false)), "{query}");
    }
}

#[test]
fn a_group_that_does_not_exist_is_not_found_however_it_looks() {
    // B22: the Ruby plugin puts the name into a URL of phpIPAM as it is, so that ids and paths resolve.
    let server = Server::shared(&SERVER);
    let foreman = server.foreman();
    for group in
        ["Nope", "customers", "CUSTOMERS", "2", "Customers/", "1/subnets", "../groups", "Customers ", " ", "%", "*"]
    {
        assert_eq!(foreman.group(group), Ok(None), "{group:?}");
        assert_eq!(foreman.save_subnet("10.99.0.0/24", Some(group)), Err("Group not found"), "{group:?}");
        let text = foreman.next_ip("10.99.0.0/24", None, Some(group)).expect_err("an error");
        assert!(text.starts_with("Group not found in External IPAM"), "{group:?}: {text}");
        let text = foreman.subnets(group).expect_err("an error");
        assert!(text.starts_with("Group not found in External IPAM"), "{group:?}: {text}");
    }
}

#[test]
fn foremans_subnet_form_names_what_is_missing() {
    let server = Server::shared(&SERVER);
    for foreman in [server.foreman(), server.foreman_of(Generation::From21)] {
        assert_eq!(foreman.save_subnet("10.99.0.0/24", None), Ok(()));
        assert_eq!(foreman.save_subnet("10.0.0.0/24", Some("Customers")), Ok(()));
        assert_eq!(foreman.save_subnet("10.99.0.0/24", Some("Customers")), Err("Subnet not found"));
        assert_eq!(foreman.save_subnet("10.0.0.0/24", Some("Nope")), Err("Group not found"));
        assert_eq!(foreman.save_subnet("10.98.0.0/24", None), Err("Subnet not found"));
    }
}

#[test]
fn a_subnet_is_found_in_its_own_group_only() {
    let server = Server::shared(&SERVER);
    let foreman = server.foreman();
    assert_eq!(foreman.subnet("10.0.0.0/24", Some("My Group")), Ok(None));
    assert_eq!(foreman.subnet("10.99.0.0/24", Some("Customers")), Ok(None));
    assert_eq!(foreman.subnet("10.0.0.0/24", Some("Empty Group")), Ok(None));
    let text = foreman.next_ip("10.0.0.0/24", None, Some("My Group")).expect_err("an error");
    assert!(text.starts_with("Subnet not found in External IPAM: 10.0.0.0/24 in group My Group"), "{text}");
}

#[test]
fn a_group_without_subnets_has_an_empty_list_of_them() {
    assert_eq!(Server::shared(&SERVER).foreman().subnets("Empty Group"), Ok(json!([])));
}

#[test]
fn the_route_of_the_oldest_foreman_finds_subnets_too() {
    let server = Server::shared(&SERVER);
    for (number, group) in NAMES.iter().enumerate() {
        let target = format!("/ipam/group/{}/subnet/{}", cgi_escape(group), prefix(number));
        assert_eq!(server.client().get(&target).json()["description"], json!(group), "{target}");
    }
}

#[test]
fn a_broken_encoding_is_refused_with_a_reason() {
    let server = Server::shared(&SERVER);
    let client = server.curl();
    for raw in ["%zz", "100%", "%", "a%2", "%ff", "%C3", "a%00b", "a%0Ab"] {
        for target in [format!("/ipam/groups/{raw}"), format!("/ipam/subnet/10.99.0.0/24?group={raw}")] {
            let response = client.get(&target);
            assert_eq!(response.status, 400, "{target}");
            assert!(response.error().starts_with("The group's name "), "{target}: {}", response.text());
        }
    }
}

#[test]
fn all_groups_and_all_subnets_are_listed() {
    // B14: the Ruby plugin reads the first page of NetBox's only.
    let seed = (0..120).fold(Seed::new().group("many"), |seed, number| {
        seed.group(&format!("group {number:03}")).subnet_in("many", &format!("10.1.{number}.0/24"))
    });
    let server = Server::start(seed);
    let groups = server.client().get("/ipam/groups").json();
    assert_eq!(groups.as_array().map(Vec::len), Some(121));
    assert_eq!(server.foreman().subnets("many").expect("subnets").as_array().map(Vec::len), Some(120));
}

#[test]
fn every_call_works_with_the_parameter_for_groups() {
    // B0: with Ruby 3.0 and later the plugin fails on each of them.
    let server = Server::start(Seed::new().subnet("10.0.0.0/24"));
    for generation in [Generation::From21, Generation::From32] {
        let foreman = server.foreman_of(generation);
        for group in [None, Some("")] {
            let address = foreman.create_host("10.0.0.0/24", None, group).expect("a host");
            assert_eq!(foreman.delete("10.0.0.0/24", &address, group), Ok(()), "{generation:?} {group:?}");
        }
    }
}
