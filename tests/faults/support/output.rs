//! What a process has written so far, to either stream.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nothing that the server does of itself takes longer, however busy the machine.
const AT_MOST: Duration = Duration::from_secs(30);

/// The lines of a process, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    open_pipes: usize,
}

impl Output {
    /// Takes in every line of a pipe until it is closed.
    pub(super) fn follow(self: &Arc<Self>, pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        let output = self.clone();
        output.lock().open_pipes += 1;
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                output.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
                output.changed.notify_all();
            }
            output.lock().open_pipes -= 1;
            output.changed.notify_all();
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// All lines so far, as one text.
    pub(crate) fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// Waits for this many lines that contain the text, and gives the last of them; `None` when the process ends
    /// without them, or after a while.
    pub(super) fn line_with(&self, text: &str, times: usize) -> Option<String> {
        self.wait(|state| state.lines.iter().filter(|line| line.contains(text)).nth(times - 1).cloned())
    }

    /// Waits for the end of the process, which closes both streams; `false` after a while.
    pub(super) fn is_closed(&self) -> bool {
        self.wait(|state| (state.open_pipes == 0).then_some(())).is_some()
    }

    fn wait<T>(&self, find: impl Fn(&State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + AT_MOST;
        let mut state = self.lock();
        loop {
            let found = find(&state);
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || state.open_pipes == 0 || left.is_zero() {
                return found;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
