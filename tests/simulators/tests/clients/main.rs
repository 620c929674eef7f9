//! The clients that the vendors and their users wrote in Python, run against the simulators: neither a simulator nor a
//! provider can then be wrong together about a request.
//!
//! Each script gets the simulator's URL and what it needs to get in. It lists, adds, finds and deletes with the library's own
//! calls, and fails with a sentence where an answer is not what the library expects.

#[path = "../../../../src/tls/test_certificates.rs"]
mod certificates;
mod python;

use std::sync::Arc;

use ipam_conformance::Seed;
use ipam_simulators::bluecat::{self, Bluecat};
use ipam_simulators::infoblox::{self, Infoblox};
use ipam_simulators::nautobot::{Nautobot, Site};
use ipam_simulators::netbox::{self, Netbox};
use ipam_simulators::phpipam::{self, Phpipam};
use ipam_simulators::solarwinds::{self, Solarwinds};
use ipam_simulators::solidserver::{self, Solidserver};
use ipam_simulators::tcpwave::{self, Tcpwave};
use ipam_simulators::tls::Tls;
use ipam_simulators::{Ipam, Server};

use certificates::Certificate;
use python::Python;

/// A simulator for a client that insists on TLS. The clients do not verify its certificate.
fn over_tls(ipam: Arc<dyn Ipam>) -> Server {
    let own = Certificate::root("Authority of the tests").host("ipam.example.com");
    Server::start_with_tls(([127, 0, 0, 1], 0).into(), Tls::new(&own.x509, &own.key), ipam)
}

fn bluecat() -> (Server, [&'static str; 3]) {
    let bluecat = Bluecat::empty(bluecat::Site::default());
    bluecat.add_configuration("Lab", "");
    bluecat.add_network("Lab", "192.0.2.0/29", "");
    bluecat.add_network("Lab", "2001:db8::/64", "");
    (Server::start(Arc::new(bluecat)), [Bluecat::USER, Bluecat::PASSWORD, "Lab"])
}

#[test]
fn bluecat_libraries_work_with_bluecat() {
    let Some(python) = Python::find() else { return };
    let (server, [user, password, configuration]) = bluecat();
    python.run("bluecat.py", &[&server.url(), user, password, configuration]);
}

/// That library takes verbs and parameters of v1 from the simulator itself.
#[test]
fn requests_with_urls_of_their_own_work_with_bluecat_v1() {
    let Some(python) = Python::find() else { return };
    let (server, [user, password, configuration]) = bluecat();
    python.run("bluecat_v1.py", &[&server.url(), user, password, configuration]);
}

#[test]
fn infoblox_client_works_with_infoblox() {
    let Some(python) = Python::find() else { return };
    let grid = Infoblox::empty(infoblox::Site::default());
    grid.add_network_view("Lab", "");
    for network in ["192.0.2.0/29", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/64"] {
        grid.add_network("Lab", network, "");
    }
    grid.add_container("Lab", "10.0.0.0/8");
    let server = over_tls(Arc::new(grid));
    python.run("infoblox.py", &[&server.address().to_string(), Infoblox::OTHER_USER, Infoblox::OTHER_PASSWORD]);
}

#[test]
fn pynautobot_works_with_nautobot() {
    let Some(python) = Python::find() else { return };
    let nautobot = Nautobot::empty(Site::default());
    nautobot.add_namespace("Lab", "");
    nautobot.add_prefix("Lab", "192.0.2.0/29", "network", "");
    let server = Server::start(Arc::new(nautobot));
    python.run("nautobot.py", &[&server.url(), Nautobot::TOKEN]);
}

#[test]
fn pynetbox_works_with_netbox() {
    let Some(python) = Python::find() else { return };
    for (version, start) in
        [(netbox::Version::V3_7, Server::start as fn(Arc<dyn Ipam>) -> Server), (netbox::Version::V4_6, over_tls)]
    {
        let netbox = Netbox::new(version);
        let lab = netbox.add_vrf("Lab");
        netbox.add_prefix("192.0.2.0/29", Some(lab));
        let server = start(Arc::new(netbox));
        python.run("netbox.py", &[&server.url(), netbox::TOKEN]);
    }
}

#[test]
fn phpypam_works_with_phpipam() {
    let Some(python) = Python::find() else { return };
    let seed = Seed { groups: Seed::standard().groups[..1].to_vec(), subnets: Vec::new() };
    let section = seed.groups[0].name.as_str();
    // The library logs in without a content type, which earlier versions refuse behind nginx.
    let phpipam = Phpipam::seeded(phpipam::Version::V1_8, &seed);
    phpipam.add_subnet(section, [192, 0, 2, 0].into(), 29, 0, None);
    let server = Server::start(phpipam);
    python.run("phpipam.py", &[&server.url(), phpipam::APP, phpipam::USER, phpipam::PASSWORD, section]);
}

/// The library has the port in it, and trusts any server.
#[test]
fn tcpwave_client_works_with_tcpwave() {
    let Some(python) = Python::find() else { return };
    let tcpwave = Tcpwave::empty(tcpwave::Site::default());
    tcpwave.add_organization("Internal", "");
    let authority = Certificate::root("Authority of the tests");
    let own = authority.host("ipam.example.com");
    let tls = Tls::with_clients_of(&authority.x509, &own.x509, &own.key);
    let server = Server::start_with_tls(([127, 0, 0, 1], 7443).into(), tls, Arc::new(tcpwave));
    let directory = tempfile::tempdir().expect("a directory");
    let known = authority.host(Tcpwave::CERTIFICATE).write(directory.path(), "known");
    let other = authority.host("stranger").write(directory.path(), "other");
    let host = server.address().ip().to_string();
    let files = [known.0, known.1, other.0, other.1].map(|path| path.display().to_string());
    let mut arguments = vec![host.as_str()];
    arguments.extend(files.iter().map(String::as_str));
    python.run("tcpwave.py", &arguments);
}

#[test]
fn orionsdk_works_with_solarwinds() {
    let Some(python) = Python::find() else { return };
    let solarwinds = Solarwinds::empty(solarwinds::Site::default());
    let lab = solarwinds.add_hierarchy("Lab", "");
    solarwinds.add_subnet(lab, "192.0.2.0/29", "");
    let server = over_tls(Arc::new(solarwinds));
    let url = server.url();
    let (_, port) = url.rsplit_once(':').expect("a port");
    python.run("solarwinds.py", &[port, Solarwinds::USER, Solarwinds::PASSWORD]);
}

#[test]
fn solidserverrest_works_with_solidserver() {
    let Some(python) = Python::find() else { return };
    let solidserver = Solidserver::empty(solidserver::Site::default());
    solidserver.add_space("lab", "");
    solidserver.add_space("it's", "");
    solidserver.add_network("lab", "192.0.2.0/29", true, "net-a");
    solidserver.add_network("lab", "2001:db8::/64", true, "net-six");
    let server = over_tls(Arc::new(solidserver));
    let arguments =
        [&server.url(), Solidserver::USER, Solidserver::PASSWORD, Solidserver::TOKEN_ID, Solidserver::TOKEN_SECRET];
    python.run("solidserver.py", &arguments);
}
