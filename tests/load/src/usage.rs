//! What a process has used of memory and processors, as Linux tells it under `/proc`.

use std::fs;
use std::iter::Sum;

use serde::Serialize;

/// `/proc/<pid>/stat` counts in hundredths of a second (USER_HZ in proc(5)) on every architecture that Linux runs on
/// today.
const TICKS_IN_A_SECOND: f64 = 100.0;

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usage {
    /// Memory that it has now, in MiB (VmRSS).
    pub resident_mib: f64,
    /// The most that it ever had (VmHWM).
    pub peak_mib: f64,
    /// Time on processors since its start, of all threads, in seconds.
    pub processor_seconds: f64,
}

impl Usage {
    /// Of the process with this id; `None` when it is gone, or the system has no `/proc`.
    pub fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&status, &stat)
    }

    fn parse(status: &str, stat: &str) -> Option<Self> {
        let mib = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kib / 1024.0)
        };
        // The name, in parentheses, may hold blanks and parentheses itself; utime and stime are fields 14 and 15.
        let (_, after_name) = stat.rsplit_once(") ")?;
        let mut times = after_name.split(' ').skip(11);
        let mut ticks = || times.next()?.parse::<f64>().ok();
        let (user, system) = (ticks()?, ticks()?);
        Some(Self {
            resident_mib: mib("VmRSS:")?,
            peak_mib: mib("VmHWM:")?,
            processor_seconds: (user + system) / TICKS_IN_A_SECOND,
        })
    }
}

impl Sum for Usage {
    /// Of several processes together.
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let none = Self { resident_mib: 0.0, peak_mib: 0.0, processor_seconds: 0.0 };
        all.fold(none, |sum, one| Self {
            resident_mib: sum.resident_mib + one.resident_mib,
            peak_mib: sum.peak_mib + one.peak_mib,
            processor_seconds: sum.processor_seconds + one.processor_seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_read() {
        let status = "Name:\tproxy\nVmHWM:\t    4096 kB\nVmRSS:\t    2048 kB\n";
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 500 0 0 0 150 50 0 0 20 0 5 0 100 1000 512";
        let usage = Usage { resident_mib: 2.0, peak_mib: 4.0, processor_seconds: 2.0 };
        assert_eq!(Usage::parse(status, stat), Some(usage));
        assert!(Usage::of(std::process::id()).is_some_and(|usage| usage.resident_mib > 0.0));
    }
}
