//! Life as a service: what systemd is told, which sockets it passes, which signals are heard, how many connections may be
//! open.

mod limits;
mod notify;
mod roll_call;
mod signals;
mod sockets;
mod watchdog;

pub use self::limits::raise_open_files;
pub use self::notify::Notifier;
pub use self::roll_call::RollCall;
pub use self::signals::{Signal, Signals};
pub use self::sockets::PassedSockets;
pub use self::watchdog::Watchdog;
