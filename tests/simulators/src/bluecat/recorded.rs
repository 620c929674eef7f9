//! The state that the captured requests ask for.

use super::state::{Address, Block, Configuration, Network, Session};
use super::{Bluecat, Net, Site};

impl Bluecat {
    /// The configuration, blocks, networks, addresses and sessions that the captured requests name by their ids. v1 and v2
    /// were captured with two passwords.
    pub fn recorded(password: &str) -> Self {
        let bluecat = Self::empty(Site::default());
        {
            let mut state = bluecat.state();
            (state.user.name, state.user.password) = ("api".to_owned(), password.to_owned());
            let (id, name) = (100_881, "default".to_owned());
            state.configurations.push(Configuration { id, name, description: String::new() });
            for (id, network, block, range, name) in [
                (100_900, 100_923, "192.0.0.0/8", "192.0.2.0/24", "net-a"),
                (100_901, 100_950, "2001:db8::/32", "2001:db8::/64", "net-b"),
            ] {
                let net = |text: &str| Net::parse(text).expect("a prefix");
                state.blocks.push(Block { id, parent: 100_881, net: net(block) });
                let (configuration, name) = (100_881, Some(name.to_owned()));
                state.networks.push(Network { id: network, block: id, configuration, net: net(range), name });
            }
            for (id, network, address) in [
                (100_990, 100_923, "192.0.2.10"),
                (100_991, 100_923, "192.0.2.200"),
                (100_993, 100_950, "2001:db8::200"),
            ] {
                state.addresses.push(Address {
                    id,
                    network,
                    configuration: 100_881,
                    address: address.parse().expect("an address"),
                    state: "STATIC".to_owned(),
                    name: None,
                    mac: Some("AA-BB-CC-DD-EE-FF".to_owned()),
                    fields: Default::default(),
                });
            }
            state.sessions.push(Session { id: 61, header: "BAMAuthToken: 2xk3jMTQ3MDY=".to_owned() });
            state.sessions.push(Session { id: 62, header: "Basic YXBpOnRvaw==".to_owned() });
        }
        bluecat
    }
}
