//! The stream that actix-http reads and writes.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use super::arrivals::Arrivals;
use super::unreadable::{self, Unreadable};
use crate::http::access::Connection;
use crate::http::body::SLOW_CLIENT;

/// The same when the process is about to end.
const SLOW_CLIENT_AT_THE_END: Duration = Duration::from_secs(2);

/// How much is read between two flushes of the output. actix-http takes all requests from what it has read before it
/// answers the first, and keeps kilobytes for each; a request of Foreman has less than 1 KiB.
const READ_AT_ONCE: usize = 4 * 1024;

/// A stream with the limits that actix-http lacks:
///
/// - A caller that takes no output for 10 seconds is cut off, and is not read from before all output is gone.
/// - 10 seconds after an answer the next request is under way, or the input ends. This ends idle connections, and bodies and
///   heads that never end.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    pub(super) connection: Connection,
    pub(super) activity: Rc<Activity>,
    arrivals: Arrivals,
    waits_for: WaitsFor,
    timer: Option<Pin<Box<Sleep>>>,
    read_since_flush: usize,
    /// actix-http may have taken input without looking for requests in it, because enough of them were waiting already. It
    /// looks again only when its task is woken.
    may_hold_requests: bool,
    /// A read was put off until the output has gone.
    has_unread_input: bool,
    is_hurried: bool,
    /// What replaces an answer of actix-http's own, and how much of it has been sent.
    replacement: Option<(Vec<u8>, usize)>,
}

/// What the timer limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WaitsFor {
    /// The first request, which actix-http limits.
    FirstRequest,
    /// The caller, which is to read.
    Reader,
    /// The next request.
    NextRequest,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    pub(super) fn new(stream: S, connection: Connection, activity: Rc<Activity>, arrivals: Arrivals) -> Self {
        Self {
            stream,
            connection,
            activity,
            arrivals,
            waits_for: WaitsFor::FirstRequest,
            timer: None,
            read_since_flush: 0,
            may_hold_requests: false,
            has_unread_input: false,
            is_hurried: false,
            replacement: None,
        }
    }

    /// Starts the timer again, and looks at it so that it wakes the task.
    fn wait_for(&mut self, what: WaitsFor, limit: Duration, context: &mut Context<'_>) {
        self.waits_for = what;
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(Instant::now() + limit),
            None => self.timer = Some(Box::pin(sleep(limit))),
        }
        let _ = self.is_over(context);
    }

    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(context).is_ready())
    }

    /// Has the caller had the time for its next request?
    fn is_idle_too_long(&mut self, context: &mut Context<'_>) -> bool {
        self.waits_for == WaitsFor::NextRequest && !self.activity.is_busy() && self.is_over(context)
    }

    /// Some output has gone, or all of it.
    fn output_has_moved(&mut self, is_all: bool, context: &mut Context<'_>) {
        if self.waits_for == WaitsFor::Reader && !is_all {
            self.wait_for(WaitsFor::Reader, SLOW_CLIENT, context);
            return;
        }
        self.wait_for(WaitsFor::NextRequest, SLOW_CLIENT, context);
        if std::mem::take(&mut self.has_unread_input) {
            context.waker().wake_by_ref();
        }
    }

    /// An error when the caller has not read for too long.
    fn output_is_stuck(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.waits_for != WaitsFor::Reader {
            self.wait_for(WaitsFor::Reader, SLOW_CLIENT, context);
        }
        if self.arrivals.is_ending() && !std::mem::replace(&mut self.is_hurried, true) {
            self.wait_for(WaitsFor::Reader, SLOW_CLIENT_AT_THE_END, context);
        }
        if !self.is_over(context) {
            return Poll::Pending;
        }
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the caller does not read"))
    }

    fn write(&mut self, context: &mut Context<'_>, output: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, output) {
            Poll::Pending => self.output_is_stuck(context).map(Err),
            ready => {
                self.output_has_moved(false, context);
                ready
            }
        }
    }

    /// Sends what replaces an answer of actix-http's own.
    fn write_replacement(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((answer, sent)) = self.replacement.take_if(|(answer, sent)| *sent < answer.len()) {
            let written = self.write(context, &answer[sent..]);
            let more = if let Poll::Ready(Ok(more)) = written { more } else { 0 };
            self.replacement = Some((answer, sent + more));
            std::task::ready!(written)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Of a flush or the end: when it is done, all output is gone.
    fn ended<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Pending => self.output_is_stuck(context).map(Err),
            Poll::Ready(outcome) => {
                if self.waits_for == WaitsFor::Reader {
                    self.output_has_moved(true, context);
                }
                Poll::Ready(outcome)
            }
        }
    }

    fn log(&self, found: &Unreadable) {
        let Unreadable { status, text, .. } = found;
        match self.connection.address() {
            Some(caller) => log::info!("{text} (answered with {status}, from {caller})"),
            None => log::info!("{text} (answered with {status})"),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.waits_for == WaitsFor::Reader {
            this.has_unread_input = true;
            return Poll::Pending;
        }
        if this.is_idle_too_long(context) {
            // The end of the input: what is under way is finished, and the connection closed as it should be.
            return Poll::Ready(Ok(()));
        }
        let at_most = buffer.remaining().min(READ_AT_ONCE.saturating_sub(this.read_since_flush));
        if at_most == 0 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(at_most));
        let outcome = Pin::new(&mut this.stream).poll_read(context, &mut part);
        let count = part.filled().len();
        buffer.advance(count);
        this.read_since_flush += count;
        if this.read_since_flush == READ_AT_ONCE {
            this.may_hold_requests = true;
        } else if outcome.is_pending() && !this.activity.is_busy() {
            // None waits any more, so all input is looked at after this.
            this.may_hold_requests = false;
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, output: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.replacement.is_none()
            && let Some(found) = unreadable::find(output, this.connection.listener())
        {
            if found.start > 0 {
                return this.write(context, &output[..found.start]);
            }
            this.log(&found);
            this.replacement = Some((found.answer, 0));
        }
        if this.replacement.is_some() {
            return this.write_replacement(context).map_ok(|()| output.len());
        }
        this.write(context, output)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.read_since_flush = 0;
        if this.may_hold_requests {
            context.waker().wake_by_ref();
        }
        let outcome = Pin::new(&mut this.stream).poll_flush(context);
        this.ended(context, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_shutdown(context);
        this.ended(context, outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::*;

    const PIPE: usize = 1024;

    /// The server's end and the caller's.
    fn pair() -> (Guarded<DuplexStream>, DuplexStream, Arrivals) {
        let (server, caller) = duplex(PIPE);
        let arrivals = Arrivals::default();
        let activity = Activity::new(arrivals.arrive());
        (Guarded::new(server, Connection::control(), activity, arrivals.clone()), caller, arrivals)
    }

    // The clock stands still and leaps: nothing is waited for.
    #[tokio::test(start_paused = true)]
    async fn a_caller_that_does_not_read_is_cut_off() {
        for (is_ending, limit) in [(false, SLOW_CLIENT), (true, SLOW_CLIENT_AT_THE_END)] {
            let (mut server, mut caller, arrivals) = pair();
            if is_ending {
                drop(server.activity.begin());
                arrivals.settle().await;
            }
            server.write_all(&[b'x'; PIPE]).await.expect("room");
            let began = Instant::now();
            let error = server.write_all(b"more").await.expect_err("no room");
            assert_eq!((error.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, limit.as_secs()));
            // It is not read from either, before it reads.
            caller.write_all(b"x").await.expect("room");
            assert!(timeout(Duration::from_secs(1), server.read_u8()).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_reads_slowly_is_served() {
        let (mut server, mut caller, _arrivals) = pair();
        let reads = async {
            for _ in 0..20 {
                sleep(SLOW_CLIENT - Duration::from_secs(1)).await;
                caller.read_exact(&mut [0; PIPE / 10]).await.expect("output");
            }
        };
        let (written, ()) = tokio::join!(server.write_all(&[b'x'; 2 * PIPE]), reads);
        written.expect("all is read");
    }

    #[tokio::test(start_paused = true)]
    async fn the_input_ends_when_no_request_follows_an_answer() {
        let (mut server, mut caller, _arrivals) = pair();
        server.write_all(b"an answer").await.expect("room");
        let began = Instant::now();
        // Input that never ends is no request.
        let drips = async {
            while caller.write_all(b"x").await.is_ok() && began.elapsed() < 2 * SLOW_CLIENT {
                sleep(Duration::from_secs(1)).await;
            }
        };
        let reads = async {
            while server.read(&mut [0; 16]).await.expect("no error") > 0 {}
            began.elapsed().as_secs()
        };
        let (seconds, ()) = tokio::join!(reads, drips);
        assert_eq!(seconds, SLOW_CLIENT.as_secs());
        // A request that is under way may take longer.
        let (mut server, _caller, _arrivals) = pair();
        server.write_all(b"an answer").await.expect("room");
        let _request = server.activity.begin();
        assert!(timeout(3 * SLOW_CLIENT, server.read_u8()).await.is_err());
    }

    #[tokio::test]
    async fn input_is_read_in_pieces() {
        let (mut server, _caller, _arrivals) = pair();
        server.read_since_flush = READ_AT_ONCE;
        let mut buffer = [0; 16];
        assert!(futures_util::poll!(std::pin::pin!(server.read(&mut buffer))).is_pending());
        server.flush().await.expect("flushed");
        assert_eq!(server.read_since_flush, 0);
    }
}
