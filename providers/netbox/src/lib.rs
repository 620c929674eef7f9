//! The provider for netbox.
