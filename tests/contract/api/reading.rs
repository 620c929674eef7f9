//! What is read, and how lists come in pages.

use serde_json::{Value, json};

use super::{code, column, id_of, items, seed};
use crate::support::{Builder, Client, Request, Server};

fn start() -> (Server, Client) {
    let server = Builder::new(seed()).with_api(&[]).start();
    let client = server.api(&server.token("operator", &["--role", "operator"]));
    (server, client)
}

/// All items of a list, one a page.
fn one_by_one(client: &Client, list: &str) -> Vec<Value> {
    let mark = if list.contains('?') { '&' } else { '?' };
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("{list}{mark}limit=1{cursor}"));
        let found = items(&page);
        assert!(found.len() <= 1);
        all.extend(found);
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[test]
fn groups_and_subnets_come_in_order_and_in_pages() {
    let (_server, client) = start();
    let groups = items(&client.get("/api/v1/groups"));
    assert_eq!(
        groups,
        [json!({"name": "blue", "description": "Production"}), json!({"name": "red", "description": ""})]
    );
    let subnets = client.get("/api/v1/subnets");
    assert_eq!(
        column(&subnets, "prefix"),
        ["10.0.0.0/24", "10.1.0.0/24", "10.1.1.0/24", "2001:db8:1::/64", "10.1.0.0/24"]
    );
    let blue = Value::from("blue");
    assert_eq!(column(&subnets, "group"), [Value::Null, blue.clone(), blue.clone(), blue, "red".into()]);
    assert_eq!(subnets.json()["next_cursor"], Value::Null);
    for list in
        ["/api/v1/groups", "/api/v1/subnets", "/api/v1/subnets?group=blue", "/api/v1/subnets?prefix=10.1.0.0/24"]
    {
        assert_eq!(one_by_one(&client, list), items(&client.get(list)), "{list}");
    }
    assert_eq!(column(&client.get("/api/v1/subnets?prefix=10.0.0.0/24"), "group"), [Value::Null]);
    assert_eq!(column(&client.get("/api/v1/subnets?prefix=10.1.0.0/24&group=red"), "group"), ["red"]);
    assert_eq!(column(&client.get("/api/v1/subnets?within=10.1.1.0/24"), "prefix"), ["10.1.1.0/24"]);
    assert_eq!(column(&client.get("/api/v1/subnets?within=2001:db8::/32"), "prefix"), ["2001:db8:1::/64"]);
    assert_eq!(items(&client.get("/api/v1/subnets?prefix=10.9.0.0/24")), [] as [Value; 0]);
}

#[test]
fn a_subnet_and_its_addresses_are_shown_as_they_are() {
    let (server, client) = start();
    let id = id_of(&client, "10.1.0.0/24", Some("blue"));
    let subnet = client.get(&format!("/api/v1/subnets/{id}"));
    assert_eq!((subnet.status, &subnet.json()["held"]), (200, &json!(0)));
    assert_eq!(subnet.json()["ipam"], "internal");
    let tag = subnet.header("etag").expect("a tag").to_owned();
    let again = Request::new("GET", &format!("/api/v1/subnets/{id}")).header("If-None-Match", &tag);
    assert_eq!(client.send(again.clone()).status, 304);
    let address = |text: &str| client.get(&format!("/api/v1/subnets/{id}/addresses/{text}")).json();
    assert_eq!(address("10.1.0.1")["state"], "reserved");
    assert_eq!(address("10.1.0.2")["state"], "free");
    let next = server.client().get("/ipam/subnet/10.1.0.0/24/next_ip?mac=02:00:00:00:00:01&group=blue");
    assert_eq!(next.json()["data"], "10.1.0.2");
    let held = address("10.1.0.2");
    assert_eq!(
        (&held["state"], &held["hold"]["state"], &held["hold"]["mac"]),
        (&json!("held"), &json!("offered"), &json!("02:00:00:00:00:01"))
    );
    assert_eq!(client.send(again).json()["held"], 1, "it has changed");
    let v6 = id_of(&client, "2001:db8:1::/64", Some("blue"));
    for text in ["2001:db8:1::7", "2001:DB8:1:0::7", "2001%3Adb8%3A1%3A%3A7"] {
        let shown = client.get(&format!("/api/v1/subnets/{v6}/addresses/{text}")).json();
        assert_eq!((&shown["address"], &shown["state"]), (&json!("2001:db8:1::7"), &json!("free")), "{text}");
    }
    // An id means the subnet that it was made of: `10.1.1.0/24` outside of groups is none.
    let stray = "MTAuMS4xLjAvMjQ";
    assert_eq!(code(&client.get(&format!("/api/v1/subnets/{stray}"))), "not_found");
    assert_eq!(code(&client.get(&format!("/api/v1/subnets/{stray}/addresses/10.1.1.1"))), "not_found");
}

#[test]
fn holds_are_listed_and_released_each_in_its_own_group() {
    let (server, client) = start();
    for group in ["blue", "red"] {
        for number in 1..=3 {
            let mac = format!("02:00:00:00:00:0{number}");
            let next = server.client().get(&format!("/ipam/subnet/10.1.0.0/24/next_ip?mac={mac}&group={group}"));
            assert_eq!(next.status, 200);
        }
    }
    let holds = items(&client.get("/api/v1/holds"));
    assert_eq!(holds.len(), 6);
    assert_eq!(one_by_one(&client, "/api/v1/holds"), holds);
    let held = |group: &str| -> Vec<Value> {
        let holds = items(&client.get("/api/v1/holds"));
        holds.into_iter().filter(|hold| hold["group"] == group).map(|hold| hold["address"].clone()).collect()
    };
    assert_eq!(held("red"), ["10.1.0.1", "10.1.0.2", "10.1.0.3"]);
    let of_red = holds.iter().find(|hold| hold["group"] == "red" && hold["address"] == "10.1.0.2").expect("a hold");
    let target = format!("/api/v1/holds/{}", of_red["id"].as_str().expect("an id"));
    let released = client.delete(&target);
    assert_eq!((released.status, released.text()), (204, ""));
    assert_eq!(held("red"), ["10.1.0.1", "10.1.0.3"]);
    assert_eq!(held("blue"), ["10.1.0.2", "10.1.0.3", "10.1.0.4"]);
    assert_eq!(code(&client.delete(&target)), "not_found");
}

#[test]
fn the_ledger_is_asked_as_by_the_command() {
    let (server, client) = start();
    let foreman = server.client();
    for (address, host) in [("10.1.0.5", "Web5.example.com"), ("10.1.0.6", "web6.example.com")] {
        let target = format!("/ipam/subnet/10.1.0.0/24/{address}?group=blue&hostname={host}&mac=02:00:00:00:00:05");
        assert_eq!(foreman.post(&target).status, 201);
    }
    assert_eq!(foreman.post("/ipam/subnet/10.1.0.0/24/10.1.0.5?group=red").status, 201);
    assert_eq!(foreman.delete("/ipam/subnet/10.1.0.0/24/10.1.0.5?group=blue").status, 200);
    let all = items(&client.get("/api/v1/ledger"));
    assert_eq!(one_by_one(&client, "/api/v1/ledger"), all);
    let command = server.run(&["ledger", "--json"]);
    let told: Vec<Value> = command.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(all, told);
    assert_eq!(all[0]["caller"], "certificate foreman.example.com");
    let count = |query: &str| items(&client.get(&format!("/api/v1/ledger?{query}"))).len();
    assert_eq!(count("address=10.1.0.5"), 3);
    assert_eq!(count("address=10.1.0.5&group=red"), 1);
    assert_eq!(count("host=WEB6.example.com"), 1);
    assert_eq!(count("mac=02-00-00-00-00-05"), 3);
    assert_eq!((count("until=2020-01-01T00:00:00Z"), count("since=2020-01-01T00:00:00Z")), (0, 4));
}

#[test]
fn the_status_names_the_ipam_and_no_trouble() {
    let (_server, client) = start();
    let status = client.get("/api/v1/status").json();
    assert_eq!((&status["state"], &status["troubles"]), (&json!("ok"), &json!([])));
    assert_eq!((&status["ipams"][0]["name"], &status["ledger_days"]), (&json!("internal"), &json!(400)));
}
