//! `check` with an IPAM whose certificate is refused. Any server with TLS will do for it.

use crate::foreman::Place;

/// What `check` says of an IPAM at this URL, with these lines in its settings.
fn fault(place: &Place, url: &str, more: &str) -> String {
    place.configure("");
    place.write("etc/settings.d/externalipam.yml", "use_provider: phpipam\n");
    let settings = format!("url: {url}\nuser: foreman\npassword: changeme\n{more}");
    place.write("etc/settings.d/externalipam_phpipam.yml", &settings);
    let ran = place.run(&["check"]);
    let lines = || ran.out.lines().filter_map(|line| line.strip_prefix("IPAM          fault: "));
    assert!(ran.code == 1 && lines().count() == 1, "{ran:?}");
    lines().collect()
}

#[test]
fn a_refused_certificate_is_named_with_what_to_do() {
    let place = Place::new();
    let known = format!("ca_file: {}\n", place.text("ca.pem"));
    let untrusted = "its certificate is not trusted. Name the CA that signed it with ca_file in the proxy's settings";
    let other_name =
        "its certificate is for another name. Write the name that is in it into url in the proxy's settings";
    for (url, more, expected) in [
        (place.foreman.url(), "", untrusted),
        (place.foreman.url(), &*format!("ca_file: {}\n", place.text("stranger.pem")), untrusted),
        (place.foreman.url_by_number(), &*known, other_name),
    ] {
        let said = fault(&place, &url, more);
        assert!(said.contains(&format!("Unable to connect to External IPAM server (phpIPAM): {expected}")), "{said}");
        assert!(said.contains("certificate verify failed"), "the cause is shown too: {said}");
    }
    let trusted = fault(&place, &place.foreman.url(), &known);
    assert!(!trusted.contains("Unable to connect"), "{trusted}");
}
