//! What providers have open, across reloads of the settings.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What providers have open. A reload builds each provider again while the one before is in use; where both want the same
/// place, the new one gets what is open. What no provider uses is closed. Clones share everything.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<Weak<dyn Any + Send + Sync>>>>);

impl Kept {
    /// What is open and `is_same`, or else what `open` opens.
    ///
    /// # Errors
    /// What `open` fails with.
    pub fn get_or_open<T: Any + Send + Sync, E>(
        &self,
        is_same: impl Fn(&T) -> bool,
        open: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|kept| kept.strong_count() > 0);
        let mut known = all.iter().filter_map(Weak::upgrade).filter_map(|kept| kept.downcast::<T>().ok());
        if let Some(same) = known.find(|kept| is_same(kept)) {
            return Ok(same);
        }
        let opened = Arc::new(open()?);
        let kept: Weak<T> = Arc::downgrade(&opened);
        all.push(kept);
        Ok(opened)
    }
}

impl Kept {
    /// All of this type that is open.
    pub fn open<T: Any + Send + Sync>(&self) -> Vec<Arc<T>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).filter_map(|kept| kept.downcast::<T>().ok()).collect()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Store(&'static str);

    fn get(kept: &Kept, place: &'static str) -> Arc<Store> {
        kept.get_or_open(|known| known == &Store(place), || Ok::<_, ()>(Store(place))).expect("open")
    }

    #[test]
    fn what_is_open_is_kept_for_as_long_as_it_is_used() {
        let kept = Kept::default();
        let first = get(&kept, "a");
        assert!(Arc::ptr_eq(&first, &get(&kept.clone(), "a")));
        assert!(!Arc::ptr_eq(&first, &get(&kept, "b")));
        let other_type = kept.get_or_open(|_: &String| true, || Ok::<_, ()>("a".to_owned()));
        assert_eq!(*other_type.expect("open"), "a");
        let closed = Arc::downgrade(&first);
        drop(first);
        assert_eq!(closed.strong_count(), 0);
        assert_eq!(kept.get_or_open(|_: &Store| true, || Err(7)).expect_err("it was closed"), 7);
    }
}
