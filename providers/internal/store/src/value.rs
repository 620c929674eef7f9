//! Values as they go to a database and come from it.

use ipam_provider::{GroupName, Mac};
use jiff::Timestamp;

use crate::key::Key;

/// A value of a statement or in a row. Truth is 1 or 0, a time is its seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'v> {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// Text.
    Text(&'v str),
    /// Bytes.
    Bytes(&'v [u8]),
    /// An address: 16 bytes, which need not be kept elsewhere. In rows they are [`Bytes`](Self::Bytes).
    Address([u8; 16]),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u8> for Value<'_> {
    fn from(number: u8) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Integer(flag.into())
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Integer(time.as_second())
    }
}

impl From<Key> for Value<'_> {
    fn from(key: Key) -> Self {
        Self::Address(key.bytes())
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(text: &'v String) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v GroupName> for Value<'v> {
    fn from(name: &'v GroupName) -> Self {
        Self::Text(name.as_str())
    }
}

impl<'v> From<&'v Mac> for Value<'v> {
    fn from(mac: &'v Mac) -> Self {
        Self::Bytes(mac.as_bytes())
    }
}

impl<'v, T: Into<Value<'v>>> From<Option<T>> for Value<'v> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, T::into)
    }
}

/// The values of a statement, in the order of their numbers.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::Value::from($value)),*]
    };
}
pub(crate) use values;

/// What can be read from a row.
pub trait FromValue<'v>: Sized {
    /// The value as this type; `None` when it is something else.
    fn from_value(value: Value<'v>) -> Option<Self>;
}

impl FromValue<'_> for i64 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if let Value::Integer(number) = value { Some(number) } else { None }
    }
}

impl FromValue<'_> for u8 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}

impl FromValue<'_> for bool {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(|number| number != 0)
    }
}

impl FromValue<'_> for Timestamp {
    fn from_value(value: Value<'_>) -> Option<Self> {
        Self::from_second(i64::from_value(value)?).ok()
    }
}

impl<'v> FromValue<'v> for &'v str {
    fn from_value(value: Value<'v>) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

impl<'v> FromValue<'v> for &'v [u8] {
    fn from_value(value: Value<'v>) -> Option<Self> {
        if let Value::Bytes(bytes) = value { Some(bytes) } else { None }
    }
}

impl<'v> FromValue<'v> for String {
    fn from_value(value: Value<'v>) -> Option<Self> {
        <&str>::from_value(value).map(str::to_owned)
    }
}

impl<'v> FromValue<'v> for GroupName {
    fn from_value(value: Value<'v>) -> Option<Self> {
        <&str>::from_value(value).and_then(Self::new)
    }
}

impl<'v> FromValue<'v> for Mac {
    fn from_value(value: Value<'v>) -> Option<Self> {
        <&[u8]>::from_value(value).and_then(Self::from_bytes)
    }
}

impl<'v> FromValue<'v> for Key {
    fn from_value(value: Value<'v>) -> Option<Self> {
        <&[u8]>::from_value(value)?.try_into().ok().map(Self::of_bytes)
    }
}

impl<'v, T: FromValue<'v>> FromValue<'v> for Option<T> {
    fn from_value(value: Value<'v>) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}
