//! Lines that wait to be written.

/// Lines one after the other in one piece of memory: a busy proxy writes too many to ask for memory for each.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
}

impl Lines {
    pub(super) fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets the lines and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// All lines as one.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_went_in() {
        let mut lines = Lines::default();
        assert!(lines.is_empty());
        for line in ["one\n", "", "three\n"] {
            lines.push(line.as_bytes());
        }
        assert_eq!(lines.len(), 3);
        assert_eq!(lines.iter().collect::<Vec<_>>(), [&b"one\n"[..], b"", b"three\n"]);
        assert_eq!(lines.as_bytes(), b"one\nthree\n");
        lines.clear();
        assert_eq!((lines.iter().count(), lines.as_bytes()), (0, &b""[..]));
    }
}
