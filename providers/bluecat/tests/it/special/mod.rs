//! What is special about each API.
