//! `use_provider`: which IPAMs are behind the proxy, and which subnets each is for.
//!
//! ```yaml
//! use_provider:
//!   - { groups: ['Lab*'], prefixes: [10.0.0.0/8], provider: infoblox, settings: externalipam_infoblox_lab.yml }
//!   - { provider: netbox }
//! ```
//!
//! A name alone stands for one route without conditions.

use std::collections::BTreeMap;

use ipam_provider::settings::{Section, Setting};
use ipam_provider::{Prefix, Registration};
use serde_json::Value;

use super::{EXTERNALIPAM, file_of, is_given, stem_of};
use crate::routes::{Conditions, Pattern};

const USE_PROVIDER: &str = "use_provider";

/// The provider of those who choose none.
const DEFAULT_PROVIDER: &str = "internal";

/// What `use_provider` may have before the name of the provider.
const PREFIX: &str = "externalipam_";

/// A route without fault, before the settings of its IPAM are read.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) registration: Registration,
    pub(super) key: String,
    pub(super) conditions: Conditions,
}

/// A route whose IPAM is known.
struct Item {
    /// Counted from 1.
    number: usize,
    choice: Choice,
    /// Is there no fault in it? Else conditions may be missing.
    is_sound: bool,
}

/// A value of `use_provider`.
enum Written {
    Name(Registration),
    Routes(Vec<Value>),
}

/// The routes; those at fault are left out.
pub(super) fn read(section: &mut Section, providers: &[Registration]) -> Vec<Choice> {
    // The default is for those who chose nothing, not for those who mistyped.
    if !is_given(section, USE_PROVIDER) {
        let chosen = section.required(USE_PROVIDER, named(DEFAULT_PROVIDER, providers), &these(providers));
        return chosen.into_iter().map(alone).collect();
    }
    let mut right = format!(
        "write the name of a provider, or a list of routes, such as [{{ groups: ['Lab*'], provider: netbox }}, \
         {{ provider: phpipam }}]; {}",
        these(providers)
    );
    let text = section.read(USE_PROVIDER, &right, |value| Some(value.as_str().map(str::to_owned))).flatten();
    if let Some(name) = text.filter(|text| !text.contains(',')) {
        right = right_name(&name, providers);
    }
    let written = section.read(USE_PROVIDER, &right, |value| match value {
        Value::Array(items) if !items.is_empty() => Some(Written::Routes(items.clone())),
        _ => named(provider_named(value.as_str()?), providers).map(Written::Name),
    });
    let items = match written {
        None => return Vec::new(),
        Some(Written::Name(registration)) => return vec![alone(registration)],
        Some(Written::Routes(items)) => items,
    };
    let routes = items.iter().enumerate().filter_map(|(index, item)| read_item(section, index + 1, item, providers));
    let routes: Vec<Item> = routes.collect();
    expect_one_route_each(section, &routes);
    expect_all_reached(section, &routes);
    routes.into_iter().map(|item| item.choice).collect()
}

fn alone(registration: Registration) -> Choice {
    Choice { registration, key: registration.name.to_owned(), conditions: Conditions::default() }
}

fn read_item(section: &mut Section, number: usize, item: &Value, providers: &[Registration]) -> Option<Item> {
    let Value::Object(keys) = item else {
        let what = format!("has a route that is not a mapping, route {number}");
        section.problem(USE_PROVIDER, what, "write keys and values, such as { provider: netbox }, for each route");
        return None;
    };
    // Foreman's spelling of keys, as at the top of the file.
    let plain = |key: &String| key.strip_prefix(':').unwrap_or(key).to_owned();
    let keys = keys.iter().map(|(key, value)| (plain(key), Setting { value: value.clone(), origin: None }));
    let keys: BTreeMap<_, _> = keys.collect();
    let is_empty = |key: &&str| keys.get(*key).is_some_and(|Setting { value, .. }| value.is_null() || *value == "");
    // An empty value means the default elsewhere; here it would give the route more subnets than anybody meant.
    let empty: Vec<&str> = ["groups", "prefixes"].into_iter().filter(is_empty).collect();
    let mut item = section.item(&format!("route {number} of use_provider"), keys);
    for key in empty {
        item.problem(key, "is empty", format!("write {key}, or remove it: a route without it takes all {key}"));
    }
    let choice = read_route(&mut item, providers);
    let is_sound = section.take_item(item);
    Some(Item { number, choice: choice?, is_sound })
}

fn read_route(item: &mut Section, providers: &[Registration]) -> Option<Choice> {
    let text = item.read("provider", &these(providers), |value| value.as_str().map(str::to_owned));
    let right = text.as_ref().map_or_else(|| these(providers), |text| right_name(text, providers));
    // What is no text has its fault already.
    let provider =
        text.and_then(|_| item.read("provider", &right, |value| named(provider_named(value.as_str()?), providers)));
    let provider = item.required("provider", provider, &right);
    let conditions = Conditions {
        groups: some_of(
            item,
            "groups",
            "write a list of names of groups in quotes, such as ['Lab*', 'Zone A'], in which * stands for any characters",
            |text| (!text.is_empty()).then(|| Pattern::new(text)),
        ),
        prefixes: some_of(
            item,
            "prefixes",
            "write a list of prefixes without host bits, such as [10.0.0.0/8, '2001:db8::/32']",
            |text| text.parse::<Prefix>().ok(),
        ),
    };
    let name = provider.map_or("netbox", |provider| provider.name);
    let right = format!(
        "write {} or {}, with a word in small letters and digits in the place of NAME",
        file_of(name),
        file_of(&format!("{name}_NAME"))
    );
    // Without a provider, that is the fault.
    let is_own = |key: &str| provider.is_none_or(|provider| is_key_of(key, provider.name));
    let key = item
        .read("settings", &right, |value| key_of_file(value.as_str()?).filter(|key| is_own(key)).map(str::to_owned));
    let is_at_fault = key.is_none() && item.has("settings");
    let registration = provider.filter(|_| !is_at_fault)?;
    Some(Choice { registration, key: key.unwrap_or_else(|| registration.name.to_owned()), conditions })
}

/// A list of at least one; one text alone is a list too, unless it looks like several: names may have commas.
fn some_of<T>(item: &mut Section, key: &'static str, right: &str, rule: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    item.read(key, right, |value| {
        if value.as_str().is_some_and(|text| text.contains(',')) {
            return None;
        }
        let texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let read: Vec<T> = texts.iter().map(|text| rule(text.as_str()?)).collect::<Option<_>>()?;
        (!read.is_empty()).then_some(read)
    })
}

/// Two routes to one file would be one IPAM under two conditions, and which of them were meant could not be told.
fn expect_one_route_each(section: &mut Section, routes: &[Item]) {
    for (index, Item { number, choice, .. }) in routes.iter().enumerate() {
        if let Some(Item { number: earlier, .. }) =
            routes[..index].iter().find(|earlier| earlier.choice.key == choice.key)
        {
            let what = format!("names {} in route {earlier} and in route {number}", file_of(&choice.key));
            section.problem(USE_PROVIDER, what, "give each IPAM one route, or name another file with settings");
        }
    }
}

/// Of a route with a fault it is not known what it takes.
fn expect_all_reached(section: &mut Section, routes: &[Item]) {
    for (index, Item { number, choice, is_sound }) in routes.iter().enumerate() {
        let covers =
            |earlier: &&Item| earlier.is_sound && *is_sound && earlier.choice.conditions.cover(&choice.conditions);
        if let Some(Item { number: earlier, .. }) = routes[..index].iter().find(covers) {
            let what = format!(
                "has a route that is never reached, route {number}, because route {earlier} takes all that it would"
            );
            section.problem(USE_PROVIDER, what, "put it before that one, or remove it");
        }
    }
}

/// Which providers there are.
fn these(providers: &[Registration]) -> String {
    let names: Vec<&str> = providers.iter().map(|provider| provider.name).collect();
    format!("this build has: {}", names.join(", "))
}

/// What to write in place of a text that is no provider's name. A settings file is often taken for one.
fn right_name(text: &str, providers: &[Registration]) -> String {
    let key = provider_named(text);
    let key = key.strip_suffix(".yml").unwrap_or(key);
    match providers.iter().find(|provider| is_key_of(key, provider.name)) {
        Some(Registration { name, .. }) if key == *name => format!("write {name}"),
        Some(Registration { name, .. }) => format!(
            "name the provider, and the file in a route's settings, such as {{ provider: {name}, settings: {} }}",
            file_of(&format!("{name}_NAME"))
        ),
        None => these(providers),
    }
}

fn named(name: &str, providers: &[Registration]) -> Option<Registration> {
    providers.iter().find(|provider| provider.name == name).copied()
}

/// The provider that a value of `use_provider` means, by its own name.
pub(crate) fn provider_named(text: &str) -> &str {
    text.strip_prefix(PREFIX).unwrap_or(text)
}

/// The provider whose settings a file of this name has.
pub(super) fn provider_of_file(name: &str, providers: &[Registration]) -> Option<Registration> {
    let key = key_of_file(name)?;
    providers.iter().find(|provider| is_key_of(key, provider.name)).copied()
}

/// `netbox_lab` of `externalipam_netbox_lab.yml`.
fn key_of_file(name: &str) -> Option<&str> {
    name.strip_prefix(EXTERNALIPAM)?.strip_prefix('_')?.strip_suffix(".yml")
}

/// Is it the key of an IPAM of this provider: its name, or its name and a word? Variables of the environment know no
/// capital letters.
fn is_key_of(key: &str, provider: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            // This is between file and key in the name of a variable.
            && !word.contains("__") && !word.starts_with('_') && !word.ends_with('_')
    };
    let rest = key.strip_prefix(provider);
    rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('_').is_some_and(is_word))
}

/// The settings files, without ending, that a value of `use_provider` names, as far as it can be read; `None` when it is no
/// list of routes.
pub(crate) fn stems_in(use_provider: &Value) -> Option<Vec<String>> {
    let stem = |route: &Value| {
        let text = |key: &str| route.get(key).or_else(|| route.get(format!(":{key}"))).and_then(Value::as_str);
        let named = text("settings").and_then(key_of_file).map(stem_of);
        named.or_else(|| text("provider").map(|provider| stem_of(provider_named(provider))))
    };
    use_provider.as_array().map(|routes| routes.iter().filter_map(stem).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::testing::{faults, provider_named as registration, section};

    fn read(routes: Value) -> (Vec<Choice>, String) {
        let mut section = section(json!({"use_provider": routes}));
        let choices = super::read(&mut section, &[registration("internal"), registration("netbox")]);
        (choices, faults(section))
    }

    #[test]
    fn each_route_has_a_provider_a_file_and_conditions() {
        let (choices, faults) = read(json!([
            {"groups": ["Lab*", "Zone A"], "prefixes": "10.0.0.0/8", "provider": "netbox", "settings": "externalipam_netbox_lab.yml"},
            {":provider": "externalipam_netbox", ":prefixes": ["2001:db8::/32"]},
            {"provider": "internal"},
        ]));
        assert_eq!(faults, "");
        let keys: Vec<_> = choices.iter().map(|choice| (choice.registration.name, choice.key.as_str())).collect();
        assert_eq!(keys, [("netbox", "netbox_lab"), ("netbox", "netbox"), ("internal", "internal")]);
        let Conditions { groups, prefixes } = &choices[0].conditions;
        assert_eq!(groups.as_deref(), Some(&[Pattern::new("Lab*"), Pattern::new("Zone A")][..]));
        assert_eq!(prefixes.as_deref(), Some(&["10.0.0.0/8".parse().expect("a prefix")][..]));
        assert!(choices[2].conditions.is_empty());
    }

    #[test]
    fn all_faults_of_all_routes_are_found() {
        insta::assert_snapshot!(read(json!([
            "netbox",
            {"groups": [], "prefixes": ["10.0.0.1/8"], "provider": "netboks", "setings": "x"},
            {"groups": [1], "settings": "externalipam_netbox_lab.yml"},
            {"groups": [""], "provider": "netbox", "settings": "externalipam_internal.yml"},
        ])).1, @r"
        test.yml: use_provider has a route that is not a mapping, route 1; write keys and values, such as { provider: netbox }, for each route
        test.yml: route 2 of use_provider: provider has a value that cannot be used; this build has: internal, netbox
        test.yml: route 2 of use_provider: groups has a value that cannot be used; write a list of names of groups in quotes, such as ['Lab*', 'Zone A'], in which * stands for any characters
        test.yml: route 2 of use_provider: prefixes has a value that cannot be used; write a list of prefixes without host bits, such as [10.0.0.0/8, '2001:db8::/32']
        test.yml: route 2 of use_provider: setings is not a setting; did you mean settings?
        test.yml: route 3 of use_provider: provider is missing; this build has: internal, netbox
        test.yml: route 3 of use_provider: groups has a value that cannot be used; write a list of names of groups in quotes, such as ['Lab*', 'Zone A'], in which * stands for any characters
        test.yml: route 4 of use_provider: groups has a value that cannot be used; write a list of names of groups in quotes, such as ['Lab*', 'Zone A'], in which * stands for any characters
        test.yml: route 4 of use_provider: settings has a value that cannot be used; write externalipam_netbox.yml or externalipam_netbox_NAME.yml, with a word in small letters and digits in the place of NAME
        ");
        for none in [json!([]), json!({"provider": "netbox"}), json!(5)] {
            let right = "write the name of a provider, or a list of routes, such as [{ groups: ['Lab*'], provider: netbox }, \
                 { provider: phpipam }]; this build has: internal, netbox";
            assert_eq!(read(none).1, format!("test.yml: use_provider has a value that cannot be used; {right}"));
        }
    }

    #[test]
    fn a_settings_file_in_place_of_a_provider_is_explained() {
        insta::assert_snapshot!(read(json!("externalipam_netbox.yml")).1, @"test.yml: use_provider has a value that cannot be used; write netbox");
        insta::assert_snapshot!(read(json!("externalipam_netbox_lab")).1, @"test.yml: use_provider has a value that cannot be used; name the provider, and the file in a route's settings, such as { provider: netbox, settings: externalipam_netbox_NAME.yml }");
        insta::assert_snapshot!(read(json!([{"provider": "netbox_lab"}])).1, @"test.yml: route 1 of use_provider: provider has a value that cannot be used; name the provider, and the file in a route's settings, such as { provider: netbox, settings: externalipam_netbox_NAME.yml }");
        assert!(read(json!("netbox, internal")).1.contains("or a list of routes, such as"));
    }

    #[test]
    fn conditions_at_fault_do_not_make_the_route_take_everything() {
        for (key, value) in
            [("groups", json!(null)), ("prefixes", json!("")), ("groups", json!([1])), ("group", json!("A"))]
        {
            let (_, faults) = read(json!([
                {key: value, "provider": "netbox", "settings": "externalipam_netbox_lab.yml"},
                {"provider": "netbox"},
            ]));
            assert!(faults.contains(&format!("route 1 of use_provider: {key} ")), "{faults}");
            assert_eq!(faults.lines().count(), 1, "the second route is not at fault: {faults}");
        }
        let empty = read(json!([{"groups": null, "provider": "netbox"}])).1;
        insta::assert_snapshot!(empty, @"test.yml: route 1 of use_provider: groups is empty; write groups, or remove it: a route without it takes all groups");
        // As trusted_hosts may be written; but a name may have a comma.
        let text = read(json!([{"groups": "Lab*, Zone A", "provider": "netbox"}])).1;
        assert!(text.contains("groups has a value that cannot be used; write a list"), "{text}");
        assert_eq!(read(json!([{"groups": ["Lab, old"], "provider": "netbox"}])).1, "");
    }

    #[test]
    fn a_file_has_one_route_and_each_route_can_be_reached() {
        insta::assert_snapshot!(read(json!([
            {"groups": ["Lab*"], "provider": "netbox"},
            {"groups": ["Lab 1", "Lab*b"], "prefixes": ["10.0.0.0/8"], "provider": "netbox"},
            {"provider": "internal"},
            {"groups": ["Zone A"], "provider": "netbox", "settings": "externalipam_netbox_zone.yml"},
        ])).1, @r"
        test.yml: use_provider names externalipam_netbox.yml in route 1 and in route 2; give each IPAM one route, or name another file with settings
        test.yml: use_provider has a route that is never reached, route 2, because route 1 takes all that it would; put it before that one, or remove it
        test.yml: use_provider has a route that is never reached, route 4, because route 3 takes all that it would; put it before that one, or remove it
        ");
    }

    #[test]
    fn a_file_belongs_to_one_provider() {
        let provider = |name: &str| {
            provider_of_file(name, &[registration("internal"), registration("netbox")]).map(|found| found.name)
        };
        for name in ["externalipam_netbox.yml", "externalipam_netbox_lab.yml", "externalipam_netbox_lab_2.yml"] {
            assert_eq!(provider(name), Some("netbox"), "{name}");
        }
        for name in [
            "externalipam_netboxlab.yml",
            "externalipam_netbox_.yml",
            "externalipam_netbox_a__b.yml",
            "externalipam_netbox_Lab.yml",
            "externalipam_netbox_lab.yaml",
            "netbox.yml",
            "externalipam_netbox_../x.yml",
        ] {
            assert_eq!(provider(name), None, "{name}");
        }
    }
}
