//! `register`, `refresh` and `unregister`, against a Foreman that verifies signatures and calls the proxy back.

use ipam_simulators::Response;
use ipam_simulators::foreman::{CONSUMER_KEY, CONSUMER_SECRET, Subnet, User};

use crate::foreman::{HOST, Place};
use crate::site::{Ran, run};

/// What a command complains of that fails with exit code 1.
fn refused(ran: &Ran) -> &str {
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(!ran.err.contains("changeme") && !ran.err.contains(CONSUMER_SECRET), "{ran:?}");
    &ran.err
}

fn done(ran: &Ran) -> &str {
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    &ran.out
}

/// What `unregister` prints after it has looked at so many subnets.
fn removal(proxy: &str, subnets: usize) -> String {
    format!("subnets       {subnets} that the user admin may see, none of which uses it\nremoved       {proxy}\n")
}

/// A subnet of which only the use of a Smart Proxy matters.
fn subnet(name: &str, third: usize, externalipam: Option<u64>) -> Subnet {
    let network = format!("192.{}.{}.0", third / 256, third % 256);
    Subnet { name: name.to_owned(), network, cidr: 24, externalipam, ..Subnet::default() }
}

#[test]
fn registering_is_done_once_and_can_be_repeated() {
    let place = Place::new();
    place.configure("");
    let _proxy = place.start();
    let url = place.proxy_url();
    let first = place.as_admin(&["register"]);
    assert!(done(&first).starts_with(&format!("registered    {HOST}-ipam at {url}\n")), "{first:?}");
    assert!(first.out.contains("features      External IPAM, Logs"), "{first:?}");
    let records = place.foreman.records();
    assert_eq!((records.len(), records[0].url.as_str()), (1, url.as_str()));
    assert_eq!(records[0].features, ["External IPAM", "Logs"]);
    place.foreman.take_requests();
    let second = place.as_admin(&["register"]);
    assert!(done(&second).contains("already; its features are fetched again"), "{second:?}");
    assert_eq!(place.foreman.records(), records);
    let calls = [
        "GET /api/v2/smart_proxies",
        "PUT /api/v2/smart_proxies/1/refresh",
        "GET /api/v2/smart_proxies/1",
        "GET /api/v2/subnets",
    ];
    assert_eq!(place.foreman.take_requests(), calls);
    let refreshed = place.as_admin(&["refresh"]);
    assert!(done(&refreshed).starts_with(&format!("refreshed     {HOST}-ipam at {url}\n")), "{refreshed:?}");
    let removed = place.as_admin(&["unregister"]);
    assert_eq!(done(&removed), removal(&format!("{HOST}-ipam at {url}"), 0));
    assert_eq!(place.foreman.records(), []);
    let again = place.as_admin(&["unregister"]);
    assert!(done(&again).starts_with("removed       nothing: "), "{again:?}");
    let unknown = place.as_admin(&["refresh"]);
    assert!(refused(&unknown).contains("register it first"), "{unknown:?}");
}

#[test]
fn key_and_secret_of_foremans_own_settings_do() {
    let place = Place::new();
    place.configure("");
    let _proxy = place.start();
    let yaml = format!(
        ":unattended: true\n:oauth_consumer_key: '{CONSUMER_KEY}'\n:oauth_consumer_secret: '{CONSUMER_SECRET}'\n"
    );
    let file = place.write("settings.yaml", &yaml);
    // A name with blanks and signs is part of what is signed.
    let named = place.run(&["register", "--oauth-file", &file, "--name", "IPAM & more, ä+b"]);
    done(&named);
    assert_eq!(place.foreman.records()[0].name, "IPAM & more, ä+b");
    let mut command = place.command(&["refresh", "--as-user", "admin"]);
    command.env("FOREMAN_OAUTH_CONSUMER_KEY", CONSUMER_KEY).env("FOREMAN_OAUTH_CONSUMER_SECRET", CONSUMER_SECRET);
    done(&run(command, ""));
    // By the address it is the same, whatever its name.
    done(&place.run(&["refresh", "--oauth-file", &file]));

    let nobody = place.run(&["refresh", "--oauth-file", &file, "--as-user", "nobody"]);
    let text = refused(&nobody);
    assert!(
        text.contains("consumer key and secret of") && text.contains("settings.yaml, or the user nobody"),
        "{text}"
    );
    place.foreman.set_oauth(true, false);
    done(&place.run(&["refresh", "--oauth-file", &file, "--as-user", "nobody"]));
    place.foreman.set_oauth(false, false);
    assert!(refused(&place.run(&["refresh", "--oauth-file", &file])).contains("OAuth must be active"));
    place.foreman.set_oauth(true, true);
    let wrong =
        place.write("wrong.yaml", &format!(":oauth_consumer_key: '{CONSUMER_KEY}'\n:oauth_consumer_secret: other\n"));
    assert!(refused(&place.run(&["refresh", "--oauth-file", &wrong])).contains("wrong.yaml"));
    let half = place.write("half.yaml", ":oauth_consumer_key: 'a'\n");
    assert!(refused(&place.run(&["refresh", "--oauth-file", &half])).contains("lacks oauth_consumer_key or"));
}

#[test]
fn credentials_come_from_files_variables_and_questions_and_are_told_apart() {
    let place = Place::new();
    place.configure("");
    let _proxy = place.start();
    let file = place.write("password", "changeme\n");
    done(&place.run(&["register", "--user", "admin", "--password-file", &file, "--non-interactive"]));
    let asked = run(place.command(&["refresh"]), "admin\nchangeme\n");
    assert_eq!(asked.code, 0, "{asked:?}");
    assert!(asked.out.starts_with("User of Foreman [admin]: Password of admin: "), "{asked:?}");
    let wrong = place.write("wrong", "geheim\n");
    let ran = place.run(&["refresh", "--user", "admin", "--password-file", &wrong]);
    let text = refused(&ran);
    assert!(
        text.contains("does not accept the user admin with this password (Unable to authenticate user admin)"),
        "{text}"
    );
    assert!(!text.contains("geheim"), "{text}");
    for arguments in [&["refresh", "--non-interactive"][..], &["refresh"]] {
        assert!(refused(&place.run(arguments)).contains("there are no credentials for Foreman; give --user"));
    }
    let without = place.run(&["refresh", "--user", "admin", "--non-interactive"]);
    assert!(refused(&without).contains("give --password-file or FOREMAN_PASSWORD"), "{without:?}");
    let reader =
        User { login: "reader".to_owned(), password: "geheim".to_owned(), permissions: vec!["view_smart_proxies"] };
    place.foreman.set_user(reader);
    let ran = place.run(&["refresh", "--user", "reader", "--password-file", &wrong]);
    let text = refused(&ran);
    assert!(
        text.contains("to the user reader (Access denied Missing one of the required permissions: edit_smart"),
        "{text}"
    );
}

#[test]
fn a_proxy_that_has_moved_is_not_registered_twice() {
    let place = Place::new();
    place.configure("");
    let _proxy = place.start();
    let name = format!("{HOST}-ipam");
    place.foreman.add(&name, "https://old.example.com:8443", &["External IPAM", "Logs"]);
    let moved = place.as_admin(&["register"]);
    assert!(done(&moved).contains("no longer at https://old.example.com:8443"), "{moved:?}");
    let records = place.foreman.records();
    assert_eq!((records.len(), &records[0].url), (1, &place.proxy_url()));
    // The name of the record stays, unless another is asked for.
    let renamed = place.as_admin(&["register", "--name", "ipam"]);
    assert!(done(&renamed).contains(&format!("ipam, formerly {name},")), "{renamed:?}");
    done(&place.as_admin(&["register"]));
    assert_eq!(place.foreman.records()[0].name, "ipam");
}

#[test]
fn an_address_is_found_however_it_is_written() {
    let place = Place::new();
    place.configure("");
    let [shouted, rooted] = [HOST.to_uppercase(), format!("{HOST}.")];
    let spellings = [
        (format!("https://{HOST}:443"), format!("https://{HOST}")),
        (format!("https://{HOST}"), format!("https://{HOST}:443/")),
        (format!("https://{shouted}"), format!("HTTPS://{HOST}")),
        (format!("https://{HOST}:8443"), format!("https://{shouted}:8443/")),
        (format!("https://{rooted}:8443/"), format!("https://{HOST}:8443")),
        (format!("https://{HOST}:8443"), format!("https://{rooted}:8443")),
        ("https://[2001:DB8:0:0::5]:8443".to_owned(), "https://[2001:db8::5]:8443".to_owned()),
    ];
    for (known, asked) in &spellings {
        place.foreman.add("by address", known, &["External IPAM", "Logs"]);
        let removed = place.as_admin(&["unregister", "--proxy-url", asked]);
        assert_eq!(done(&removed), removal(&format!("by address at {known}"), 0), "{asked}");
        assert_eq!(place.foreman.records(), []);
    }
}

#[test]
fn a_proxy_whose_host_foreman_has_in_upper_case_is_not_registered_twice() {
    let place = Place::new();
    place.configure("");
    let _proxy = place.start();
    let shouted = format!("https://{}:{}", HOST.to_uppercase(), place.port);
    // More hosts with that beginning than Foreman shows on a page, all before it.
    for number in 0..30 {
        place.foreman.add(&format!("a{number}"), &format!("https://{HOST}.example.net:{number}"), &["DNS"]);
    }
    place.foreman.add("by hand", &shouted, &["External IPAM", "Logs"]);
    let again = place.as_admin(&["register"]);
    let right = format!("registered    by hand at {shouted} already; its features are fetched again\n");
    assert!(done(&again).starts_with(&right), "{again:?}");
    assert_eq!(place.foreman.records().len(), 31);
}

#[test]
fn of_two_records_for_one_address_it_is_the_one_with_the_name() {
    let place = Place::new();
    place.configure("");
    let _proxy = place.start();
    let shouted = format!("https://{}:{}", HOST.to_uppercase(), place.port);
    place.foreman.add("by hand", &shouted, &["External IPAM", "Logs"]);
    place.foreman.add("ours", &place.proxy_url(), &["External IPAM", "Logs"]);
    let again = place.as_admin(&["register", "--name", "ours"]);
    let right = format!("registered    ours at {} already; its features are fetched again\n", place.proxy_url());
    assert!(done(&again).starts_with(&right), "{again:?}");
}

#[test]
fn another_smart_proxy_is_left_alone() {
    let place = Place::new();
    place.configure("");
    let _proxy = place.start();
    let ruby = place.foreman.add("ruby", "https://proxy.example.com:9090", &["DNS", "TFTP"]);
    for command in ["register", "refresh", "unregister"] {
        let ran = place.as_admin(&[command, "--name", "ruby"]);
        assert!(refused(&ran).contains("with other features (DNS, TFTP): it is not this one"), "{ran:?}");
    }
    let at_our_address = place.foreman.add("all in one", &place.proxy_url(), &["DNS", "External IPAM", "Logs"]);
    let ran = place.as_admin(&["unregister"]);
    assert!(refused(&ran).contains("with other features (DNS)"), "{ran:?}");
    place.foreman.remove(at_our_address);
    place.foreman.hide(ruby);
    let ran = place.as_admin(&["register", "--name", "ruby"]);
    let text = refused(&ran);
    assert!(text.contains("Foreman refuses: Name has already been taken\nAnother Smart Proxy has this name"), "{text}");
    let hidden = place.foreman.add("hidden", &place.proxy_url(), &["External IPAM"]);
    place.foreman.hide(hidden);
    let ran = place.as_admin(&["register"]);
    assert!(
        refused(&ran).contains("Only one declaration of a proxy is allowed\nAnother Smart Proxy has the address"),
        "{ran:?}"
    );
    assert_eq!(place.foreman.records().len(), 2);
}

#[test]
fn two_records_for_one_proxy_are_not_guessed_between() {
    let place = Place::new();
    place.configure("");
    let _proxy = place.start();
    place.foreman.add("by address", &place.proxy_url(), &["External IPAM", "Logs"]);
    place.foreman.add("by name", "https://old.example.com:8443", &["External IPAM", "Logs"]);
    let ran = place.as_admin(&["register", "--name", "by name"]);
    assert!(refused(&ran).contains("as by address, and by name as another Smart Proxy"), "{ran:?}");
}

#[test]
fn foreman_must_reach_the_proxy_and_says_why_it_does_not() {
    let place = Place::new();
    place.configure("trusted_hosts: [other.example.com]\n");
    let away = place.as_admin(&["register"]);
    let text = refused(&away);
    assert!(text.contains("Foreman refuses: Unable to communicate with the proxy: ERF12-2530"), "{text}");
    assert!(text.contains(&format!("\nNothing listens at {}: start the proxy", place.proxy_url())), "{text}");
    let _proxy = place.start();
    let untrusted = place.as_admin(&["register"]);
    assert!(refused(&untrusted).contains("trusted_hosts in settings.yml"), "{untrusted:?}");
    let named = format!("https://other.example.com:{}", place.port);
    let other_name = place.as_admin(&["register", "--proxy-url", &named]);
    assert!(
        refused(&other_name).contains(&format!("The proxy's certificate is not for the host in {named}")),
        "{other_name:?}"
    );
    assert_eq!(place.foreman.records(), []);
}

#[test]
fn foremans_certificate_is_verified() {
    let place = Place::of_strangers();
    place.configure("");
    let _proxy = place.start();
    let ran = place.as_admin(&["register"]);
    let text = refused(&ran);
    assert!(text.contains("is not trusted (") && text.contains("--foreman-ca, or with foreman_ssl_ca"), "{text}");
    let ca = place.text("stranger.pem");
    let believed = place.as_admin(&["register", "--foreman-ca", &ca]);
    // Now it is Foreman that does not believe the proxy.
    assert!(refused(&believed).contains("Foreman does not trust the proxy's certificate"), "{believed:?}");
    place.configure(&format!("foreman_ssl_ca: {ca}\n"));
    let by_setting = place.as_admin(&["register"]);
    assert!(refused(&by_setting).contains("Foreman does not trust the proxy's certificate"), "{by_setting:?}");
    let number = place.foreman.url_by_number();
    let other_name = place.as_admin(&["register", "--foreman-url", &number]);
    assert!(refused(&other_name).contains("is for another name"), "{other_name:?}");
    let no_file = place.as_admin(&["register", "--foreman-ca", "/nonexistent.pem"]);
    assert!(refused(&no_file).contains("/nonexistent.pem cannot be read"), "{no_file:?}");
}

#[test]
fn what_is_no_foreman_is_told() {
    let place = Place::new();
    place.configure("");
    let away = place.as_admin(&["register", "--foreman-url", "https://127.0.0.1:1"]);
    assert!(refused(&away).contains("Foreman at https://127.0.0.1:1 cannot be reached"), "{away:?}");
    let below = format!("{}/wrong", place.foreman.url());
    let wrong = place.as_admin(&["register", "--foreman-url", &below]);
    assert!(refused(&wrong).contains("does not answer as Foreman's API does (status 404)"), "{wrong:?}");
    let answers = [
        (
            Response::empty(301).with_header("Location", "https://foreman.example.com/"),
            "set foreman_url to that address",
        ),
        (Response::html(500, "<html>Oops</html>"), "fails with status 500; its log, production.log, says why"),
        (Response::html(200, "<html>Welcome</html>"), "does not answer as Foreman's API does (status 200)"),
        (Response::json(200, &serde_json::json!({"hello": 1})), "JSON that is not Foreman's"),
    ];
    for (response, expected) in answers {
        place.foreman.answer_all_with(Some(response));
        let ran = place.as_admin(&["register"]);
        assert!(refused(&ran).contains(expected), "{expected}: {ran:?}");
    }
    let unknown = place.as_admin(&["register", "--foreman-url", "foreman.example.com"]);
    assert!(refused(&unknown).contains("write https:// and the host"), "{unknown:?}");
    let with_password = place.as_admin(&["register", "--foreman-url", "https://admin:geheim@127.0.0.1:1"]);
    let text = refused(&with_password);
    assert!(text.contains("without user and password") && !text.contains("geheim"), "{text}");
}

#[test]
fn an_old_foreman_and_a_proxy_without_ipam_are_no_success() {
    let place = Place::new();
    place.configure("");
    let proxy = place.start();
    place.foreman.set_version("1.24.3");
    let old = place.as_admin(&["register"]);
    let text = refused(&old);
    assert!(
        text.contains("but without External IPAM; this Foreman is 1.24.3, and External IPAM came with 2.1"),
        "{text}"
    );
    place.foreman.set_version("3.20.1");
    let newer = place.as_admin(&["register"]);
    assert_eq!(newer.code, 0, "{newer:?}");
    assert!(newer.err.contains("set foreman_version: '3.20' in settings.yml"), "{newer:?}");
    drop(proxy);
    place.write("etc/settings.d/externalipam.yml", "enabled: false\n");
    let _proxy = place.start();
    let disabled = place.as_admin(&["refresh"]);
    assert!(
        refused(&disabled).contains("without External IPAM; see whether enabled in externalipam.yml"),
        "{disabled:?}"
    );
}

#[test]
fn a_proxy_that_subnets_use_stays_unless_it_is_forced() {
    let place = Place::new();
    place.configure("");
    let name = format!("{HOST}-ipam");
    let id = place.foreman.add(&name, &place.proxy_url(), &["External IPAM", "Logs"]);
    // More subnets than a page has; the last ones use it, whatever their IPAM is now.
    for number in 0..1000 {
        place.foreman.add_subnet(subnet(&format!("other {number}"), number, None));
    }
    place.foreman.add_subnet(subnet("Servers", 1000, Some(id)));
    let ran = place.as_admin(&["unregister"]);
    let text = refused(&ran);
    let used = format!("{name} is the External IPAM of 1 subnet in Foreman: Servers (192.3.232.0/24, id 1001); choose");
    assert!(text.contains(&used) && text.contains("--force removes it nevertheless"), "{text}");
    place.foreman.add_subnet(subnet("Lab", 1001, Some(id)));
    let ran = place.as_admin(&["unregister"]);
    assert!(refused(&ran).contains("of 2 subnets in Foreman: Servers ("), "{ran:?}");
    assert_eq!(place.foreman.records().len(), 1);

    let blind = User {
        login: "blind".to_owned(),
        password: "changeme".to_owned(),
        permissions: vec!["view_smart_proxies", "destroy_smart_proxies"],
    };
    place.foreman.set_user(blind);
    let file = place.write("password", "changeme\n");
    let ran = place.run(&["unregister", "--user", "blind", "--password-file", &file]);
    assert!(refused(&ran).contains("give that user the permissions view_subnets, or"), "{ran:?}");
    assert_eq!(place.foreman.records().len(), 1);

    place.foreman.take_requests();
    let forced = place.as_admin(&["unregister", "--force"]);
    assert_eq!(done(&forced), format!("removed       {name} at {}\n", place.proxy_url()));
    assert!(!place.foreman.take_requests().contains(&"GET /api/v2/subnets".to_owned()));
}

#[test]
fn subnets_whose_proxy_is_gone_are_named_when_one_is_registered() {
    let place = Place::new();
    place.configure("");
    let _proxy = place.start();
    let other = place.foreman.add("other", "https://other.example.com:8443", &["External IPAM"]);
    place.foreman.add_subnet(subnet("Well", 1, Some(other)));
    place.foreman.add_subnet(subnet("Bare", 2, None));
    place.foreman.add_subnet(subnet("Orphan", 3, Some(77)));
    let ran = place.as_admin(&["register"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.contains("does not have any more") && ran.err.contains(": Orphan (192.0.3.0/24, id 3); "),
        "{ran:?}"
    );
    assert!(ran.err.contains("hammer subnet update --id ID --externalipam-id 2"), "{ran:?}");
    assert!(!ran.err.contains("Well") && !ran.err.contains("Bare"), "{ran:?}");
    // Who may not see subnets registers all the same.
    let permissions = vec!["view_smart_proxies", "edit_smart_proxies"];
    place.foreman.set_user(User { login: "installer".to_owned(), password: "changeme".to_owned(), permissions });
    let file = place.write("password", "changeme\n");
    let ran = place.run(&["register", "--user", "installer", "--password-file", &file]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("the subnets in Foreman could not be looked at: "), "{ran:?}");
}

#[test]
fn the_address_in_the_settings_is_that_of_all_commands() {
    let place = Place::new();
    let named = format!("https://{}:{}", HOST.to_uppercase(), place.port);
    place.configure("");
    let _proxy = place.start();
    let first = place.as_admin(&["register", "--proxy-url", "https://ipam.example.com"]);
    assert_eq!(first.code, 1, "nothing of that name is there: {first:?}");
    place.configure(&format!("proxy_url: {named}\n"));
    let registered = place.as_admin(&["register", "--name", "ipam"]);
    let url = place.proxy_url();
    assert!(done(&registered).starts_with(&format!("registered    ipam at {url}\n")), "{registered:?}");
    assert!(!registered.out.contains("set proxy_url"), "{registered:?}");
    place.configure("proxy_url: https://old.example.com:8443\n");
    let unknown = place.as_admin(&["refresh"]);
    assert!(refused(&unknown).contains("or the address https://old.example.com:8443"), "{unknown:?}");
    let nothing = place.as_admin(&["unregister"]);
    assert!(done(&nothing).contains("nor https://old.example.com:8443"), "{nothing:?}");
    // The option wins, and what would make it unnecessary is said.
    let chosen = place.as_admin(&["register", "--proxy-url", &url]);
    assert!(done(&chosen).contains(&format!("set proxy_url: '{url}' in settings.yml")), "{chosen:?}");
    done(&place.as_admin(&["unregister", "--proxy-url", &url]));
    place.configure("proxy_url: proxy.example.com\n");
    assert_eq!(place.as_admin(&["refresh"]).code, 78);
}

#[test]
fn the_address_must_be_one_that_lasts() {
    let place = Place::new();
    place.configure("");
    let mut command = place.command(&["register"]);
    command.env("FOREMAN_IPAM_PROXY__HTTPS_PORT", "0").env("FOREMAN_USER", "admin").env("FOREMAN_PASSWORD", "changeme");
    let ran = run(command, "");
    assert!(refused(&ran).contains("set https_port, or name the address with --proxy-url"), "{ran:?}");
    let unknown = place.write("etc/settings.yml", "http_port: 0\ntrusted_hosts: [a]\n");
    let ran = place.as_admin(&["register", "--proxy-url", "http://proxy.example.com:8000"]);
    assert!(refused(&ran).contains("set foreman_url in settings.yml, or give --foreman-url"), "{unknown}: {ran:?}");
    place.write("etc/settings.yml", "https_port: x\n");
    assert_eq!(place.as_admin(&["register"]).code, 78);
}
