//! Calls that begin together.

use std::sync::Barrier;
use std::thread;

/// Runs one call for each number, all begun at the same moment, and gives back the results in order.
pub(crate) fn at_once<T: Send>(count: usize, call: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let run = |number| {
            let (start, call) = (&start, &call);
            scope.spawn(move || {
                start.wait();
                call(number)
            })
        };
        let callers: Vec<_> = (0..count).map(run).collect();
        callers.into_iter().map(|caller| caller.join().expect("the caller ends")).collect()
    })
}
