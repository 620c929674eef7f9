//! What is in a trace, and what is not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use openssl::base64::encode_block;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::decode::shows;
use super::*;
use crate::http::{Answer, Api, HeaderValue, HttpClient, HttpSettings, LogIn, Login, LoginError, secret_header};
use crate::testing::read_settings;
use crate::{Error, ErrorKind};

/// A server that gives these answers, one for each connection. Each begins with the status and ends with the body.
fn server(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a copy"));
            let lines = reader.by_ref().lines().map(|line| line.expect("a line").to_lowercase());
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.map_or(0, |length| length.parse().expect("a number"));
            reader.take(length).read_to_end(&mut Vec::new()).expect("a body");
            stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).expect("a connection");
        }
    });
    url
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("{status} X\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A client of this server with these secrets in its settings, and what it records.
fn client(url: &str, secrets: &[&str]) -> (HttpClient, Trace) {
    const KEYS: [&str; 3] = ["password", "token", "code"];
    let mut settings = json!({"url": url});
    for (key, secret) in KEYS.iter().zip(secrets) {
        settings[key] = (*secret).into();
    }
    let (read, findings) = read_settings(settings, |section| {
        KEYS.iter().for_each(|key| drop(section.secret(key)));
        HttpSettings::read(section, "https://ipam.example.com")
    });
    assert_eq!(findings, [""; 0]);
    let (settings, trace) = (read.expect("settings"), Trace::default());
    settings.recorder.start(&trace);
    (HttpClient::new("Some IPAM", &settings).expect("a client"), trace)
}

/// The file, and its documents.
fn written(trace: &Trace) -> (String, Vec<Value>) {
    let mut file = Vec::new();
    let count = trace.write(&mut file).expect("memory");
    let text = String::from_utf8(file).expect("JSON is UTF-8");
    let documents: Vec<Value> =
        serde_json::Deserializer::from_str(&text).into_iter().map(|document| document.expect("JSON")).collect();
    assert_eq!(documents.len(), count);
    (text, documents)
}

#[tokio::test]
async fn an_exchange_is_kept_as_a_recording() {
    let body = r#"{"results": [{"address": "192.0.2.1/24", "api_token": "xyz", "count": 1}], "next": null}"#;
    let url = server(vec![answer(200, "X-Version: 9\r\nSet-Cookie: sid=s3ss10n1d; Path=/\r\n", body)]);
    let (client, trace) = client(&url, &["geheim"]);
    let request = client.request(Method::POST, &["api", "ge heim", ""]).query("q", "a b").query("sessionid", "5");
    let request = request.header("authorization", &secret_header("Token abcdefgh").expect("a header"));
    request.json(&json!({"name": "x", "password": 5, "note": "geheimnis"})).send().await.expect("an answer");

    let (_, documents) = written(&trace);
    let mut document = documents.into_iter().next().expect("an exchange");
    let headers = document["response"]["headers"].as_object_mut().expect("headers");
    headers.retain(|name, _| name.starts_with('x') || name.starts_with("set"));
    let expected = json!({
        "name": "001-POST",
        "request": {
            "method": "POST",
            "path": "/api/ge%20heim/?q=a+b&sessionid=***",
            "headers": {"authorization": "Token ***", "content-type": "application/json"},
            "body": {"name": "x", "password": "***", "note": "***nis"},
        },
        "response": {
            "status": 200,
            "headers": {"x-version": "9", "set-cookie": "sid=***; Path=/"},
            "body": {"results": [{"address": "192.0.2.1/24", "api_token": "***", "count": 1}], "next": null},
        },
    });
    assert_eq!(document, expected);
}

#[tokio::test]
async fn what_came_to_nothing_is_kept_too() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it listens"));
    let (client, trace) = client(&url, &["geheim"]);
    let limit = Duration::from_millis(50);
    tokio::time::timeout(limit, client.request(Method::GET, &["geheim"]).send()).await.expect_err("no answer");
    drop(listener);
    client.request(Method::GET, &["x"]).send().await.expect_err("no server");

    let (_, documents) = written(&trace);
    let [late, failed] = &documents[..] else { panic!("{documents:?}") };
    assert_eq!((&late["request"]["path"], &late["response"]), (&json!("/***"), &Value::Null));
    let why = [late, failed].map(|document| document["failure"].as_str().expect("a text"));
    assert!(why[0].starts_with("no answer came") && why[1].contains("Some IPAM"), "{why:?}");
}

/// Gives the token that a `POST login` is answered with.
struct User(HttpClient);

#[async_trait]
impl LogIn for User {
    async fn log_in(&self) -> Result<HeaderValue, LoginError> {
        let answer = self.0.request(Method::POST, &["login"]).send().await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let token = text.split('"').find(|word| word.starts_with("BAM")).unwrap_or(&text).to_owned();
        Ok(secret_header(&token).expect("a header"))
    }

    fn has_ended(&self, _: &Answer) -> bool {
        false
    }

    fn refused_token(&self) -> Error {
        Error::new(ErrorKind::Unauthenticated, "refused")
    }
}

#[tokio::test]
async fn of_the_answer_to_a_login_only_the_shape_is_shown() {
    let echo = answer(200, "", r#"{"you": "are BAMtoken99"}"#);
    for (login, shown) in [
        (r#"{"value": "BAMtoken99", "for": 7, "ok": true}"#, json!({"value": "***", "for": "***", "ok": true})),
        ("BAMtoken99", json!("***")),
    ] {
        let (client, trace) = client(&server(vec![answer(200, "", login), echo.clone()]), &["geheim"]);
        let refusal = |answer: &Answer, _: &str| answer.error("Some IPAM");
        let api = Api::new(client.clone(), refusal).with_login(Login::new("x-session", User(client)));
        let _: Value = api.get(&["x"], &[], "view").await.expect("an answer");
        let (text, documents) = written(&trace);
        assert_eq!(documents[0]["response"]["body"], shown);
        assert_eq!(documents[1]["response"]["body"]["you"], "are ***");
        assert!(!text.contains("BAMtoken99"), "{text}");
    }
}

#[test]
fn nothing_is_kept_unless_it_was_asked_for() {
    let recorder = Recorder::default();
    recorder.hide(&"geheim".into());
    let url = Url::parse("https://ipam.example.com/geheim").expect("a URL");
    assert!(recorder.sent(&Method::GET, &url, &HeaderMap::new(), None).is_none());
    assert!(!format!("{recorder:?} {:?}", Trace::default()).contains("geheim"));
}

/// Every spelling of a secret that a server may answer with.
fn spellings(secret: &str) -> Vec<String> {
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let json = serde_json::to_string(secret).expect("JSON");
    let json = json[1..json.len() - 1].to_owned();
    let basic = encode_block(format!("foreman:{secret}").as_bytes());
    let ascii: String = secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let html: String = secret.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    vec![
        secret.to_owned(),
        secret.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        percent.clone(),
        percent.replace("%20", "+"),
        encode_block(secret.as_bytes()),
        basic.replace('+', "-").replace('/', "_").replace('=', ""),
        utf8_percent_encode(&basic, NON_ALPHANUMERIC).to_string(),
        basic,
        json.replace('/', "\\/"),
        json,
        ascii,
        html,
    ]
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                found.push(key.clone());
                texts(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::String(text) => found.push(text.clone()),
        other => found.push(other.to_string()),
    }
}

/// One exchange with the secret in all its places.
fn exchange(secret: &str, spelling: &str, number: usize) -> Exchange {
    let body = match number % 4 {
        0 => json!({"deep": [{"list": [spelling, 5]}], (spelling): 1, "x": {"token": {"y": spelling}}}).to_string(),
        1 => format!("<p>Bad header {spelling} in request</p>"),
        2 => format!("user=x&token={spelling}&z={spelling}"),
        _ => format!("\"{spelling}\" {{ no JSON"),
    };
    let mut headers = HeaderMap::new();
    let header = |text: &str| HeaderValue::from_bytes(text.as_bytes()).ok();
    headers.extend(header(&format!("Basic {spelling}")).map(|value| (reqwest::header::AUTHORIZATION, value)));
    headers.extend(header(spelling).map(|value| (reqwest::header::LOCATION, value)));
    headers.extend(header(&format!("a={spelling}; Path=/")).map(|value| (reqwest::header::SET_COOKIE, value)));
    if number % 4 == 2 {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(reqwest::header::CONTENT_TYPE, form);
    }
    let mut url = Url::parse("https://ipam.example.com/api").expect("a URL");
    url.path_segments_mut().expect("a path").push(spelling).push("x");
    url.query_pairs_mut().append_pair("q", &format!("name == {spelling}")).append_pair("password", spelling);
    let outcome = match number % 3 {
        0 => Outcome::Failed(format!("the proxy said {secret}")),
        _ => Outcome::Answered(200, headers.clone(), body.clone().into()),
    };
    let is_login = number.is_multiple_of(5);
    Exchange { method: Method::POST, url, is_login, headers, body: Some(body.into()), outcome }
}

proptest! {
    /// The words of the form of a recording are no secrets: a secret of at least six characters has a digit here.
    #[test]
    fn no_secret_of_the_settings_is_in_the_file(
        secrets in proptest::collection::vec(r#"[a-zA-Z"\\/&<>%+ :=äß😀_-]{2,12}[0-9]{2}[a-zA-Z"\\/&<>%+ :=ö_-]{2,12}"#, 1..4),
        number in 0_usize..60,
    ) {
        let (trace, recorder) = (Trace::default(), Recorder::default());
        secrets.iter().for_each(|secret| recorder.hide(&secret.as_str().into()));
        recorder.start(&trace);
        for secret in &secrets {
            let exchanges = spellings(secret).into_iter().map(|spelling| exchange(secret, &spelling, number));
            trace.kept().exchanges.extend(exchanges);
        }
        let (text, documents) = written(&trace);
        let mut found = vec![text];
        documents.iter().for_each(|document| texts(document, &mut found));
        for text in &found[1..] {
            prop_assert!(!shows(text, &secrets, 2), "{text} of {secrets:?}");
        }
        for secret in &secrets {
            for spelling in spellings(secret) {
                prop_assert!(found.iter().all(|text| !text.contains(&spelling)), "{spelling} of {secrets:?}");
            }
        }
    }
}
