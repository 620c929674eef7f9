//! A thread that writes log lines, so that a full disk or a stuck pipe never holds up a request.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::destination::Sink;

/// How many lines may wait for a slow destination; further ones are counted and lost.
const LINES_AT_MOST: usize = 4_096;

enum Order {
    Line(Vec<u8>),
    Reopen(Sender<io::Result<()>>),
    Flush(Sender<()>),
}

/// A handle on the thread; the thread ends with the last handle.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    orders: Sender<Order>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

impl Writer {
    /// Starts the thread. `complain` makes the line that tells how many lines were lost.
    pub(super) fn start(sink: Sink, complain: fn(u64) -> String) -> io::Result<Self> {
        let (orders, incoming) = channel();
        let counts = Arc::new(Counts::default());
        let of_thread = Arc::clone(&counts);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(sink, &incoming, &of_thread, complain))?;
        Ok(Self { orders, counts })
    }

    /// Queues one line; never waits.
    pub(super) fn line(&self, line: &[u8]) {
        if self.counts.waiting.fetch_add(1, Ordering::Relaxed) >= LINES_AT_MOST {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // The thread outlives its handles; if it did not, there would be nowhere to say so.
        let _ = self.orders.send(Order::Line(line.to_vec()));
    }

    /// Has the thread open its destination anew, behind the lines already queued.
    pub(super) fn reopen(&self, limit: Duration) -> io::Result<()> {
        let (reply, answer) = channel();
        let _ = self.orders.send(Order::Reopen(reply));
        answer.recv_timeout(limit).map_err(no_answer)?
    }

    /// Waits until the lines queued so far are written, or until the limit.
    pub(super) fn flush(&self, limit: Duration) -> io::Result<()> {
        let (reply, answer) = channel();
        let _ = self.orders.send(Order::Flush(reply));
        answer.recv_timeout(limit).map_err(no_answer)
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

fn write_all(mut sink: Sink, orders: &Receiver<Order>, counts: &Counts, complain: fn(u64) -> String) {
    for order in orders {
        match order {
            Order::Line(line) => {
                if sink.write(&line).is_err() {
                    counts.lost.fetch_add(1, Ordering::Relaxed);
                } else {
                    tell_losses(&mut sink, counts, complain);
                }
                counts.waiting.fetch_sub(1, Ordering::Relaxed);
            }
            // Whoever asked may have given up waiting.
            Order::Reopen(reply) => drop(reply.send(sink.reopen())),
            Order::Flush(reply) => drop(reply.send(())),
        }
    }
}

fn tell_losses(sink: &mut Sink, counts: &Counts, complain: fn(u64) -> String) {
    let lost = counts.lost.swap(0, Ordering::Relaxed);
    if lost > 0 && sink.write(complain(lost).as_bytes()).is_err() {
        counts.lost.fetch_add(lost, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::destination::Destination;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn complain(lost: u64) -> String {
        format!("{lost} lost\n")
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
        for _ in 0..2 * LINES_AT_MOST {
            writer.line(&line);
        }
        assert!(writer.counts.lost.load(Ordering::Relaxed) > 0);
        let refused = writer.flush(Duration::from_millis(1)).expect_err("nobody reads");
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
    }
}
