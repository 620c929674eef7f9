//! `check` with an IPAM whose certificate is refused, for which any server with TLS will do, and with files for it that
//! cannot be used.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use crate::foreman::Place;

/// Names an IPAM at this URL, with these lines in its settings.
fn configure(place: &Place, url: &str, more: &str) {
    place.configure("");
    place.write("etc/settings.d/externalipam.yml", "use_provider: phpipam\n");
    let settings = format!("url: {url}\nuser: foreman\npassword: changeme\n{more}");
    place.write("etc/settings.d/externalipam_phpipam.yml", &settings);
}

/// What `check` says of an IPAM at this URL, with these lines in its settings.
fn fault(place: &Place, url: &str, more: &str) -> String {
    configure(place, url, more);
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

#[test]
fn a_trace_is_not_kept_when_no_ipam_is_asked() {
    let place = Place::new();
    place.configure("");
    let path = place.text("trace.json");
    let ran = place.run(&["check", "--trace", &path]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains(&format!("the IPAM was not asked over HTTP; {path} is not kept")), "{ran:?}");
    assert!(!Path::new(&path).exists());
    for other in ["--running", "--settings-only"] {
        assert_eq!(place.run(&["check", "--trace", &path, other]).code, 2);
    }
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path.display().to_string()] }).collect();
    files.sort();
    files
}

#[test]
fn what_the_provider_cannot_be_built_with_is_found_without_a_call_and_without_a_trace() {
    let place = Place::new();
    let ipam = TcpListener::bind("127.0.0.1:0").expect("a port");
    ipam.set_nonblocking(true).expect("a flag");
    let url = format!("http://{}", ipam.local_addr().expect("an address"));
    let text = |name: &str| place.text(name);
    let pair = |certificate: &str, key: &str| {
        format!("client_certificate: {}\nclient_key: {}\n", text(certificate), text(key))
    };
    place.write("empty.pem", "");
    for (more, complaint) in [
        (format!("ca_file: {}\n", text("absent.pem")), "absent.pem"),
        (format!("ca_file: {}\n", text("empty.pem")), "holds no certificate that can be read"),
        (pair("proxy.pem", "stranger.key"), "is not the key of the first certificate"),
        (pair("absent.pem", "proxy.key"), "absent.pem"),
        (pair("proxy.pem", "proxy.pem"), "holds no private key that can be read"),
    ] {
        configure(&place, &url, &more);
        let before = files(&place.path(""));
        for arguments in [&["check", "--settings-only"][..], &["check"]] {
            let ran = place.run(arguments);
            let fault = ran.out.lines().find(|line| line.starts_with("start         fault: ")).unwrap_or_default();
            assert_eq!(ran.code, 1, "{ran:?}");
            assert!(fault.contains("the provider phpipam cannot be used: ") && fault.contains(complaint), "{ran:?}");
        }
        assert_eq!(files(&place.path("")), before, "{more}");
        let served = place.run(&["serve"]);
        assert!(served.code == 1 && served.err.contains(complaint), "{served:?}");
    }
    configure(&place, "ftp://ipam.example.com", "");
    let ran = place.run(&["check", "--settings-only"]);
    assert!(ran.code == 78 && ran.err.contains("url has a value that cannot be used"), "{ran:?}");
    // What can be built is right, although no IPAM answers there.
    configure(&place, &url, &(pair("proxy.pem", "proxy.key") + &format!("ca_file: {}\n", text("ca.pem"))));
    let ran = place.run(&["check", "--settings-only"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ipam.accept().expect_err("nobody called").kind(), ErrorKind::WouldBlock);
}
