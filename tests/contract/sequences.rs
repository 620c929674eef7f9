//! What Foreman calls for hosts and interfaces, one call after the other, and what its roll-back leaves behind.
//!
//! Each row is a sequence of `app/models/concerns/orchestration/external_ipam.rb`, ended in one of the ways that it can end.
//! After it Foreman and the IPAM agree on which addresses the host has, or the log names each address on which they do not.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Foreman, Seed, Server, at_once, mac};

/// Longer than the proxy waits for further calls of a request.
const SILENCE: Duration = Duration::from_secs(8);

/// Longer than it takes to reserve an address again, however busy the machine.
const AT_MOST: Duration = Duration::from_secs(30);

/// One row. Addresses are written as numbers; see [`Site::ip`].
struct Case {
    name: &'static str,
    play: fn(&mut Site<'_>),
    /// What Foreman has and the IPAM has not.
    foreman_only: &'static [u32],
    /// What the IPAM has and no host of Foreman's.
    ipam_only: &'static [u32],
    /// What is reserved again.
    restored: &'static [u32],
    /// What the log says besides: level, the address that the line names, and a part of the line.
    said: &'static [(&'static str, u32, &'static str)],
}

const AGREED: Case = Case { name: "", play: |_| (), foreman_only: &[], ipam_only: &[], restored: &[], said: &[] };

/// Another host has these: one in each subnet.
const TAKEN: [u32; 3] = [50, 102, 250];

const BROADCAST: u32 = 99;

const CASES: &[Case] = &[
    Case {
        name: "create",
        play: |site| {
            let (foreman, mac) = (site.request(), mac(1));
            for subnet in [site.subnet(1), site.subnet(201)] {
                let address = foreman.create_host(&subnet, Some(&mac), None).expect("created");
                site.has.insert(address.parse().expect("an address"));
            }
        },
        ..AGREED
    },
    Case { name: "create, the address is taken", play: |site| site.refused(&[], &[50]), ..AGREED },
    Case {
        name: "create, rolled back before the IPAM's step",
        play: |site| {
            site.request().next_ip(&site.subnet(1), Some(&mac(1)), None).expect("an address");
        },
        ..AGREED
    },
    Case {
        name: "create, rolled back after the IPAM's step",
        play: |site| site.call(&[], &[1]).expect("added"),
        // Foreman deletes nothing, and nothing says so; the proxy's log has the call.
        ipam_only: &[1],
        said: &[("I", 1, "Finished POST")],
        ..AGREED
    },
    Case {
        name: "create with two interfaces, the second address is taken",
        play: |site| site.refused(&[], &[1, 50]),
        ipam_only: &[1],
        said: &[("W", 1, "was added by")],
        ..AGREED
    },
    Case {
        name: "create with both families, the IPv6 address is taken",
        play: |site| {
            let foreman = site.request();
            site.call_as(&foreman, &[], &[1, 250]).expect_err("refused");
            foreman.delete(&site.subnet(1), &site.ip(1).to_string(), None).expect("Foreman undoes the other family");
        },
        ..AGREED
    },
    Case { name: "rename, MAC, comment", play: |site| site.create(&[1]), ..AGREED },
    Case {
        name: "edit",
        play: |site| {
            site.create(&[1, 2]);
            site.edited(&[1], &[3]);
        },
        ..AGREED
    },
    Case {
        name: "edit, the address is taken",
        play: |site| {
            site.create(&[1, 2]);
            site.refused(&[1], &[50]);
        },
        restored: &[1],
        ..AGREED
    },
    Case {
        name: "edit, the address is the broadcast address",
        play: |site| {
            site.create(&[1]);
            site.refused(&[1], &[BROADCAST]);
        },
        restored: &[1],
        ..AGREED
    },
    Case {
        name: "edit to a subnet whose group the IPAM does not have",
        play: |site| {
            site.create(&[1]);
            let foreman = site.request();
            site.call_as(&foreman, &[1], &[]).expect("deleted");
            foreman.ip_exists(&site.subnet(2), &site.ip(2).to_string(), Some("nowhere")).expect_err("no group");
        },
        restored: &[1],
        ..AGREED
    },
    Case {
        name: "edit of IPv6, the address is taken",
        play: |site| {
            site.create(&[201]);
            site.refused(&[201], &[250]);
        },
        restored: &[201],
        ..AGREED
    },
    Case {
        name: "edit of two interfaces, the second address is taken",
        play: |site| {
            site.create(&[1, 2]);
            site.refused(&[1, 2], &[3, 50]);
        },
        restored: &[1, 2],
        ipam_only: &[3],
        said: &[("W", 3, "was added by")],
        ..AGREED
    },
    Case {
        name: "edit of both families, the IPv6 address is taken, and Foreman undoes the other one",
        play: |site| {
            site.create(&[1, 201]);
            let foreman = site.request();
            site.call_as(&foreman, &[1, 201], &[2, 250]).expect_err("refused");
            foreman.delete(&site.subnet(2), &site.ip(2).to_string(), None).expect("deleted");
            foreman.add(&site.subnet(1), &site.ip(1).to_string(), None).expect("added");
        },
        restored: &[201],
        ..AGREED
    },
    Case {
        name: "edit, rolled back after the IPAM's step",
        play: |site| {
            site.create(&[1]);
            site.call(&[1], &[2]).expect("done");
        },
        foreman_only: &[1],
        ipam_only: &[2],
        said: &[("I", 1, "Finished DELETE"), ("I", 2, "Finished POST")],
        ..AGREED
    },
    Case {
        name: "edit, the address is taken, and another one is chosen at once",
        play: |site| {
            site.create(&[1]);
            site.refused(&[1], &[50]);
            site.edited(&[1], &[2]);
        },
        ..AGREED
    },
    Case {
        name: "edit, the address is taken, and the host is deleted at once",
        play: |site| {
            site.create(&[1]);
            site.refused(&[1], &[50]);
            site.deleted(&[1]);
        },
        ..AGREED
    },
    Case {
        name: "edit, the address is taken, and another host asks for one while the old one is the last free one",
        play: |site| {
            site.create(&[101]);
            site.refused(&[101], &[102]);
            let offered = site.request().next_ip(&site.subnet(101), Some(&mac(7)), None);
            assert!(offered.is_err_and(|text| text.starts_with("No free addresses found")));
        },
        restored: &[101],
        ..AGREED
    },
    Case {
        name: "edit, the address is taken, and another host gets the old one",
        play: |site| {
            site.create(&[1]);
            site.refused(&[1], &[50]);
            site.call(&[], &[1]).expect("added for another host");
        },
        said: &[("E", 1, "the IPAM has a record of it")],
        ..AGREED
    },
    Case {
        name: "add an interface",
        play: |site| {
            site.create(&[1]);
            site.create(&[2]);
        },
        ..AGREED
    },
    Case {
        name: "add an interface, the address is taken",
        play: |site| {
            site.create(&[1]);
            site.refused(&[], &[50]);
        },
        ..AGREED
    },
    Case {
        name: "delete an interface",
        play: |site| {
            site.create(&[1, 2]);
            site.deleted(&[2]);
        },
        ..AGREED
    },
    Case {
        name: "delete a host",
        play: |site| {
            site.create(&[1, 2, 201]);
            site.deleted(&[1, 2, 201]);
        },
        ..AGREED
    },
    Case {
        name: "delete a host, its second address cannot be deleted",
        play: |site| {
            site.create(&[1]);
            let foreman = site.request();
            site.call_as(&foreman, &[1], &[]).expect("deleted");
            let (subnet, address) = site.ambiguous();
            foreman.delete(&subnet, &address, None).expect_err("two groups have the subnet");
        },
        foreman_only: &[1],
        said: &[("W", 1, "Foreman keeps the host with all of them")],
        ..AGREED
    },
    Case {
        name: "delete a host, rolled back after the IPAM's step",
        play: |site| {
            site.create(&[1]);
            site.call(&[1], &[]).expect("deleted");
        },
        foreman_only: &[1],
        said: &[("I", 1, "Finished DELETE")],
        ..AGREED
    },
    Case {
        name: "bulk create in one request, and in many at once",
        play: |site| {
            let foreman = site.request();
            let (subnet, one) = (site.subnet(1), |number| {
                foreman.create_host(&site.subnet(1), Some(&mac(number)), None).expect("created")
            });
            let mut created: Vec<String> = (0..8).map(one).collect();
            let requests: Vec<Foreman> = (0..8).map(|_| site.request()).collect();
            let create = |number: usize| requests[number].create_host(&subnet, Some(&mac(100 + number)), None);
            created.extend(at_once(requests.len(), create).into_iter().map(|created| created.expect("created")));
            site.has.extend(created.iter().map(|address| address.parse::<IpAddr>().expect("an address")));
        },
        ..AGREED
    },
    Case {
        name: "bulk delete in one request",
        play: |site| {
            site.create(&[1, 2, 3, 4]);
            site.deleted(&[1, 2, 3, 4]);
        },
        ..AGREED
    },
];

/// One host of Foreman's, in subnets of its own.
struct Site<'a> {
    server: &'a Server,
    number: usize,
    requests: usize,
    /// The addresses that Foreman has for it.
    has: BTreeSet<IpAddr>,
}

impl<'a> Site<'a> {
    fn new(server: &'a Server, number: usize) -> Self {
        Self { server, number, requests: 0, has: BTreeSet::new() }
    }

    /// 1 to 98 and the broadcast address in a /24, 101 and 102 in a /30, 201 and more in IPv6.
    fn ip(&self, number: u32) -> IpAddr {
        let site = self.number;
        let text = match number {
            BROADCAST => format!("10.{site}.0.255"),
            0..BROADCAST => format!("10.{site}.0.{number}"),
            100..200 => format!("10.200.{site}.{}", number - 100),
            _ => format!("2001:db8:{site}::{number}"),
        };
        text.parse().expect("an address")
    }

    fn subnet(&self, number: u32) -> String {
        let site = self.number;
        match number {
            0..100 => format!("10.{site}.0.0/24"),
            100..200 => format!("10.200.{site}.0/30"),
            _ => format!("2001:db8:{site}::/64"),
        }
    }

    /// A subnet that two groups have, and an address of it.
    fn ambiguous(&self) -> (String, String) {
        (format!("10.201.{}.0/24", self.number), format!("10.201.{}.7", self.number))
    }

    fn ips(&self, numbers: &[u32]) -> BTreeSet<IpAddr> {
        numbers.iter().map(|number| self.ip(*number)).collect()
    }

    fn seed(&self, seed: Seed) -> Seed {
        let (ambiguous, _) = self.ambiguous();
        let seed = seed.subnet_in("one", &ambiguous).subnet_in("two", &ambiguous);
        TAKEN.into_iter().fold(seed, |seed, taken| {
            let (subnet, address) = (self.subnet(taken), self.ip(taken).to_string());
            seed.subnet(&subnet).reserved(None, &subnet, [address.as_str()])
        })
    }

    /// A new request of Foreman's.
    fn request(&mut self) -> Foreman {
        self.requests += 1;
        let id = format!("{:04x}{:04x}-0000-4000-8000-000000000000", self.number, self.requests);
        self.server.foreman().within_request(&id)
    }

    /// The deletes of a request, and then its additions, up to the first failure.
    fn call_as(&self, foreman: &Foreman, old: &[u32], new: &[u32]) -> Result<(), String> {
        for number in old {
            foreman.delete(&self.subnet(*number), &self.ip(*number).to_string(), None)?;
        }
        for number in new {
            let (subnet, address) = (self.subnet(*number), self.ip(*number).to_string());
            if foreman.ip_exists(&subnet, &address, None)? {
                return Err(format!("{address} has already been reserved"));
            }
            foreman.add(&subnet, &address, None)?;
        }
        Ok(())
    }

    fn call(&mut self, old: &[u32], new: &[u32]) -> Result<(), String> {
        let foreman = self.request();
        self.call_as(&foreman, old, new)
    }

    fn create(&mut self, new: &[u32]) {
        self.edited(&[], new);
    }

    fn deleted(&mut self, old: &[u32]) {
        self.edited(old, &[]);
    }

    fn edited(&mut self, old: &[u32], new: &[u32]) {
        self.call(old, new).expect("done");
        let (old, new) = (self.ips(old), self.ips(new));
        self.has.retain(|address| !old.contains(address));
        self.has.extend(new);
    }

    /// Foreman rolls back, and what it has stays as it was.
    fn refused(&mut self, old: &[u32], new: &[u32]) {
        self.call(old, new).expect_err("refused");
    }

    /// What is not as the case says.
    fn faults(&self, case: &Case) -> Vec<String> {
        let recorded = TAKEN.iter().flat_map(|taken| self.server.records(&self.subnet(*taken)));
        let mut ipam: BTreeSet<IpAddr> = recorded.map(|record| record.address).collect();
        ipam.retain(|address| !self.ips(&TAKEN).contains(address));
        let lines = self.server.log().lines();
        let is_said = |level: &str, address: IpAddr, text: &str| {
            let names = |line: &str| match level {
                "I" => line.contains(&format!("/{address} with 20")),
                _ => line.contains(&format!(" {address} ")),
            };
            lines.iter().any(|line| line.contains(&format!("[{level}]")) && line.contains(text) && names(line))
        };
        let numbers = (1..=BROADCAST).chain(101..103).chain(201..255);
        let restored =
            numbers.map(|number| self.ip(number)).filter(|at| is_said("W", *at, "is reserved again as it was"));
        let mut faults = Vec::new();
        let mut compare = |what: &str, found: BTreeSet<IpAddr>, expected: &[u32]| {
            if found != self.ips(expected) {
                faults.push(format!("{}: {what}: {found:?}", case.name));
            }
        };
        compare("only Foreman has", &self.has - &ipam, case.foreman_only);
        compare("only the IPAM has", &ipam - &self.has, case.ipam_only);
        compare("reserved again", restored.collect(), case.restored);
        for (level, number, text) in case.said {
            if !is_said(level, self.ip(*number), text) {
                faults.push(format!("{}: the log does not say {text:?} of {}", case.name, self.ip(*number)));
            }
        }
        let named: BTreeSet<u32> = case.said.iter().map(|(_, number, _)| *number).collect();
        let unnamed = case.foreman_only.iter().chain(case.ipam_only).find(|number| !named.contains(number));
        assert_eq!(unnamed, None, "{}: the log must name what differs", case.name);
        faults
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the proxy waits too, for calls that do not come")]
fn after_every_sequence_foreman_and_the_ipam_agree_or_the_log_names_the_difference() {
    let server = Server::start(Seed::new().group("one").group("two"));
    let sites = (0..CASES.len()).map(|number| Site::new(&server, number + 1));
    server.change_ipam(sites.fold(Seed::new(), |seed, site| site.seed(seed)));
    let sites = at_once(CASES.len(), |number| {
        let mut site = Site::new(&server, number + 1);
        (CASES[number].play)(&mut site);
        site
    });
    // What is not to be reserved again must not be after that long.
    thread::sleep(SILENCE);
    let deadline = Instant::now() + AT_MOST;
    loop {
        let faults: Vec<String> = sites.iter().zip(CASES).flat_map(|(site, case)| site.faults(case)).collect();
        if faults.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{}", faults.join("\n"));
        thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn what_is_due_when_the_service_is_stopped_is_reserved_again_at_once() {
    let server = Server::start(Seed::new());
    let mut site = Site::new(&server, 1);
    server.change_ipam(site.seed(Seed::new().group("one").group("two")));
    let (subnet, address) = (site.subnet(1), site.ip(1).to_string());
    let added = server.client().post(&format!("/ipam/subnet/{subnet}/{address}?mac={}&hostname=web", mac(9)));
    assert_eq!(added.status, 201);
    site.refused(&[1], &[50]);
    let of = |server: &Server| {
        let records = server.records(&subnet).into_iter().filter(|record| record.address.to_string() == address);
        records.map(|record| (record.mac.map(|mac| mac.to_string()), record.hostname)).collect::<Vec<_>>()
    };
    assert_eq!(of(&server), []);
    let server = server.restart();
    assert_eq!(of(&server), [(Some(mac(9)), Some("web".to_owned()))]);
    assert_eq!(server.foreman().ip_exists(&subnet, &address, None), Ok(true));
}
