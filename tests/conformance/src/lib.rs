//! The suite that every IPAM provider and every layer must pass.
