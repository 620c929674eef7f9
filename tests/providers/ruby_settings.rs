//! The settings files of the Ruby plugin as a site has them: only the values that name the product are ours.

use std::fs;
use std::path::Path;

use ipam_conformance::Role;

use crate::support::{Place, Simulated, Vendor, mac, named, subnet};

fn fixture(name: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/settings/ruby/settings.d");
    fs::read_to_string(directory.join(name)).expect("a file of the Ruby plugin")
}

/// Puts values in place of those in the file; each must be there.
fn with(file: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(file.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old} is not in the file");
        text.replace(old, new)
    })
}

/// Creates a host with the two files.
fn run<V: Vendor>(ipam: &Simulated<V>, settings: &str) {
    assert!(settings.contains("\n:url: '"), "the keys of Ruby: {settings}");
    let place = Place::new(V::NAME, settings);
    let provider = format!("externalipam_{}", V::NAME);
    let chosen = with(
        &fixture("externalipam.yml"),
        &[(":use_provider: externalipam_netbox", &format!(":use_provider: {provider}"))],
    );
    place.write("etc/settings.d/externalipam.yml", &chosen);
    let (code, output) = place.run(&["check"]);
    assert_eq!(code, Some(0), "{output}");
    let proxy = place.start();
    let foreman = proxy.foreman();
    let seeded = subnet(&ipam.seed, Role::Plain);
    let (prefix, group) = named(seeded);
    let address = foreman.create_host(&prefix, Some(&mac(1)), group).expect("a host");
    let [record] = &ipam.records_of(seeded, address.parse().expect("an address"))[..] else { panic!("one record") };
    assert!(record.description.contains(&mac(1)), "{record:?}");
    assert_eq!(foreman.delete(&prefix, &address, group), Ok(()));
    let features = proxy.client().get("/v2/features").json();
    assert_eq!(features["externalipam"]["settings"]["use_provider"], provider);
}

#[cfg(feature = "netbox")]
#[test]
fn netbox_works_with_the_file_of_the_ruby_plugin() {
    let ipam = Simulated::<crate::support::Netbox>::start();
    let file = fixture("externalipam_netbox.yml");
    // The token in the file is the simulator's own.
    run(&ipam, &with(&file, &[("https://netbox.example.com", &ipam.url())]));
}

#[cfg(feature = "phpipam")]
#[test]
fn phpipam_works_with_the_file_of_the_ruby_plugin() {
    use ipam_simulators::phpipam::{PASSWORD, USER};

    let ipam = Simulated::<crate::support::Phpipam>::start();
    let file = fixture("externalipam_phpipam.yml");
    let values = [("https://phpipam.example.com", ipam.url()), ("ipam_user", USER.to_owned())];
    let values = values.into_iter().chain([("ipam_password", PASSWORD.to_owned())]).collect::<Vec<_>>();
    let values: Vec<(&str, &str)> = values.iter().map(|(old, new)| (*old, new.as_str())).collect();
    run(&ipam, &with(&file, &values));
}
