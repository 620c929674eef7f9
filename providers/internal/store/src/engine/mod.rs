//! The databases that a store can be in. What only one of them has is in its module and nowhere else.

pub(crate) mod postgres;
pub(crate) mod sqlite;
