//! The recorded exchanges of real servers, asked again of the simulators.

mod bluecat;
mod infoblox;
mod nautobot;
mod netbox;
mod phpipam;
mod solarwinds;
mod solidserver;
mod tcpwave;
