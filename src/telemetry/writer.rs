//! A thread that writes log lines, so that a full disk or a stuck pipe never holds up a request.
//!
//! The thread is woken once for many lines: waking it costs more than the line.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::destination::Sink;
use super::lines::Lines;

/// How many lines may wait for a slow destination; further ones are counted and lost.
const LINES_AT_MOST: usize = 4_096;

/// How long the thread lets lines gather after it has written some. The first line after a silence is written at once.
const GATHER: Duration = Duration::from_millis(5);

/// A handle on the thread; the thread ends with the last handle.
#[derive(Debug, Clone)]
pub(super) struct Writer(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// For the thread, when it waits.
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Lines,
    orders: Vec<Order>,
    lost: u64,
    /// Nobody has to wake a thread that does not sleep.
    is_asleep: bool,
    is_closed: bool,
}

/// What is done after the lines that were queued before it.
#[derive(Debug)]
enum Order {
    Reopen(Sender<io::Result<()>>),
    Flush(Sender<()>),
}

impl Writer {
    /// Starts the thread. `complain` makes the line that tells how many lines were lost.
    pub(super) fn start(sink: Sink, complain: fn(u64) -> Vec<u8>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || of_thread.write_all(sink, complain))?;
        Ok(Self(Arc::new(Handle(shared))))
    }

    /// Queues one line; never waits for the destination.
    pub(super) fn line(&self, line: &[u8]) {
        let shared = &self.0.0;
        let mut queue = shared.queue();
        if queue.lines.len() >= LINES_AT_MOST {
            queue.lost += 1;
            return;
        }
        queue.lines.push(line);
        let is_asleep = std::mem::take(&mut queue.is_asleep);
        drop(queue);
        if is_asleep {
            shared.wake.notify_one();
        }
    }

    /// Has the thread open its destination anew, behind the lines already queued.
    pub(super) fn reopen(&self, limit: Duration) -> io::Result<()> {
        let (reply, answer) = channel();
        self.order(Order::Reopen(reply));
        answer.recv_timeout(limit).map_err(no_answer)?
    }

    /// Waits until the lines queued so far are written, or until the limit.
    pub(super) fn flush(&self, limit: Duration) -> io::Result<()> {
        let (reply, answer) = channel();
        self.order(Order::Flush(reply));
        answer.recv_timeout(limit).map_err(no_answer)
    }

    fn order(&self, order: Order) {
        let shared = &self.0.0;
        shared.queue().orders.push(order);
        shared.wake.notify_one();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.queue().is_closed = true;
        self.0.wake.notify_one();
    }
}

fn no_answer(error: RecvTimeoutError) -> io::Error {
    match error {
        RecvTimeoutError::Timeout => io::Error::new(io::ErrorKind::TimedOut, "the log's destination does not answer"),
        RecvTimeoutError::Disconnected => io::Error::other("the log's thread has ended"),
    }
}

/// `write` takes whole lines, as env_logger gives them.
impl io::Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A panic between two moves leaves whole lines; the log must go on.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of the thread.
    fn write_all(&self, mut sink: Sink, complain: fn(u64) -> Vec<u8>) {
        let mut lines = Lines::default();
        while let Some((orders, lost)) = self.next(&mut lines) {
            let unwritten = if lines.is_empty() || sink.write(&lines).is_ok() { 0 } else { lines.len() as u64 };
            let lost = lost + unwritten;
            if lost > 0 {
                lines.clear();
                lines.push(&complain(lost));
                let is_told = unwritten == 0 && sink.write(&lines).is_ok();
                if !is_told {
                    self.queue().lost += lost;
                }
            }
            for order in orders {
                match order {
                    // Whoever asked may have given up waiting.
                    Order::Reopen(reply) => drop(reply.send(sink.reopen())),
                    Order::Flush(reply) => drop(reply.send(())),
                }
            }
            let has_nothing_urgent = |queue: &mut Queue| queue.orders.is_empty() && !queue.is_closed;
            drop(self.wake.wait_timeout_while(self.queue(), GATHER, has_nothing_urgent));
        }
    }

    /// Everything that is queued, once there is something; `None` when there will be nothing more. What `lines` held is
    /// written: its memory takes the next ones.
    fn next(&self, lines: &mut Lines) -> Option<(Vec<Order>, u64)> {
        lines.clear();
        let mut queue = self.queue();
        while queue.lines.is_empty() && queue.orders.is_empty() {
            if queue.is_closed {
                return None;
            }
            queue.is_asleep = true;
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.is_asleep = false;
        let lost = if queue.lines.is_empty() { 0 } else { std::mem::take(&mut queue.lost) };
        std::mem::swap(&mut queue.lines, lines);
        Some((std::mem::take(&mut queue.orders), lost))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::destination::Destination;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn complain(lost: u64) -> Vec<u8> {
        format!("{lost} lost\n").into_bytes()
    }

    #[test]
    fn a_moved_file_is_followed_until_it_is_reopened() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, moved) = (directory.path().join("log"), directory.path().join("log.1"));
        let sink = Sink::open(&Destination::File(path.clone())).expect("a file");
        let writer = Writer::start(sink, complain).expect("a thread");
        writer.line(b"one\n");
        writer.flush(LIMIT).expect("written");
        fs::rename(&path, &moved).expect("moved");
        writer.line(b"two\n");
        writer.reopen(LIMIT).expect("reopened");
        writer.line(b"three\n");
        writer.flush(LIMIT).expect("written");
        assert_eq!(fs::read_to_string(&moved).expect("text"), "one\ntwo\n");
        assert_eq!(fs::read_to_string(&path).expect("text"), "three\n");
    }

    #[test]
    fn a_file_that_cannot_be_reopened_stays_in_use() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, moved) = (directory.path().join("log"), directory.path().join("log.1"));
        let sink = Sink::open(&Destination::File(path.clone())).expect("a file");
        let writer = Writer::start(sink, complain).expect("a thread");
        fs::rename(&path, &moved).expect("moved");
        fs::create_dir(&path).expect("a directory in the way");
        assert!(writer.reopen(LIMIT).is_err());
        writer.line(b"still here\n");
        writer.flush(LIMIT).expect("written");
        assert_eq!(fs::read_to_string(&moved).expect("text"), "still here\n");
    }

    #[test]
    fn lines_that_could_not_be_written_are_counted_and_told_later() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        fs::write(&path, "").expect("a file");
        // Opened for reading, it refuses lines as a full disk does.
        let file = fs::File::open(&path).expect("a file");
        let writer = Writer::start(Sink::File { path: path.clone(), file }, complain).expect("a thread");
        writer.line(b"one\n");
        writer.line(b"two\n");
        writer.reopen(LIMIT).expect("reopened");
        writer.line(b"three\n");
        writer.flush(LIMIT).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("text"), "three\n2 lost\n");
    }

    #[test]
    fn a_destination_that_hangs_holds_nobody_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
        // Open for both, so that opening does not wait for a reader; nobody reads.
        let file = fs::OpenOptions::new().read(true).write(true).open(&path).expect("a pipe");
        let writer = Writer::start(Sink::File { path, file }, complain).expect("a thread");
        let line = [b'x'; 1024];
        // Not a fixed number: the thread takes the count together with the lines, and a slow one does so after the last.
        while writer.0.0.queue().lost == 0 {
            writer.line(&line);
        }
        let refused = writer.flush(Duration::from_millis(1)).expect_err("nobody reads");
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
    }
}
