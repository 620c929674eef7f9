//! A way to an IPAM that can be made longer: answers come later, while what they answer is done at once.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// Takes connections on a port of the loopback and gives on what is said. It ends when it is dropped.
pub(crate) struct Relay {
    address: SocketAddr,
    delay: watch::Sender<Duration>,
    // Dropped to end the relay's thread.
    _end: oneshot::Sender<()>,
}

impl Relay {
    /// Begins to give on to the server at this URL.
    pub(crate) fn start(url: &str) -> Self {
        let server: SocketAddr = url.trim_start_matches("http://").parse().expect("the URL of a simulator");
        let (delay, delays) = watch::channel(Duration::ZERO);
        let (end, ended) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                tell.send(listener.local_addr().expect("it listens")).expect("somebody waits");
                tokio::select! {
                    () = serve(listener, server, delays) => {}
                    _ = ended => {}
                }
            });
        });
        Self { address: told.recv().expect("the relay starts"), delay, _end: end }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on answers take so much longer.
    pub(crate) fn delay(&self, by: Duration) {
        self.delay.send_replace(by);
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, delays: watch::Receiver<Duration>) {
    loop {
        if let Ok((client, _)) = listener.accept().await {
            tokio::spawn(give_on(client, server, delays.clone()));
        }
    }
}

/// Both ways until either side ends. A server that is gone, or resets a connection, does so to the client as well.
async fn give_on(client: TcpStream, server: SocketAddr, delays: watch::Receiver<Duration>) {
    let Ok(server) = TcpStream::connect(server).await else { return reset(&client) };
    let is_set = client.set_nodelay(true).and(server.set_nodelay(true));
    is_set.expect("an option");
    let (mut client_reads, mut client_writes) = client.into_split();
    let (mut server_reads, mut server_writes) = server.into_split();
    let questions = async {
        let _ = copy(&mut client_reads, &mut server_writes).await;
        let _ = server_writes.shutdown().await;
    };
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match server_reads.read(&mut buffer).await {
                Ok(0) => return true,
                Ok(length) => {
                    let delay = *delays.borrow();
                    if !delay.is_zero() {
                        tokio::time::sleep(delay).await;
                    }
                    if client_writes.write_all(&buffer[..length]).await.is_err() {
                        return true;
                    }
                }
                Err(_) => return false,
            }
        }
    };
    // When the server has ended the connection, nothing that the client still says is of any use.
    let ended_well = tokio::select! {
        ended_well = answers => ended_well,
        () = async { questions.await; std::future::pending().await } => true,
    };
    if !ended_well {
        reset(client_writes.as_ref());
    }
}

/// The client is to see a reset, not an end.
fn reset(client: &TcpStream) {
    #[expect(deprecated, reason = "a linger of zero does not block, which is why lingering is deprecated")]
    let lingering = client.set_linger(Some(Duration::ZERO));
    lingering.expect("an option");
}
