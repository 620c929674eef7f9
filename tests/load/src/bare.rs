//! A server that does nothing: actix-web with OpenSSL and a handler that counts addresses up. What a proxy is compared
//! with, on the same machine, under the same load, in a process of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::http::Method;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, to};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslFiletype, SslMethod, SslVerifyMode};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::connection::Target;
use crate::identity::{Identities, SERVER};
use crate::places::Place;
use crate::usage::Usage;

/// The argument that makes the program this server.
pub(crate) const SERVE: &str = "--serve-bare";

/// The subnet that its addresses are in.
const SUBNET: &str = "10.0.0.0/8";

/// A bare server in a process of its own. It ends when it is dropped.
pub struct Bare {
    child: Child,
    target: Target,
    _directory: TempDir,
}

impl Bare {
    /// Starts it: this program again, with another argument.
    ///
    /// # Errors
    /// When the system refuses it.
    pub async fn start(tls: bool, workers: usize) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let identities = Identities::new();
        identities.write(directory.path());
        let mut program = Command::new(std::env::current_exe()?);
        program.arg(SERVE).arg(directory.path()).args(["--workers", &workers.to_string()]);
        if !tls {
            program.arg("--plain");
        }
        let mut child = program.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let line = BufReader::new(output).lines().next_line().await?.unwrap_or_default();
        let address: SocketAddr = line.parse().map_err(io::Error::other)?;
        let target = if tls { Target::tls(address, identities.connector(), SERVER) } else { Target::plain(address) };
        Ok(Self { child, target, _directory: directory })
    }

    /// Where it is.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// The one subnet that it knows.
    pub fn place() -> Place {
        Place::new(SUBNET.parse().expect("a prefix"), None)
    }

    /// What the process has used.
    pub fn usage(&self) -> Option<Usage> {
        self.child.id().and_then(Usage::of)
    }
}

/// Serves until it is killed; says first where.
#[expect(clippy::print_stdout, reason = "tells its address")]
pub(crate) fn serve(directory: &Path, tls: bool, workers: usize) -> io::Result<()> {
    let next = Data::new(AtomicU32::new(0));
    let serving = async {
        let server = HttpServer::new(move || App::new().app_data(next.clone()).default_service(to(answer)));
        let server = server.workers(workers).disable_signals();
        let server =
            if tls { server.bind_openssl("127.0.0.1:0", acceptor(directory)?)? } else { server.bind("127.0.0.1:0")? };
        println!("{}", server.addrs()[0]);
        server.run().await
    };
    actix_web::rt::System::new().block_on(serving)
}

/// The settings of Mozilla's "intermediate", and a client certificate of the authority, as the proxy has it.
fn acceptor(directory: &Path) -> io::Result<SslAcceptorBuilder> {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    acceptor.set_certificate_chain_file(directory.join("server.pem"))?;
    acceptor.set_private_key_file(directory.join("server.key"), SslFiletype::PEM)?;
    acceptor.set_ca_file(directory.join("authority.pem"))?;
    acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    Ok(acceptor)
}

/// The same shapes and about as many bytes as the proxy answers with.
async fn answer(request: HttpRequest, next: Data<AtomicU32>) -> HttpResponse {
    let body = match *request.method() {
        Method::GET if request.path().ends_with("/next_ip") => {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let address = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0001 + (number & 0x00ff_ffff)));
            return json(&format!(r#"{{"data":"{address}"}}"#));
        }
        Method::GET => "false",
        _ => r#"{"message":"IP address 10.0.0.1 is reserved in External IPAM"}"#,
    };
    json(body)
}

fn json(body: &str) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(body.to_owned())
}
