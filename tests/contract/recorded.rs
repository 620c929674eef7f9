//! The recorded requests to the Ruby plugin, sent to us: status and shape of the answers are the same but for the
//! differences that are listed in `differences`, each with its reason.

mod differences;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use differences::{DIFFERENCES, Difference};

use crate::support::{Builder, Client, Request, Response, Seed, Server, identities};

/// What the simulated IPAMs of the recording contained, as far as the requests touch it.
///
/// Asked without a group, the plugin takes the first of several equal subnets. We take that of the global table, so
/// `main v4`, which two groups have, is there a third time.
fn seed() -> Seed {
    let groups = [
        ("Customers", "Customer networks"),
        ("IPv6", "IPv6 networks"),
        ("My Group", "Group with a space"),
        ("Empty Group", "No subnets"),
        ("R&D", "Ampersand"),
        ("C++", "Plus signs"),
        ("Zürich", "Umlaut"),
        ("50%", "Percent"),
        ("a/b", "Slash"),
    ];
    let subnets = [
        (None, "10.20.30.0/24", "main v4"),
        (Some("Customers"), "10.20.30.0/24", "main v4"),
        (Some("Customers"), "10.20.31.0/29", "small v4"),
        (Some("Customers"), "10.20.32.0/30", "full v4"),
        (Some("Customers"), "10.80.0.0/31", "p2p"),
        (Some("Customers"), "10.80.1.1/32", "host"),
        (Some("IPv6"), "2001:db8:abcd:12::/64", "v6 /64"),
        (Some("IPv6"), "2001:db8:abcd:13::/124", "v6 /124"),
        (Some("My Group"), "10.30.0.0/24", "in My Group"),
        (Some("My Group"), "10.20.30.0/24", "same CIDR, in My Group"),
        (Some("R&D"), "10.50.0.0/24", "in R&D"),
        (Some("C++"), "10.60.0.0/24", "in C++"),
        (Some("Zürich"), "10.70.0.0/24", "in Zürich"),
    ];
    let seed = groups.iter().fold(Seed::new(), |seed, (name, text)| seed.described_group(name, text));
    subnets
        .iter()
        .fold(seed, |seed, (group, prefix, text)| seed.described_subnet(*group, prefix, text))
        .reserved(None, "10.20.30.0/24", ["10.20.30.50"])
        .reserved(Some("Customers"), "10.20.30.0/24", ["10.20.30.50"])
        .reserved(Some("Customers"), "10.20.32.0/30", ["10.20.32.1", "10.20.32.2"])
        .reserved(Some("IPv6"), "2001:db8:abcd:12::/64", ["2001:db8:abcd:12::50"])
}

#[test]
fn answers_are_those_of_the_ruby_plugin_but_for_the_listed_differences() {
    let mut found = Findings::default();
    for file in ["phpipam.jsonl", "netbox.jsonl"] {
        let server = Builder::new(seed()).ipam("error_style: http").start();
        let empty = Builder::new(Seed::new()).ipam("error_style: http").start();
        for exchange in exchanges(file) {
            // These were recorded while the IPAM had no groups.
            let server = if ["groups_none", "group_none"].contains(&exchange.name()) { &empty } else { &server };
            found.compare(&exchange, &exchange.replay(&server.curl()));
        }
    }
    let server = Builder::new(seed()).ipam("error_style: http").trusted_hosts(&["foreman.example.com"]).start();
    for exchange in exchanges("https.jsonl") {
        found.compare(&exchange, &exchange.replay(&caller(&server, exchange.name()).like_curl()));
    }
    found.report();
}

/// The client that an exchange over HTTPS was recorded with.
fn caller(server: &Server, name: &str) -> Client {
    let identity = match name.split('_').nth(1).expect("a certificate in the name") {
        "none" => None,
        "foreman" => Some(&identities().foreman),
        "upper" => Some(&identities().upper_case),
        "other" => Some(&identities().other),
        "evil" => Some(&identities().stranger),
        other => panic!("unknown certificate {other}"),
    };
    server.client_as(identity)
}

/// A recorded request and its answer.
struct Exchange(Map<String, Value>);

fn exchanges(file: &str) -> Vec<Exchange> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/smart_proxy_ipam/0.1.4");
    let text = fs::read_to_string(directory.join(file)).expect("the recording");
    text.lines().map(|line| Exchange(serde_json::from_str(line).expect("an exchange"))).collect()
}

impl Exchange {
    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().expect("text")
    }

    fn name(&self) -> &str {
        self.text("name")
    }

    /// Sends the request again and says how it is answered.
    fn replay(&self, client: &Client) -> String {
        let mut request = Request::new(self.text("method"), self.text("path"));
        for (name, value) in self.0.get("headers").and_then(Value::as_object).into_iter().flatten() {
            request = request.header(name, value.as_str().expect("text"));
        }
        if let Some(body) = self.0.get("body") {
            request = request.body(body.as_str().expect("text"));
        }
        client.try_send(request).map_or_else(|_| "refused".to_owned(), |response| seen(&response))
    }

    /// How the plugin answered.
    fn recorded(&self) -> String {
        let Some(status) = self.0.get("status") else { return "refused".to_owned() };
        let body = match (self.0.get("json"), self.0.get("text"), self.0.get("page")) {
            (Some(json), None, None) => shape(json),
            (None, Some(_), None) => "plain text".to_owned(),
            (None, None, Some(_)) => "page".to_owned(),
            _ => "nothing".to_owned(),
        };
        format!("{status} {body}")
    }
}

fn seen(response: &Response) -> String {
    let text = response.text();
    let body = match serde_json::from_str(text) {
        Ok(json) => shape(&json),
        Err(_) if text.is_empty() => "nothing".to_owned(),
        Err(_) => "plain text".to_owned(),
    };
    format!("{} {body}", response.status)
}

/// Keys and types of a value.
fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "text".to_owned(),
        Value::Array(items) => {
            let shapes: BTreeSet<String> = items.iter().map(shape).collect();
            format!("[{}]", shapes.into_iter().collect::<Vec<_>>().join(" or "))
        }
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(key, value)| format!("\"{key}\": {}", shape(value))).collect();
            members.sort();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// What the comparison has brought to light.
#[derive(Default)]
struct Findings {
    unlisted: Vec<String>,
    /// The listed differences that were met, each with the exchange.
    met: BTreeSet<(usize, String)>,
}

impl Findings {
    fn compare(&mut self, exchange: &Exchange, ours: &str) {
        let peer = exchange.recorded();
        if peer == ours {
            return;
        }
        let is_this = |difference: &Difference| {
            let is_of = difference.of.is_empty() || difference.of.contains(&exchange.name());
            is_of && difference.peer == peer && difference.ours == ours
        };
        match DIFFERENCES.iter().position(is_this) {
            Some(index) => {
                self.met.insert((index, exchange.name().to_owned()));
            }
            None => {
                let (method, path) = (exchange.text("method"), exchange.text("path"));
                self.unlisted.push(format!("{}: {method} {path}\n  peer: {peer}\n  ours: {ours}", exchange.name()));
            }
        }
    }

    fn report(self) {
        let mut gone = Vec::new();
        for (index, Difference { of, peer, ours, why }) in DIFFERENCES.iter().enumerate() {
            let met: Vec<&str> =
                self.met.iter().filter(|(met, _)| *met == index).map(|(_, name)| name.as_str()).collect();
            let names: Vec<&str> = of.iter().copied().filter(|name| !met.contains(name)).collect();
            if met.is_empty() || !names.is_empty() {
                gone.push(format!("{names:?} {peer} -> {ours} ({why})"));
            }
        }
        assert!(
            self.unlisted.is_empty() && gone.is_empty(),
            "differences that are not listed:\n{}\nlisted differences that are none:\n{}",
            self.unlisted.join("\n"),
            gone.join("\n")
        );
    }
}
