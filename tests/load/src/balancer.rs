//! A plain TCP balancer in front of several proxies: each connection goes to the next one that takes it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Takes connections on a port of the loopback. It ends when it is dropped.
pub(crate) struct Balancer {
    address: SocketAddr,
    nodes: Arc<RwLock<Vec<SocketAddr>>>,
    serving: JoinHandle<()>,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Balancer {
    /// Begins to give connections on to these.
    pub(crate) async fn start(nodes: Vec<SocketAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let nodes = Arc::new(RwLock::new(nodes));
        Ok(Self { address, nodes: nodes.clone(), serving: tokio::spawn(serve(listener, nodes)) })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this node is there.
    pub(crate) fn move_to(&self, node: usize, address: SocketAddr) {
        self.nodes.write().unwrap_or_else(PoisonError::into_inner)[node] = address;
    }
}

async fn serve(listener: TcpListener, nodes: Arc<RwLock<Vec<SocketAddr>>>) {
    let turns = Arc::new(AtomicUsize::new(0));
    loop {
        if let Ok((client, _)) = listener.accept().await {
            tokio::spawn(give_on(client, nodes.clone(), turns.clone()));
        }
    }
}

/// Both ways until both sides have ended, or one has reset.
async fn give_on(mut client: TcpStream, nodes: Arc<RwLock<Vec<SocketAddr>>>, turns: Arc<AtomicUsize>) {
    let nodes = nodes.read().unwrap_or_else(PoisonError::into_inner).clone();
    let first = turns.fetch_add(1, Ordering::Relaxed);
    for offset in 0..nodes.len() {
        // One that refuses is passed over, as a balancer does with one that it has found dead.
        let Ok(mut node) = TcpStream::connect(nodes[(first + offset) % nodes.len()]).await else { continue };
        if client.set_nodelay(true).and(node.set_nodelay(true)).is_ok() {
            let _ = copy_bidirectional(&mut client, &mut node).await;
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A server that sends one byte to everybody.
    async fn server(byte: u8) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it listens");
        let serving = async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(&[byte]).await.expect("sent");
            }
        };
        (address, tokio::spawn(serving))
    }

    async fn reached(balancer: &Balancer) -> Option<u8> {
        let mut stream = TcpStream::connect(balancer.address()).await.expect("a connection");
        stream.read_u8().await.ok()
    }

    #[tokio::test]
    async fn connections_go_to_one_after_the_other_and_pass_over_the_dead() {
        let ((one, serving_one), (two, _two)) = (server(1).await, server(2).await);
        let balancer = Balancer::start(vec![one, two]).await.expect("a balancer");
        let mut turns = Vec::new();
        for _ in 0..4 {
            turns.push(reached(&balancer).await);
        }
        assert_eq!(turns, [Some(1), Some(2), Some(1), Some(2)]);
        serving_one.abort();
        let _ = serving_one.await;
        assert_eq!((reached(&balancer).await, reached(&balancer).await), (Some(2), Some(2)));
        let (again, _again) = server(3).await;
        balancer.move_to(0, again);
        assert_eq!((reached(&balancer).await, reached(&balancer).await), (Some(3), Some(2)));
    }
}
