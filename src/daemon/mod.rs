//! Life as a service: what systemd is told, which sockets it passes, which signals are heard, how many connections may be
//! open.

mod limits;
mod notify;
mod roll_call;
mod signals;
mod sockets;
mod watchdog;

pub(crate) use self::limits::raise_open_files;
pub(crate) use self::notify::Notifier;
pub(crate) use self::roll_call::RollCall;
pub(crate) use self::signals::{Signal, Signals};
pub(crate) use self::sockets::PassedSockets;
pub(crate) use self::watchdog::Watchdog;
