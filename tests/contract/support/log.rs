//! What the server process has written so far.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nothing that the server does of itself takes longer, however busy the machine.
const AT_MOST: Duration = Duration::from_secs(30);

/// The lines of a process, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    open_pipes: usize,
}

impl Log {
    /// Takes in every line of a pipe until it is closed.
    pub(super) fn follow(self: &Arc<Self>, pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        log.change(|state| state.open_pipes += 1);
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                log.change(|state| state.lines.push(String::from_utf8_lossy(&line).into_owned()));
            }
            log.change(|state| state.open_pipes -= 1);
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    /// Waits for the first line that contains the text; `None` when the process ends without it, or after a while.
    pub(crate) fn line_with(&self, text: &str) -> Option<String> {
        let deadline = Instant::now() + AT_MOST;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(line) = state.lines.iter().find(|line| line.contains(text)) {
                return Some(line.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.open_pipes == 0 || left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
