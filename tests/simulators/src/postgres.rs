//! A PostgreSQL of a test's own, in a temporary directory, reached through a socket there.
//!
//! It is the real server, from the machine's packages. A test without it says so on standard error, and ends.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where Debian and its relatives keep the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The programs that are needed.
const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "psql"];

/// The user that root lets the server run as: it refuses root.
const USER: &str = "postgres";

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// As by its service: connections are ended, what is committed is written.
    Fast,
    /// As by `kill -9`: the next start recovers.
    Immediate,
}

/// A server with a database `ipam` and its owner `ipam`.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    directory: PathBuf,
    user: Option<(u32, u32)>,
    options: String,
    /// Ends the server and removes its directory when this process ends, however it ends: its input is closed then.
    guard: Child,
}

/// Are the server's programs installed?
pub fn is_installed() -> bool {
    programs().is_some()
}

impl Server {
    /// A server that runs, or `None` where the programs are not installed. Then standard error says that the test was
    /// skipped.
    pub fn start() -> Option<Self> {
        Self::start_with("-c fsync=off")
    }

    /// As [`start`](Self::start), with options of the server, such as `-c max_connections=20`.
    pub fn start_with(options: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("SKIPPED: PostgreSQL's programs initdb, pg_ctl and psql are not installed");
            return None;
        };
        let directory = std::env::temp_dir().join(format!("ipam-pg-{}", unique()));
        fs::create_dir(&directory).expect("a temporary directory");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("the directory is ours");
        let is_root = fs::metadata(&directory).expect("it is there").uid() == 0;
        let user = is_root.then(|| (id("-u"), id("-g")));
        if let Some((uid, gid)) = user {
            chown(&directory, Some(uid), Some(gid)).expect("root may give it away");
        }
        let stop = programs.join("pg_ctl");
        let guard = Command::new("sh")
            .args(["-c", r#"cat >/dev/null; "$0" -D "$1/data" -m immediate stop >/dev/null 2>&1; rm -rf "$1""#])
            .args([stop.as_os_str(), directory.as_os_str()])
            .stdin(Stdio::piped())
            // Not ended by a signal to the test's whole group.
            .process_group(0)
            .as_user(user)
            .spawn()
            .expect("a shell");
        let sockets = directory.display();
        let options = format!("-k {sockets} -c listen_addresses= {options}");
        let server = Self { programs, directory, user, options, guard };
        let initdb = ["--username=ipam", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"];
        server.run("initdb", &initdb, &[&server.data()]);
        server.start_again();
        server.sql("postgres", "CREATE DATABASE ipam");
        Some(server)
    }

    /// The URL of the database `ipam`.
    pub fn url(&self) -> String {
        self.url_through(&self.directory, "ipam", "ipam")
    }

    /// The URL of a database for a user, through a socket in another directory.
    pub fn url_through(&self, directory: &Path, user: &str, database: &str) -> String {
        let directory = directory.display().to_string().replace('/', "%2F");
        format!("postgresql://{user}@{directory}/{database}")
    }

    /// The directory that the socket is in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes a file that only the server can read, in its directory.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        fs::write(&path, text).expect("the directory is there");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
        if let Some((uid, gid)) = self.user {
            chown(&path, Some(uid), Some(gid)).expect("root may give it away");
        }
        path
    }

    /// Starts it again with more options.
    pub fn restart_with(&mut self, options: &str) {
        self.stop(Stop::Fast);
        self.options = format!("{} {options}", self.options);
        self.start_again();
    }

    /// Stops the server.
    pub fn stop(&self, how: Stop) {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        self.run("pg_ctl", &["stop", "-w", "-m", mode, "-D"], &[&self.data()]);
    }

    /// Starts it again.
    pub fn start_again(&self) {
        let log = self.directory.join("log");
        self.run(
            "pg_ctl",
            &["start", "-w", "-t", "120", "-o", &self.options, "-D"],
            &[&self.data(), Path::new("-l"), &log],
        );
    }

    /// Runs a statement, and returns what it prints.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let options =
            ["--no-psqlrc", "-tAq", "-v", "ON_ERROR_STOP=1", "-U", "ipam", "-d", database, "-c", statement, "-h"];
        self.run("psql", &options, &[&self.directory])
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn run(&self, program: &str, options: &[&str], paths: &[&Path]) -> String {
        let mut command = Command::new(self.programs.join(program));
        command.args(options).args(paths).current_dir(&self.directory).stdin(Stdio::null());
        // The server keeps what it inherits: a pipe would not end.
        let output = self.directory.join(format!("{program}.{}", unique()));
        let file = fs::File::create(&output).expect("the directory is there");
        let errors = file.try_clone().expect("a second handle");
        let status = command.stdout(file).stderr(errors).as_user(self.user).status().expect("the program is installed");
        let said = fs::read_to_string(&output).unwrap_or_default();
        let _ = fs::remove_file(&output);
        let log = || fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        assert!(status.success(), "{program} {options:?} failed: {said}\n{}", log());
        said.trim_end().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

trait AsUser {
    fn as_user(&mut self, user: Option<(u32, u32)>) -> &mut Self;
}

impl AsUser for Command {
    fn as_user(&mut self, user: Option<(u32, u32)>) -> &mut Self {
        if let Some((uid, gid)) = user {
            self.uid(uid).gid(gid);
        }
        self
    }
}

/// The directory with the programs of the newest version.
fn programs() -> Option<PathBuf> {
    let of_version =
        |entry: fs::DirEntry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")));
    let mut versions: Vec<_> = fs::read_dir(DEBIAN).into_iter().flatten().flatten().filter_map(of_version).collect();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).collect::<Vec<_>>();
    let mut places = versions.into_iter().rev().map(|(_, place)| place).chain(others);
    places.find(|place| NEEDED.iter().all(|program| place.join(program).is_file()))
}

fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, USER]).output().expect("id is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim().parse().expect("PostgreSQL's package makes its user")
}

fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
