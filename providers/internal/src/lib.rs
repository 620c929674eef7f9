//! The embedded IPAM.
