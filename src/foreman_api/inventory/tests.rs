//! Both ways to an inventory, and what they say of their scope.

use std::time::Duration;

use ipam_simulators::foreman::{Host, Interface, PERMISSIONS};
use serde_json::json;

use super::*;
use crate::foreman_api::testing::{OWN, Site};
use crate::registration::report;

/// The rights that a sweep needs, without and with the report.
const SLOW: [&str; 2] = ["view_hosts", "view_subnets"];
const FAST: [&str; 4] = ["view_hosts", "view_subnets", "view_report_templates", "generate_report_templates"];

fn interface(identifier: &str, mac: Option<&str>, ip: Option<&str>, subnet: Option<u64>) -> Interface {
    Interface {
        identifier: identifier.to_owned(),
        mac: mac.map(str::to_owned),
        ip: ip.map(str::to_owned),
        subnet,
        ..Interface::default()
    }
}

/// A site with this proxy's IPv4 and IPv6 subnet, one of another proxy, and one that used this proxy once.
fn site() -> Site {
    let site = Site::new();
    let four = site.subnet("192.0.2.0", 24, Some(site.own));
    let six = site.subnet("2001:db8::", 64, Some(site.own));
    let other = site.subnet("198.51.100.0", 24, Some(site.other));
    let vlan = Interface { attached_to: "eth0".to_owned(), ..interface("eth0.7", None, Some("192.0.2.6"), Some(four)) };
    let both = Interface {
        ip6: Some("2001:db8::5".to_owned()),
        subnet6: Some(six),
        ..interface("eth0", Some("52:54:00:00:00:01"), Some("192.0.2.5"), Some(four))
    };
    let interfaces = vec![both, vlan, interface("eth1", Some("52:54:00:00:00:02"), Some("198.51.100.5"), Some(other))];
    site.simulated.set_host(Host { name: "web.example.com".to_owned(), interfaces });
    let interfaces = vec![interface("", None, None, None), interface("eth0", None, Some("203.0.113.5"), None)];
    site.simulated.set_host(Host { name: "bare".to_owned(), interfaces });
    site
}

async fn read(foreman: &Foreman) -> Inventory {
    foreman.inventory(&|url| url == OWN).await.expect("Foreman answers")
}

fn unproven(inventory: &Inventory) -> &str {
    match &inventory.scope {
        Scope::Unproven { why } => why,
        Scope::Whole { why } => panic!("{why}"),
    }
}

#[tokio::test]
async fn the_report_and_host_by_host_give_the_same_answer() {
    let site = site();
    let slow = read(&site.admin()).await;
    assert!(site.simulated.take_requests().iter().any(|request| request.ends_with("/interfaces")));
    report::create(&site.admin()).await.expect("created");
    site.simulated.take_requests();
    let fast = read(&site.admin()).await;
    let requests = site.simulated.take_requests();
    assert_eq!(
        requests,
        [
            "GET /api/v2/current_user",
            "GET /api/v2/subnets",
            "GET /api/v2/report_templates",
            "GET /api/v2/report_templates/100",
            "POST /api/v2/report_templates/100/generate",
        ]
    );
    assert_eq!(fast.addresses, slow.addresses);
    assert_eq!(fast.subnets, slow.subnets);
    let told = |found: &HostAddress| {
        let mac = found.mac.map_or_else(|| "no MAC".to_owned(), |mac| mac.to_string());
        let subnet = found.subnet.map(|subnet| (subnet.prefix.to_string(), subnet.uses_this_proxy));
        format!("{} {} {mac} {subnet:?}", found.host, found.address)
    };
    assert_eq!(
        fast.addresses.iter().map(told).collect::<Vec<_>>(),
        [
            r#"web.example.com 192.0.2.5 52:54:00:00:00:01 Some(("192.0.2.0/24", true))"#,
            r#"web.example.com 192.0.2.6 52:54:00:00:00:01 Some(("192.0.2.0/24", true))"#,
            r#"web.example.com 198.51.100.5 52:54:00:00:00:02 Some(("198.51.100.0/24", false))"#,
            r#"web.example.com 2001:db8::5 52:54:00:00:00:01 Some(("2001:db8::/64", true))"#,
            "bare 203.0.113.5 no MAC None",
        ]
    );
    assert!(fast.is_whole() && slow.is_whole(), "an administrator sees everything");
}

#[tokio::test]
async fn without_the_right_to_generate_reports_each_host_is_asked_for_and_few_at_once() {
    let site = site();
    report::create(&site.admin()).await.expect("created");
    for host in 0..40 {
        let name = format!("host{host}.example.com");
        site.simulated.set_host(Host { name, interfaces: Vec::new() });
    }
    let fast = read(&site.user("fast", &FAST)).await;
    let without = FAST.iter().copied().filter(|right| *right != "generate_report_templates").collect::<Vec<_>>();
    site.simulated.answer_after(Duration::from_millis(20));
    let slow = read(&site.user("slow", &without)).await;
    assert_eq!((&slow.addresses, slow.is_whole()), (&fast.addresses, true), "the template shows the organizations");
    assert!((2..=AT_ONCE).contains(&site.simulated.at_once()), "{}", site.simulated.at_once());
}

#[tokio::test]
async fn the_list_of_hosts_is_one_page_whatever_its_length() {
    let site = Site::new();
    for host in 0..2500 {
        site.simulated.set_host(Host { name: format!("host{host}.example.com"), interfaces: Vec::new() });
    }
    let hosts = site.admin().hosts_at_once().await.expect("Foreman answers");
    assert_eq!(hosts.len(), 2500);
    assert_eq!(site.simulated.take_requests().len(), 1);
}

#[tokio::test]
async fn a_user_who_is_not_everywhere_proves_nothing() {
    let site = site();
    let foreman = site.user("ipam", &SLOW);
    assert!(unproven(&read(&foreman).await).contains("ipam is no administrator"));
    report::create(&site.admin()).await.expect("created");
    let foreman = site.user("ipam", &FAST);
    assert!(read(&foreman).await.is_whole());
    // A new organization gets the template, and not the user.
    site.simulated.confine("ipam", &[1, 2, 3]);
    assert!(read(&foreman).await.is_whole());
    site.simulated.add_organization();
    assert_eq!(unproven(&read(&foreman).await), "ipam is not in the organization organizations 4; add the user to it");
    site.simulated.confine("ipam", &[2, 3, 4]);
    let inventory = read(&foreman).await;
    assert!(unproven(&inventory).contains("organizations 1;") && inventory.addresses.is_empty());
    site.simulated.confine("ipam", &[]);
    let why = read(&foreman).await;
    assert!(unproven(&why).contains("shows no report template"), "{:?}", why.scope);
    assert!(read(&site.admin()).await.is_whole());
}

#[tokio::test]
async fn hosts_that_a_user_may_not_see_are_not_taken_for_deleted_ones() {
    let site = site();
    report::create(&site.admin()).await.expect("created");
    let foreman = site.user("ipam", &FAST);
    let whole = read(&foreman).await;
    site.simulated.move_host("web.example.com", None);
    let inventory = read(&foreman).await;
    let hidden: Vec<_> = inventory.addresses.iter().filter(|found| found.host.is_empty()).collect();
    let addresses: Vec<_> = hidden.iter().map(|found| found.address.to_string()).collect();
    assert_eq!(addresses, ["192.0.2.5", "192.0.2.6", "2001:db8::5"], "those in subnets of this proxy");
    match &inventory.scope {
        Scope::Whole { why } => assert!(why.contains("of 3 addresses only the subnet is visible"), "{why}"),
        Scope::Unproven { why } => panic!("{why}"),
    }
    site.simulated.move_host("web.example.com", Some(1));
    assert_eq!(read(&foreman).await.addresses, whole.addresses);
}

#[tokio::test]
async fn a_template_that_somebody_has_changed_is_not_used() {
    let site = site();
    report::create(&site.admin()).await.expect("created");
    let edit = |key, value| site.simulated.edit_report_template(REPORT_TEMPLATE, key, value);
    edit("template", json!(TEXT.replace("load_hosts(", "load_hosts(search: 'build = true', ")));
    site.simulated.take_requests();
    let inventory = read(&site.admin()).await;
    assert!(!site.simulated.take_requests().iter().any(|request| request.ends_with("generate")));
    assert_eq!(inventory.addresses.len(), 5);
    edit("default", json!(false));
    assert!(unproven(&read(&site.user("ipam", &FAST)).await).contains("is no default any more"));
    report::create(&site.admin()).await.expect("renewed");
    assert!(read(&site.user("ipam", &FAST)).await.is_whole());
    report::remove(&site.admin()).await.expect("removed");
    assert!(site.simulated.webhooks("report_templates").is_empty());
}

#[tokio::test]
async fn only_an_administrator_creates_the_template() {
    let site = site();
    let error = report::create(&site.user("ipam", &PERMISSIONS)).await.expect_err("a refusal");
    assert!(error.to_string().contains("is no administrator and may not see all organizations"), "{error}");
}

#[tokio::test]
async fn a_host_that_foreman_fails_with_leaves_the_others_and_proves_nothing() {
    let site = site();
    report::create(&site.admin()).await.expect("created");
    site.simulated.break_host("bare", true);
    let inventory = read(&site.admin()).await;
    assert_eq!(inventory.addresses.len(), 4);
    assert!(unproven(&inventory).starts_with("Foreman does not show the host bare: "), "{:?}", inventory.scope);
}

#[tokio::test]
async fn a_subnet_in_another_mode_or_of_a_deleted_proxy_does_not_use_this_proxy() {
    let site = Site::new();
    let subnet = ipam_simulators::foreman::Subnet {
        name: "Off".to_owned(),
        network: "192.0.2.0".to_owned(),
        cidr: 24,
        externalipam: Some(site.own),
        ipam: "None".to_owned(),
        ..Default::default()
    };
    site.simulated.add_subnet(subnet.clone());
    site.simulated.add_subnet(ipam_simulators::foreman::Subnet { ipam: String::new(), ..subnet });
    let uses = |inventory: Inventory| {
        let subnets = inventory.subnets.iter().map(|subnet| (subnet.id, subnet.uses_this_proxy, subnet.is_only));
        subnets.collect::<Vec<_>>()
    };
    assert_eq!(uses(read(&site.admin()).await), [(1, false, false), (2, true, false)]);
    site.simulated.remove(site.own);
    assert_eq!(uses(read(&site.admin()).await), [(1, false, false), (2, false, false)]);
}

#[tokio::test]
async fn a_session_that_ends_is_followed_by_another_one() {
    let site = site();
    let foreman = site.user("ipam", &SLOW);
    foreman.subnets().await.expect("Foreman answers");
    foreman.subnets().await.expect("Foreman answers");
    assert_eq!(site.simulated.sessions(), 1);
    site.simulated.end_session(true);
    site.simulated.take_requests();
    foreman.subnets().await.expect("the credentials still do");
    assert_eq!(site.simulated.take_requests().len(), 2);
    site.simulated.end_session(false);
    foreman.subnets().await.expect("Foreman answers");
    assert_eq!(site.simulated.take_requests().len(), 1);
    let stranger = site.user("stranger", &[]);
    stranger.subnets().await.expect_err("no right");
}
