//! The provider for nautobot.
