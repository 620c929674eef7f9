//! The templates for Foreman, rendered by a real ERB, also for hosts of which nothing is known.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// What Ruby makes of a template; `None` where there is no Ruby. Then standard error says that the test was skipped.
fn rendered(kind: &str, file: &str) -> Option<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("tests/command_line/templates.rb");
    let Ok(ran) = Command::new("ruby").arg(script).arg(kind).arg(root.join("packaging").join(file)).output() else {
        // Past the capture of the test harness, which would hide it: what was not checked must be seen.
        let _ = writeln!(io::stderr(), "SKIPPED: Ruby is not installed; packaging/{file} was not rendered");
        return None;
    };
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(serde_json::from_slice(&ran.stdout).expect("JSON"))
}

/// An error in it would be shown to Foreman's user as the failure of the user's own change.
#[test]
fn the_template_of_webhooks_cannot_fail() {
    let Some(bodies) = rendered("host_hint", "foreman-webhooks/host_hint.erb") else { return };
    let body = |id: Value| json!({"id": id, "event_name": "host_updated.event.foreman", "webhook_id": 1});
    assert_eq!(bodies, json!([body(Value::Null), body(Value::Null), body(Value::Null), body(json!(7))]));
}

#[test]
fn the_template_of_the_report_has_a_row_for_each_interface() {
    let Some(reports) = rendered("addresses", "foreman-reports/addresses.erb") else { return };
    let empty = json!({
        "host_id": null, "host": null, "identifier": null, "attached_to": null, "mac": null, "ip": null, "ip6": null,
        "subnet_id": null, "subnet6_id": null,
    });
    let row = |more: Value| {
        let mut row = empty.clone();
        row["host_id"] = json!(2);
        row["host"] = json!("web.example.com");
        for (key, value) in more.as_object().expect("an object") {
            row[key] = value.clone();
        }
        row
    };
    let first = row(json!({"identifier": "eth0", "mac": "52:54:00:00:00:01", "ip": "192.0.2.5", "subnet_id": 3}));
    let second = row(json!({"identifier": "eth0.7", "attached_to": "eth0", "ip6": "2001:db8::5", "subnet6_id": 3}));
    assert_eq!(reports, json!([[], [empty, first, second]]));
}
