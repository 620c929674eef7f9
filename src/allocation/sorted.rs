//! A sorted list of small values that changes all the time, in little memory.
//!
//! The values lie in order in chunks, each one allocation. Against a tree with a node for every few values this saves the
//! pointers and most of the empty places: a list that grows at its end is full, and one that grows anywhere is about four
//! fifths full, because a full chunk first gives to a neighbour that has room. A search is two binary searches; a change
//! moves at most the values of one chunk.

/// How many bytes a chunk has at most: more would be slower to move, fewer would need more chunks.
const CHUNK_BYTES: usize = 2048;

/// A list of one chunk grows by this factor, from this many places. The chunks of a longer one have all their places from
/// the beginning: in thousands of lists that grow at the same time, what chunks of many sizes give back fits no other.
const GROWTH: usize = 4;

/// A value that is sorted by a key of its own.
pub(super) trait Keyed: Copy {
    /// What it is sorted by.
    type Key: Copy + Ord;

    /// The key. It must not change while the value is in a list.
    fn key(&self) -> Self::Key;
}

/// Values in ascending order of their keys; values with one key are in the order in which they came.
#[derive(Debug)]
pub(super) struct Sorted<T> {
    // None is empty but for a single one.
    chunks: Vec<Vec<T>>,
    length: usize,
}

impl<T: Keyed> Sorted<T> {
    /// How many values a chunk has at most.
    const CHUNK: usize = CHUNK_BYTES / size_of::<T>();

    /// A neighbour is given values only when it has so many places: moving a few would soon be followed by moving again.
    const WORTH_MOVING: usize = Self::CHUNK / 10;

    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), length: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// All values from the first one whose key is not below.
    pub(super) fn starting_at(&self, key: T::Key) -> impl Iterator<Item = &T> {
        let (chunk, place) = self.first_not_below(key);
        let mut chunks = self.chunks.get(chunk..).unwrap_or_default().iter();
        let first = chunks.next().and_then(|values| values.get(place..)).unwrap_or_default();
        first.iter().chain(chunks.flatten())
    }

    /// The values with this key, in the order in which they came.
    pub(super) fn with(&self, key: T::Key) -> impl Iterator<Item = &T> {
        self.starting_at(key).take_while(move |value| value.key() == key)
    }

    /// The first value with this key.
    pub(super) fn get(&self, key: T::Key) -> Option<&T> {
        let (chunk, place) = self.first_not_below(key);
        self.chunks.get(chunk)?.get(place).filter(|value| value.key() == key)
    }

    /// The first value with this key, to change all of it but its key.
    pub(super) fn get_mut(&mut self, key: T::Key) -> Option<&mut T> {
        let (chunk, place) = self.first_not_below(key);
        self.chunks.get_mut(chunk)?.get_mut(place).filter(|value| value.key() == key)
    }

    /// Enters a value, behind all others with its key.
    pub(super) fn insert(&mut self, value: T) {
        let key = value.key();
        let behind = self.chunks.partition_point(|chunk| chunk.first().is_none_or(|first| first.key() <= key));
        let chunk = behind.saturating_sub(1);
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        let place = self.chunks[chunk].partition_point(|other| other.key() <= key);
        let (chunk, place) =
            if self.chunks[chunk].len() < Self::CHUNK { (chunk, place) } else { self.make_room(chunk, place) };
        let is_only = self.chunks.len() == 1;
        let values = &mut self.chunks[chunk];
        if values.len() == values.capacity() {
            if is_only { Self::reserve_more(values) } else { Self::reserve_all(values) }
        }
        values.insert(place, value);
        self.length += 1;
    }

    /// Removes the first value with this key that `is_it`.
    pub(super) fn remove(&mut self, key: T::Key, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let (mut chunk, mut place) = self.first_not_below(key);
        loop {
            match self.chunks.get(chunk)?.get(place) {
                None => (chunk, place) = (chunk + 1, 0),
                Some(value) if value.key() != key => return None,
                Some(value) if is_it(value) => break,
                Some(_) => place += 1,
            }
        }
        let value = self.chunks[chunk].remove(place);
        self.length -= 1;
        self.shrink(chunk);
        Some(value)
    }

    /// Removes all values but those to keep, in one go.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        for values in &mut self.chunks {
            values.retain(&mut keep);
        }
        self.length = self.chunks.iter().map(Vec::len).sum();
        let mut kept: Vec<Vec<T>> = Vec::new();
        for mut values in self.chunks.drain(..).filter(|values| !values.is_empty()) {
            match kept.last_mut().filter(|last| last.len() + values.len() <= Self::CHUNK) {
                Some(last) => {
                    last.reserve_exact(values.len());
                    last.append(&mut values);
                }
                None => {
                    release_unused(&mut values);
                    kept.push(values);
                }
            }
        }
        self.chunks = kept;
    }

    /// Places for a full chunk that is the only one.
    fn reserve_more(values: &mut Vec<T>) {
        match GROWTH * values.len().max(1) {
            places if places <= Self::CHUNK / 2 => values.reserve_exact(places - values.len()),
            _ => Self::reserve_all(values),
        }
    }

    /// All places that a chunk may have.
    fn reserve_all(values: &mut Vec<T>) {
        values.reserve_exact(Self::CHUNK - values.len());
    }

    fn first_not_below(&self, key: T::Key) -> (usize, usize) {
        let chunk = self.chunks.partition_point(|values| values.last().is_some_and(|last| last.key() < key));
        let place = self.chunks.get(chunk).map_or(0, |values| values.partition_point(|value| value.key() < key));
        (chunk, place)
    }

    /// Makes room in a full chunk. Tells where the place in it is now.
    fn make_room(&mut self, chunk: usize, place: usize) -> (usize, usize) {
        let room = |other: Option<&Vec<T>>| other.map_or(0, |values| Self::CHUNK - values.len());
        let (before, behind) = (chunk.checked_sub(1), chunk + 1);
        if behind == self.chunks.len() && place == Self::CHUNK {
            // Growth at the end leaves full chunks behind.
            self.chunks.push(Vec::new());
            return (behind, 0);
        }
        if room(self.chunks.get(behind)) >= Self::WORTH_MOVING {
            let stay = Self::CHUNK - room(self.chunks.get(behind)) / 2;
            let moved = self.chunks[chunk].split_off(stay);
            Self::reserve_all(&mut self.chunks[behind]);
            self.chunks[behind].splice(0..0, moved);
            return if place <= stay { (chunk, place) } else { (behind, place - stay) };
        }
        if let Some(before) = before.filter(|before| room(self.chunks.get(*before)) >= Self::WORTH_MOVING) {
            let moving = room(self.chunks.get(before)) / 2;
            let old = self.chunks[before].len();
            let moved: Vec<T> = self.chunks[chunk].drain(..moving).collect();
            Self::reserve_all(&mut self.chunks[before]);
            self.chunks[before].extend(moved);
            return if place < moving { (before, old + place) } else { (chunk, place - moving) };
        }
        let half = Self::CHUNK / 2;
        let mut moved = Vec::with_capacity(Self::CHUNK);
        moved.extend(self.chunks[chunk].drain(half..));
        self.chunks.insert(behind, moved);
        if place <= half { (chunk, place) } else { (behind, place - half) }
    }

    /// Gives back the memory of a chunk that has lost a value, and joins it with a neighbour when there is little left.
    fn shrink(&mut self, chunk: usize) {
        let length = self.chunks[chunk].len();
        if length > Self::CHUNK / 4 || self.chunks.len() == 1 {
            return release_unused(&mut self.chunks[chunk]);
        }
        if length == 0 {
            self.chunks.remove(chunk);
            return;
        }
        let fits = |left: &usize| {
            let right = self.chunks.get(left + 1).map_or(Self::CHUNK, Vec::len);
            // Not to the brim, or the next value would part them again.
            self.chunks[*left].len() + right <= Self::CHUNK * 3 / 4
        };
        match chunk.checked_sub(1).filter(fits).or(Some(chunk).filter(fits)) {
            Some(left) => {
                let mut moved = self.chunks.remove(left + 1);
                self.chunks[left].reserve_exact(moved.len());
                self.chunks[left].append(&mut moved);
            }
            None => release_unused(&mut self.chunks[chunk]),
        }
    }
}

/// Gives back the memory of empty places when they are by far most.
fn release_unused<T>(values: &mut Vec<T>) {
    if values.capacity() > 2 * GROWTH * (values.len() + 1) {
        values.shrink_to(GROWTH * (values.len() + 1));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Sorted by the first; the second tells values with one key apart.
    type Value = (u16, u32);

    impl Keyed for Value {
        type Key = u16;

        fn key(&self) -> u16 {
            self.0
        }
    }

    impl Sorted<Value> {
        fn all(&self) -> Vec<Value> {
            self.starting_at(0).copied().collect()
        }

        fn assert_sound(&self) {
            assert!(self.chunks.iter().all(|values| values.len() <= Self::CHUNK && values.capacity() <= Self::CHUNK));
            assert!(self.chunks.len() <= 1 || self.chunks.iter().all(|values| !values.is_empty()));
            assert_eq!(self.len(), self.all().len());
        }
    }

    #[test]
    fn a_list_that_grows_at_its_end_has_no_empty_places_but_the_last() {
        let mut list = Sorted::new();
        for key in 0..60_000 {
            list.insert((key, 0));
        }
        let places: usize = list.chunks.iter().map(Vec::capacity).sum();
        assert!(places < 60_000 + Sorted::<Value>::CHUNK, "{places}");
        list.assert_sound();
    }

    #[test]
    fn a_list_that_grows_anywhere_is_three_quarters_full() {
        let mut list = Sorted::new();
        for number in 0..60_000_u32 {
            // A step that has no divisor in common with the number of keys visits each once, in no order.
            list.insert((u16::try_from(number * 40_503 % 65_536).expect("a key"), 0));
        }
        let places: usize = list.chunks.iter().map(Vec::capacity).sum();
        assert!(places * 3 / 4 < 60_000, "{places}");
        list.assert_sound();
    }

    #[test]
    fn the_chunks_of_a_list_that_has_outgrown_its_first_have_one_size() {
        let mut list = Sorted::new();
        let mut sizes = BTreeSet::new();
        for number in 0..6000_u32 {
            list.insert((u16::try_from(number * 40_503 % 65_536).expect("a key"), 0));
            sizes.extend(list.chunks.iter().map(Vec::capacity));
        }
        assert_eq!(sizes, BTreeSet::from([4, 16, 64, Sorted::<Value>::CHUNK]));
    }

    #[test]
    fn a_list_that_shrinks_gives_its_memory_back() {
        let mut list = Sorted::new();
        for key in 0..60_000 {
            list.insert((key, 0));
        }
        for key in (0..60_000).filter(|key| key % 100 != 0) {
            assert_eq!(list.remove(key, |_| true), Some((key, 0)));
        }
        let places: usize = list.chunks.iter().map(Vec::capacity).sum();
        assert!(places < 2 * GROWTH * list.len(), "{places} for {}", list.len());
        list.assert_sound();
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert { first: u16, count: u16 },
        Remove { first: u16, count: u16 },
        Retain { modulus: u32 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            5 => (0u16..2000, 1u16..400).prop_map(|(first, count)| Step::Insert { first, count }),
            4 => (0u16..2000, 1u16..400).prop_map(|(first, count)| Step::Remove { first, count }),
            1 => (2u32..9).prop_map(|modulus| Step::Retain { modulus }),
        ];
        prop::collection::vec(step, 1..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_a_sorted_list_whatever_is_done_to_it(steps in steps()) {
            let mut list = Sorted::new();
            let mut model: Vec<Value> = Vec::new();
            let mut serial = 0;
            for step in steps {
                match step {
                    Step::Insert { first, count } => for key in first..first + count {
                        serial += 1;
                        list.insert((key, serial));
                        model.insert(model.partition_point(|value| value.0 <= key), (key, serial));
                    },
                    // The last of those with the key, so that others are passed over.
                    Step::Remove { first, count } => for key in first..first + count {
                        let meant = model.iter().rposition(|value| value.0 == key);
                        let serial = meant.map_or(0, |place| model[place].1);
                        prop_assert_eq!(list.remove(key, |value| value.1 == serial), meant.map(|place| model.remove(place)));
                    },
                    Step::Retain { modulus } => {
                        list.retain(|value| value.1 % modulus != 0);
                        model.retain(|value| value.1 % modulus != 0);
                    }
                }
                list.assert_sound();
                prop_assert_eq!(&list.all(), &model);
                for key in [0, 700, 1999, 2500] {
                    let expected: Vec<Value> = model.iter().copied().filter(|value| value.0 == key).collect();
                    prop_assert_eq!(list.get(key), expected.first());
                    prop_assert_eq!(list.get_mut(key).copied(), expected.first().copied());
                    prop_assert_eq!(list.with(key).copied().collect::<Vec<_>>(), expected);
                }
            }
        }
    }
}
