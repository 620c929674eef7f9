//! Panics in the log: one error with the backtrace beside it, instead of loose text on standard error.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};

thread_local! {
    /// The backtrace of the record that this thread is about to log; `log` has no place for one.
    static BACKTRACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has every panic logged from now on.
pub(super) fn log_from_now_on() {
    panic::set_hook(Box::new(report));
}

/// The backtrace that belongs to the record being logged on this thread.
pub(super) fn take_backtrace() -> Option<String> {
    BACKTRACE.try_with(|backtrace| backtrace.try_borrow_mut().ok()?.take()).ok().flatten()
}

fn report(info: &PanicHookInfo<'_>) {
    let message = describe(info.payload());
    let place = info.location().map(|location| format!(" at {location}")).unwrap_or_default();
    let backtrace = super::line::one_line(Backtrace::force_capture());
    with_backtrace(backtrace, || log::error!("Panic{place}: {message}. This is a bug, please report it."));
    // The process may be about to end.
    log::logger().flush();
}

fn with_backtrace(backtrace: String, log: impl FnOnce()) {
    BACKTRACE.set(Some(backtrace));
    log();
    // A logger that ignored the record must not leave the backtrace to the next one.
    BACKTRACE.set(None);
}

fn describe(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backtrace_belongs_to_one_record() {
        with_backtrace("main".to_owned(), || {
            assert_eq!(take_backtrace().as_deref(), Some("main"));
            assert_eq!(take_backtrace(), None);
        });
        with_backtrace("unread".to_owned(), || {});
        assert_eq!(take_backtrace(), None);
    }

    #[test]
    fn panics_are_described_whatever_they_carry() {
        assert_eq!(describe(&"text"), "text");
        assert_eq!(describe(&"text".to_owned()), "text");
        assert_eq!(describe(&5), "no message");
    }
}
