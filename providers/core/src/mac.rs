//! MAC addresses: 6 bytes (Ethernet) or 20 bytes (InfiniBand), compared as bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

const ETHERNET: usize = 6;
const INFINIBAND: usize = 20;

/// A MAC address of 6 or 20 bytes.
///
/// Reads `00:1a:2b:3c:4d:5e`, `-` instead of `:`, upper case and single-digit bytes (`0:1a:…`), because Foreman accepts
/// all of these; writes lower case with colons.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac {
    // Bytes past `length` are zero, so that the derived comparisons hold.
    bytes: [u8; INFINIBAND],
    length: u8,
}

/// The text is no MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("6 or 20 hexadecimal bytes separated by ':' or '-', as in 00:1a:2b:3c:4d:5e")]
pub struct MacError;

impl Mac {
    /// The MAC of these bytes; `None` unless they are 6 or 20.
    pub fn from_bytes(given: &[u8]) -> Option<Self> {
        let mut bytes = [0; INFINIBAND];
        let length = u8::try_from(given.len()).ok().filter(|_| matches!(given.len(), ETHERNET | INFINIBAND))?;
        bytes[..given.len()].copy_from_slice(given);
        Some(Self { bytes, length })
    }

    /// The bytes, 6 or 20 of them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Is this a 20-byte InfiniBand address? Many IPAMs have no place for one.
    pub fn is_infiniband(&self) -> bool {
        usize::from(self.length) == INFINIBAND
    }
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let separator = match (text.contains(':'), text.contains('-')) {
            (true, false) => ':',
            (false, true) => '-',
            _ => return Err(MacError),
        };
        let mut bytes = [0; INFINIBAND];
        let mut length = 0;
        for part in text.split(separator) {
            // `from_str_radix` takes a sign, so digits are checked first.
            let is_byte = matches!(part.len(), 1 | 2) && part.bytes().all(|digit| digit.is_ascii_hexdigit());
            let slot = bytes.get_mut(length).filter(|_| is_byte).ok_or(MacError)?;
            *slot = u8::from_str_radix(part, 16).map_err(|_| MacError)?;
            length += 1;
        }
        match length {
            ETHERNET | INFINIBAND => Ok(Self { bytes, length: length as u8 }),
            _ => Err(MacError),
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.as_bytes().iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_mac_are_equal() {
        let plain: Mac = "00:0a:0b:0c:0d:0e".parse().expect("a MAC");
        for spelling in ["00:0A:0B:0C:0D:0E", "00-0a-0b-0c-0d-0e", "0:a:b:c:d:e"] {
            assert_eq!(spelling.parse(), Ok(plain), "{spelling}");
        }
        assert_eq!(plain.to_string(), "00:0a:0b:0c:0d:0e");
    }

    #[test]
    fn infiniband_macs_are_macs() {
        let text = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:2f:85:a1";
        let mac: Mac = text.parse().expect("an InfiniBand MAC");
        assert!(mac.is_infiniband());
        assert_eq!(mac.to_string(), text);
    }

    #[test]
    fn six_or_twenty_bytes_are_a_mac() {
        for length in 0..=21 {
            let bytes: Vec<u8> = (0..length).collect();
            let mac = Mac::from_bytes(&bytes);
            assert_eq!(mac.as_ref().map(Mac::as_bytes), Some(&bytes[..]).filter(|_| matches!(length, 6 | 20)));
        }
    }

    #[test]
    fn what_is_no_mac_is_refused() {
        for text in [
            "",
            "zz",
            "00:0a:0b:0c:0d",
            "00:0a:0b:0c:0d:0e:0f",
            "00:0a:0b-0c:0d:0e",
            "+0:0a:0b:0c:0d:0e",
            "000:a:b:c:d:e",
            "00:0a:0b:0c:0d:0e\n",
            " 00:0a:0b:0c:0d:0e",
            "::::::",
            "000a0b0c0d0e",
            "0٠:0a:0b:0c:0d:0e",
        ] {
            assert_eq!(text.parse::<Mac>(), Err(MacError), "{text:?}");
        }
        let long = vec!["00"; 21].join(":");
        assert_eq!(long.parse::<Mac>(), Err(MacError));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 6), prop::collection::vec(any::<u8>(), 20),
        ]) {
            let text = bytes.iter().map(|byte| format!("{byte:X}")).collect::<Vec<_>>().join("-");
            let mac: Mac = text.parse().expect("a MAC");
            prop_assert_eq!(mac.as_bytes(), &bytes[..]);
            prop_assert_eq!(mac.to_string().parse(), Ok(mac));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<Mac>();
        }
    }
}
