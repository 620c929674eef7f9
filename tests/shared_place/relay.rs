//! A relay between a place and the database that loses a commit, or its answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

const PASS: u8 = 0;
const LOSE_COMMIT: u8 = 1;
const LOSE_ANSWER: u8 = 2;

/// The message that ends a transaction, as a simple query.
const COMMIT: &[u8] = b"COMMIT\0";

pub(crate) struct Relay {
    directory: PathBuf,
    fault: Arc<AtomicU8>,
    lost: Arc<AtomicUsize>,
}

impl Relay {
    /// A relay to the socket in `server`.
    pub(crate) fn start(server: &Path) -> Self {
        let directory = server.join(format!("relay-{}", std::process::id()));
        std::fs::create_dir(&directory).expect("a directory");
        let listener = UnixListener::bind(directory.join(".s.PGSQL.5432")).expect("a socket");
        let (fault, lost) = (Arc::new(AtomicU8::new(PASS)), Arc::new(AtomicUsize::new(0)));
        let target = server.join(".s.PGSQL.5432");
        let shared = (fault.clone(), lost.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (fault, lost) = shared.clone();
                tokio::spawn(relay(client, target.clone(), fault, lost));
            }
        });
        Self { directory, fault, lost }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The next commit does not reach the database.
    pub(crate) fn lose_next_commit(&self) {
        self.fault.store(LOSE_COMMIT, Ordering::SeqCst);
    }

    /// The answer to the next commit does not come back.
    pub(crate) fn lose_next_answer(&self) {
        self.fault.store(LOSE_ANSWER, Ordering::SeqCst);
    }

    /// Loses commits and answers in turn while others commit, and waits for each of them, however slow the machine is.
    pub(crate) async fn lose_many(&self) {
        for round in 0..20 {
            if round % 2 == 0 {
                self.lose_next_answer();
            } else {
                self.lose_next_commit();
            }
            while self.lost() <= round {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many were lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

async fn relay(mut client: UnixStream, target: PathBuf, fault: Arc<AtomicU8>, lost: Arc<AtomicUsize>) {
    let Ok(mut server) = UnixStream::connect(target).await else { return };
    let (mut from_client, mut from_server) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            count = client.read(&mut from_client) => {
                let Ok(count @ 1..) = count else { return };
                let sent = &from_client[..count];
                let is_commit = sent.windows(COMMIT.len()).any(|bytes| bytes == COMMIT);
                let fault = if is_commit { fault.swap(PASS, Ordering::SeqCst) } else { PASS };
                if fault == LOSE_COMMIT {
                    lost.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                if server.write_all(sent).await.is_err() {
                    return;
                }
                if fault == LOSE_ANSWER {
                    lost.fetch_add(1, Ordering::SeqCst);
                    // Before, the commit itself could still be lost: whether it has taken effect may be looked up, and
                    // decided, before the database comes to it.
                    let _answer = server.read(&mut from_server).await;
                    return;
                }
            }
            count = server.read(&mut from_server) => {
                let Ok(count @ 1..) = count else { return };
                if client.write_all(&from_server[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
