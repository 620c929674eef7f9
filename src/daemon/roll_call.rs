//! Whether the threads that answer requests still do anything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::oneshot;

/// The workers, each asked whether it is there. Clones are one list.
///
/// The question is answered by a task on the worker's own runtime, among its requests: a worker that is caught in one of
/// them, in a loop or at a lock, answers nothing. A worker that waits for an IPAM has time to answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct RollCall {
    workers: Arc<Mutex<Vec<UnboundedSender<oneshot::Sender<()>>>>>,
}

impl RollCall {
    /// Puts the worker that calls this on the list, until its runtime ends. Once too often does no harm.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub(crate) fn join(&self) {
        let (asker, mut questions) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
        tokio::spawn(async move {
            while let Some(question) = questions.recv().await {
                // Nobody waits any longer when this worker was slow.
                let _ = question.send(());
            }
        });
        self.workers().push(asker);
    }

    /// Waits until every worker has answered; `false` when there is none. A worker that has ended is forgotten: the
    /// server starts another, which joins by itself.
    pub(crate) async fn is_answered(&self) -> bool {
        let mut asked = Vec::new();
        self.workers().retain(|worker| {
            let (question, answer) = oneshot::channel();
            asked.push(answer);
            worker.send(question).is_ok()
        });
        let mut is_anybody_there = false;
        for answer in asked {
            is_anybody_there |= answer.await.is_ok();
        }
        is_anybody_there
    }

    fn workers(&self) -> MutexGuard<'_, Vec<UnboundedSender<oneshot::Sender<()>>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::thread::{self, JoinHandle};

    use tokio::runtime::Builder;

    use super::*;

    /// A thread with a runtime of its own, as the server's workers are.
    pub(in crate::daemon) struct Worker {
        hang: Option<Sender<()>>,
        end: oneshot::Sender<()>,
        thread: JoinHandle<()>,
    }

    impl Worker {
        /// One that has joined and is caught in a request until it is [let go](Self::go_on).
        pub(in crate::daemon) fn that_hangs(roll_call: &RollCall) -> Self {
            let (hang, hung) = channel();
            let (joined, has_joined) = channel();
            let (end, ended) = oneshot::channel();
            let roll_call = roll_call.clone();
            let thread = thread::spawn(move || {
                let runtime = Builder::new_current_thread().build().expect("a runtime");
                runtime.block_on(async {
                    roll_call.join();
                    joined.send(()).expect("the test waits");
                    // No await, which is the hanging.
                    let _ = hung.recv();
                    let _ = ended.await;
                });
            });
            has_joined.recv().expect("it joins");
            Self { hang: Some(hang), end, thread }
        }

        /// One that has joined and serves.
        pub(in crate::daemon) fn that_serves(roll_call: &RollCall) -> Self {
            let mut worker = Self::that_hangs(roll_call);
            worker.go_on();
            worker
        }

        pub(in crate::daemon) fn go_on(&mut self) {
            self.hang = None;
        }

        fn end(self) {
            drop((self.hang, self.end));
            self.thread.join().expect("no panic");
        }
    }

    #[tokio::test]
    async fn nobody_answers_for_a_worker_that_hangs() {
        let roll_call = RollCall::default();
        let serving = Worker::that_serves(&roll_call);
        assert!(roll_call.is_answered().await);
        let mut hanging = Worker::that_hangs(&roll_call);
        let mut answers = Box::pin(roll_call.is_answered());
        assert_eq!(futures_util::poll!(&mut answers), std::task::Poll::Pending);
        // The other one has answered, which is not enough.
        serving.end();
        assert_eq!(futures_util::poll!(&mut answers), std::task::Poll::Pending);
        hanging.go_on();
        assert!(answers.await);
        hanging.end();
    }

    #[tokio::test]
    async fn workers_that_have_ended_are_not_waited_for() {
        let roll_call = RollCall::default();
        assert!(!roll_call.is_answered().await);
        let (first, second) = (Worker::that_serves(&roll_call), Worker::that_serves(&roll_call));
        assert!(roll_call.is_answered().await);
        first.end();
        assert!(roll_call.is_answered().await);
        second.end();
        assert!(!roll_call.is_answered().await);
    }
}
