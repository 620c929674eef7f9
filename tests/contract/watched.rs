//! What is installed to watch a proxy, and the page about it, against a scrape of a proxy that runs.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Seed, Server, mac};

const SUBNET: &str = "10.0.0.0/24";
const ALERTS: &str = "packaging/monitoring/alerts.yml";
const DASHBOARD: &str = "packaging/monitoring/dashboard.json";
const PAGE: &str = "docs/monitoring.md";

/// What our names begin with, and those that all programs have.
const PREFIXES: [&str; 2] = ["foreman_ipam_proxy_", "process_"];

/// What a scrape has of a histogram besides its own name.
const PARTS: [&str; 3] = ["_bucket", "_count", "_sum"];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All metrics of a proxy that has done something.
fn scrape() -> String {
    let server = Server::start(Seed::new().subnet(SUBNET));
    server.foreman().create_host(SUBNET, Some(&mac(1)), None).expect("a host");
    server.curl().get("/metrics").text().to_owned()
}

/// The names of the metrics in a scrape.
fn scraped(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).map(str::to_owned).collect()
}

/// The names of metrics in any text, those of a histogram's parts as the histogram's.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let ours = words.filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)));
    ours.map(|word| PARTS.iter().find_map(|part| word.strip_suffix(part)).unwrap_or(word).to_owned()).collect()
}

/// The expressions of a dashboard's panels.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("a list").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().expect("text").to_owned()).collect()
}

/// The values that a text compares a label with.
fn compared(text: &str, label: &str) -> Vec<String> {
    let label = format!("{label}=");
    let after = text.split(&label).skip(1);
    let quoted = after.filter_map(|rest| rest.trim_start_matches('~').strip_prefix('"')?.split('"').next());
    quoted.flat_map(|values| values.split('|')).map(str::to_owned).collect()
}

#[test]
fn every_metric_that_rules_and_dashboard_name_is_in_a_scrape() {
    let text = scrape();
    let known = scraped(&text);
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    let expressions = expressions(&dashboard);
    assert!(expressions.len() > 10);
    for (file, named) in [(ALERTS, named(&read(ALERTS))), (DASHBOARD, named(&expressions.join("\n")))] {
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(!named.is_empty() && unknown.is_empty(), "{file} names {unknown:?}");
    }
    let all = format!("{}\n{}", read(ALERTS), expressions.join("\n"));
    for label in ["finding", "look", "operation", "door"] {
        for value in compared(&all, label) {
            assert!(text.contains(&format!("{label}=\"{value}\"")), "no {label} of a scrape is {value}");
        }
    }
    let on_dashboard = named(&expressions.join("\n"));
    let missing: Vec<_> = known.difference(&on_dashboard).collect();
    assert!(missing.is_empty(), "the dashboard shows nothing of {missing:?}");
}

#[test]
fn the_page_lists_the_metrics_of_a_scrape_and_no_others() {
    let rows = read(PAGE);
    let rows = rows.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: BTreeSet<String> =
        rows.filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix))).map(str::to_owned).collect();
    assert_eq!(listed, scraped(&scrape()));
}

#[test]
fn every_alert_has_a_summary_and_a_paragraph_on_the_page() {
    let (rules, page) = (read(ALERTS), read(PAGE));
    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(alerts.len() > 5);
    for alert in alerts {
        let name = alert.lines().next().expect("a name");
        assert!(alert.contains("\n          summary: \""), "{name} has no summary");
        let anchor = format!("docs/monitoring.md#{}\n", name.to_ascii_lowercase());
        assert!(alert.contains(&anchor), "{name} leads elsewhere than to {anchor}");
        assert!(page.contains(&format!("\n### {name}\n")), "{PAGE} says nothing of {name}");
    }
    for heading in page.lines().filter_map(|line| line.strip_prefix("### ForemanIpamProxy")) {
        assert!(rules.contains(&format!("- alert: ForemanIpamProxy{heading}\n")), "there is no alert {heading}");
    }
}

/// Runs promtool, with this as its input. Where it is not installed that is said past the capture of the test harness.
fn promtool(arguments: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(path("packaging/monitoring"));
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else {
        let _ = writeln!(io::stderr(), "SKIPPED: promtool is not installed; {} was not run", arguments.join(" "));
        return;
    };
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("read");
    let ended = child.wait_with_output().expect("promtool ends");
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "promtool {}: {said}", arguments.join(" "));
}

#[test]
fn promtool_takes_the_rules_and_their_tests() {
    promtool(&["check", "rules", "alerts.yml"], "");
    promtool(&["test", "rules", "alerts_test.yml"], "");
}

#[test]
fn promtool_takes_a_scrape() {
    promtool(&["check", "metrics"], &scrape());
}

#[test]
fn promtool_takes_the_expressions_of_the_dashboard_and_the_example_of_a_scrape() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (number, expression) in expressions(&dashboard).iter().enumerate() {
        let plain = expression.replace("$__rate_interval", "5m").replace("$instance", ".*");
        rules.push_str(&format!("      - record: panel:{number}\n        expr: {}\n", Value::from(plain)));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let file = directory.path().join(name);
        fs::write(&file, text).expect("written");
        file.to_str().expect("text").to_owned()
    };
    promtool(&["check", "rules", &file("rules.yml", &rules)], "");
    let page = read(PAGE);
    let example = page.split("```text\n").find(|block| block.contains("scrape_configs:")).expect("an example");
    let example = example.split("```").next().expect("its text");
    promtool(&["check", "config", "--syntax-only", &file("prometheus.yml", example)], "");
}
