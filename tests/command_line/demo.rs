//! `serve --demo`: everything that it tells people to try.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{call, call_with};
use crate::process::Proxy;
use crate::site::{Ran, binary, is_there, rows, run};

/// Takes a printed curl line apart and does what it says.
fn curl(line: &str) -> (u16, Value) {
    let rest = line.strip_prefix("curl ").expect("a curl line");
    let (method, rest) = match rest.strip_prefix("-X ") {
        Some(rest) => rest.split_once(' ').expect("method and URL"),
        None => ("GET", rest),
    };
    let url = rest.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).expect("one URL in quotes");
    let (address, target) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let address: SocketAddr = address.parse().expect("address and port");
    assert!(address.ip().is_loopback(), "{address} can be reached from elsewhere");
    call(TcpStream::connect(address).expect("a connection"), method, &format!("/{target}"))
}

fn shell(line: &str) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    run(command, "")
}

fn error_of((status, body): &(u16, Value)) -> (u16, &str) {
    (*status, body["error"].as_str().unwrap_or_else(|| panic!("no error: {status} {body}")))
}

#[test]
fn everything_that_the_demo_prints_works_when_it_is_pasted() {
    let place = TempDir::new().expect("a directory");
    let mut demo = start(&place);
    let said: Vec<&str> = demo.said.iter().map(|line| line.trim()).collect();
    assert!(said.iter().any(|line| line.starts_with("Welcome to foreman-ipam-proxy ")), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("[W]") || line.contains("[E]")), "{said:#?}");
    let directory = said.iter().find_map(|line| line.strip_prefix("Settings  ")).expect("the directory").to_owned();
    assert!(is_there(Path::new(&directory)));
    shows_the_samples(&demo.said);
    let lines = |start: &str| -> Vec<String> {
        said.iter().filter(|line| line.starts_with(start)).map(|line| (*line).to_owned()).collect()
    };
    let (api, calls): (Vec<String>, Vec<String>) =
        lines("curl ").into_iter().partition(|line| line.starts_with("curl -H "));
    calls_answer_as_their_comments_say(&calls);
    the_management_api_answers(&api);
    commands_work_on_the_same_store(&lines(&binary().get_program().to_string_lossy()));
    assert!(demo.terminate().success());
    assert!(!is_there(Path::new(&directory)), "the demo leaves files behind");
    drop(demo);
    it_finds_another_port_when_its_own_is_taken(&place);
}

/// Within the same test because there is one such port for all tests.
fn it_finds_another_port_when_its_own_is_taken(place: &TempDir) {
    // When this fails, it is taken by another program, which does as well.
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 8000));
    let demo = start(place);
    let line = demo.said.iter().find(|line| line.trim().starts_with("curl ")).expect("a call").trim().to_owned();
    assert!(!line.contains(":8000/"), "{line}");
    assert_eq!(curl(&line).0, 200);
}

fn start(place: &TempDir) -> Proxy {
    let mut command = binary();
    command.args(["serve", "--demo"]).env("TMPDIR", place.path());
    Proxy::start(command)
}

fn shows_the_samples(said: &[String]) {
    let table = rows(&said.join("\n"));
    let head = ["SUBNET", "GROUP", "USED", "FREE", "DESCRIPTION"];
    let start = table.iter().position(|row| *row == head).expect("a table");
    let counts: Vec<&[String]> = table[start + 1..start + 7].iter().map(|row| &row[..4]).collect();
    assert_eq!(
        counts,
        [
            ["192.0.2.0/24", "Lab & Test", "1", "253"],
            ["192.0.2.0/24", "Production", "3", "196"],
            ["198.18.0.0/24", "-", "0", "254"],
            ["198.51.100.8/29", "Production", "5", "1"],
            ["2001:db8:1::/64", "Production", "1", "18446744073709551614"],
            ["2001:db8:2::/64", "Lab & Test", "0", "18446744073709551615"],
        ]
    );
}

fn calls_answer_as_their_comments_say(lines: &[String]) {
    let answers: Vec<(u16, Value)> = lines.iter().map(|line| curl(line)).collect();
    assert_eq!(answers.len(), 15);
    assert_eq!(answers[0].1["externalipam"]["state"], "running");
    let names = |value: &Value, key: &str| -> Vec<String> {
        value.as_array().expect("a list").iter().map(|item| item[key].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(names(&answers[1].1, "name"), ["Lab & Test", "Production"]);
    assert_eq!(names(&answers[2].1, "subnet"), ["192.0.2.0", "2001:db8:2::"]);
    assert_eq!(answers[3], (200, json!({"data": "192.0.2.4"})));
    assert_eq!(answers[4], (200, json!({"data": "192.0.2.5"})));
    assert_eq!(names(&answers[5].1["holds"], "address"), ["192.0.2.4", "192.0.2.5"]);
    assert_eq!(answers[6], (200, json!(false)));
    assert_eq!(answers[7].0, 201);
    assert_eq!(answers[8], (200, json!(true)));
    assert_eq!(answers[9].0, 200);
    assert_eq!(answers[10], (200, json!({"data": "2001:db8:1::2"})));
    assert_eq!(answers[11], (200, json!({"data": "198.51.100.14"})));
    let (status, error) = error_of(&answers[12]);
    assert!(status == 404 && error.starts_with("No free addresses found in 198.51.100.8/29"), "{error}");
    let (status, error) = error_of(&answers[13]);
    assert!(status == 409 && error.contains("Lab & Test, Production"), "{error}");
    let (status, error) = error_of(&answers[14]);
    assert!(status == 404 && error.starts_with("Subnet not found in External IPAM: 203.0.113.0/24"), "{error}");
}

fn the_management_api_answers(lines: &[String]) {
    assert_eq!(lines.len(), 5);
    let answers: Vec<(u16, Value)> = lines
        .iter()
        .map(|line| {
            let (head, url) = line.strip_prefix("curl -H '").and_then(|rest| rest.split_once("' '")).expect("a call");
            let url = url.strip_suffix('\'').and_then(|url| url.strip_prefix("http://")).expect("a URL in quotes");
            let (address, target) = url.split_once('/').expect("a path");
            let address: SocketAddr = address.parse().expect("address and port");
            assert!(address.ip().is_loopback(), "{address} can be reached from elsewhere");
            let connect = || TcpStream::connect(address).expect("a connection");
            assert_eq!(call(connect(), "GET", &format!("/{target}")).0, 401, "this machine is no caller");
            call_with(connect(), "GET", &format!("/{target}"), &format!("{head}\r\n"))
        })
        .collect();
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    let texts = |index: usize, key: &str| -> Vec<Value> {
        let items = answers[index].1["items"].as_array().expect("items");
        items.iter().map(|item: &Value| item[key].clone()).collect()
    };
    assert_eq!(texts(0, "name"), ["Lab & Test", "Production"]);
    assert_eq!(texts(1, "prefix").len(), 6);
    assert_eq!(texts(3, "operation"), ["add", "delete"]);
    assert_eq!(answers[4].1["state"], "ok");
}

fn commands_work_on_the_same_store(lines: &[String]) {
    assert_eq!(lines.len(), 7);
    let outputs: Vec<String> = lines
        .iter()
        .map(|line| {
            let ran = shell(line);
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{line}");
            ran.out
        })
        .collect();
    assert_eq!(rows(&outputs[0]).len(), 7, "{}", outputs[0]);
    assert_eq!(rows(&outputs[1])[1], ["Group", "Lab & Test"]);
    assert_eq!(outputs[2], "198.18.0.1\n");
    assert!(outputs[3].contains("web1.example.com"), "{}", outputs[3]);
    assert!(outputs[4].contains("198.51.100.14"), "{}", outputs[4]);
    assert_eq!(rows(&outputs[5])[1][..2], ["demo", "admin"], "{}", outputs[5]);
    assert!(outputs[6].contains("198.18.0.1,") && outputs[6].contains("new.example.com"), "{}", outputs[6]);
}
