//! Names of hosts from Foreman: the settings, and who may send webhooks.

use std::time::{Duration, Instant};

use crate::foreman::Place;

const USER: &str = "user: admin\npassword: changeme\n";
const TOKEN: &str = "a-token-of-the-webhooks";

fn configure(place: &Place, names: &str) {
    place.configure("");
    place.write("etc/settings.d/foreman_names.yml", names);
}

/// Waits until the proxy has asked Foreman for this.
fn wait_for_request(place: &Place, wanted: &str) {
    let began = Instant::now();
    let mut seen = Vec::new();
    while began.elapsed() < Duration::from_secs(30) {
        seen.extend(place.foreman.take_requests());
        if seen.iter().any(|request| request == wanted) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no {wanted} in {seen:?}");
}

#[test]
fn a_webhook_has_the_host_read_from_foreman_and_comes_with_certificate_or_token() {
    let place = Place::new();
    configure(&place, &format!("webhooks: true\n{USER}webhook_token: {TOKEN}\n"));
    let _proxy = place.start();
    let url = place.proxy_url();
    let send = |body: &str, token| place.foreman.send_webhook(&url, body, token);
    assert_eq!(send(r#"{"id": 7, "name": "forged.example.com"}"#, None), 202);
    wait_for_request(&place, "GET /api/v2/hosts/7");
    assert_eq!(send(r#"{"id": 8}"#, Some(TOKEN)), 202);
    wait_for_request(&place, "GET /api/v2/hosts/8");
    assert_eq!(send(r#"{"id": 9}"#, Some("a-token-of-the-webhookz")), 403, "another token, and no certificate");
    for body in ["", "[]", "{}", r#"{"id": "../users"}"#, r#"{"id": -1}"#, "no JSON"] {
        assert_eq!(send(body, None), 400, "{body}");
    }
    assert!(place.foreman.take_requests().is_empty());
}

#[test]
fn webhooks_that_are_off_are_not_there() {
    let place = Place::new();
    configure(&place, &format!("look_up_after_add: true\n{USER}webhook_token: {TOKEN}\n"));
    let _proxy = place.start();
    for token in [None, Some(TOKEN)] {
        assert_eq!(place.foreman.send_webhook(&place.proxy_url(), r#"{"id": 7}"#, token), 404);
    }
}

#[test]
fn names_need_to_know_where_foreman_is() {
    let place = Place::new();
    configure(&place, &format!("webhooks: true\n{USER}"));
    let settings = place.read("etc/settings.yml");
    let without: Vec<&str> = settings.lines().filter(|line| !line.starts_with("foreman_url")).collect();
    place.write("etc/settings.yml", &without.join("\n"));
    let ran = place.run(&["check", "--settings-only"]);
    assert_eq!(ran.code, 78, "{ran:?}");
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("settings.yml: foreman_url is missing, and foreman_names.yml wants names"), "{said}");
}

#[test]
fn setup_creates_template_and_webhooks_once_and_removes_them() {
    let place = Place::new();
    configure(&place, &format!("webhooks: true\n{USER}webhook_token: {TOKEN}\n"));
    let created = place.as_admin(&["setup", "--webhooks", "--non-interactive"]);
    assert_eq!((created.code, created.err.as_str()), (0, ""), "{created:?}");
    let lines = "created       foreman-ipam-proxy - host hint\ncreated       foreman-ipam-proxy - host_created\n\
                 created       foreman-ipam-proxy - host_updated\n";
    assert_eq!(created.out, lines);
    let templates = place.foreman.webhooks("webhook_templates");
    assert_eq!((templates.len(), templates[0]["organization_ids"].to_string()), (1, "[1,2,3]".to_owned()));
    let webhooks = place.foreman.webhooks("webhooks");
    for webhook in &webhooks {
        assert_eq!(webhook["target_url"], format!("{}/hooks/foreman", place.proxy_url()));
        assert_eq!(
            (&webhook["webhook_template_id"], &webhook["proxy_authorization"]),
            (&templates[0]["id"], &true.into())
        );
        assert_eq!(webhook["http_headers"], format!(r#"{{"Authorization":"Bearer {TOKEN}"}}"#));
    }
    let again = place.as_admin(&["setup", "--webhooks", "--non-interactive"]);
    assert_eq!(again.out, lines.replace("created  ", "changed  "), "{again:?}");
    assert_eq!(place.foreman.webhooks("webhooks"), webhooks);
    let other = ["setup", "--webhooks", "--non-interactive", "--proxy-url", "https://other.example.com:8443"];
    assert_eq!(place.as_admin(&other).code, 0);
    let remove = ["setup", "--webhooks", "--remove", "--non-interactive"];
    assert_eq!(place.as_admin(&remove).code, 0);
    assert_eq!(place.foreman.webhooks("webhooks").len(), 2, "those of the other proxy stay");
    assert_eq!(place.foreman.webhooks("webhook_templates").len(), 1, "they need it");
    assert_eq!(place.as_admin(&[&other[..], &["--remove"]].concat()).code, 0);
    assert!(place.foreman.webhooks("webhooks").is_empty() && place.foreman.webhooks("webhook_templates").is_empty());
    assert!(place.as_admin(&remove).out.starts_with("removed       nothing: "));
}

#[test]
fn setup_says_when_foreman_has_no_webhooks() {
    let place = Place::new();
    place.configure("");
    place.foreman.uninstall_webhooks();
    let ran = place.as_admin(&["setup", "--webhooks", "--non-interactive"]);
    assert!(ran.code == 1 && ran.err.contains("install its plugin foreman_webhooks"), "{ran:?}");
}
