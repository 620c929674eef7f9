//! The provider for phpipam.
