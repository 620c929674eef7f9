//! What goes wrong around the proxy: callers that send nonsense, a process that is killed, a disk that is full, files
//! that are wrong. Black box, over the real binary with its embedded IPAM.
//!
//! | Module | Holds |
//! | --- | --- |
//! | `garbage` | bytes that no client of ours sends |
//! | `slow` | clients that never finish |
//! | `pipelining` | many requests at once on one connection |
//! | `attacks` | callers without a certificate that want to keep others out |
//! | `idle` | thousands of connections that say nothing |
//! | `clients` | certificates of clients that are, or become, of no use |
//! | `kill` | `kill -9` in the middle of the work, again and again, and what is found afterwards |
//! | `ledger` | a ledger that cannot be written |
//! | `disk` | a state directory that is missing, in use, damaged or full |
//! | `log_file` | links and devices in place of the log file |
//! | `signals` | log rotation and the end of the process |
//! | `fatal` | a process that ends by itself |
//! | `reload` | what a reload changes, and what it leaves alone |
//! | `restart` | restarts while the service manager keeps the sockets open |
//! | `service_manager` | what systemd is told |
//! | `settings` | wrong settings and certificates, at the start and with `check` |
//! | `resources` | what an idle proxy costs, for reading |
//! | `support` | the process, its directory, its callers and a service manager |
//!
//! Nothing here waits for time to pass: tests wait for a line of the log, a byte or the end of a process, each with a
//! limit that no healthy machine reaches.

#![cfg(feature = "internal")]

mod attacks;
mod clients;
mod disk;
mod fatal;
mod garbage;
mod idle;
mod kill;
mod ledger;
mod log_file;
mod pipelining;
mod reload;
mod resources;
mod restart;
mod service_manager;
mod settings;
mod signals;
mod slow;
mod support;
