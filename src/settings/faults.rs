//! Everything that is wrong with the settings.

use std::fmt;

use ipam_provider::settings::Problem;

/// All faults of all files, sorted by file and key; never empty. `Display` writes one a line and shows no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Faults(Vec<Problem>);

impl Faults {
    pub(super) fn new(mut faults: Vec<Problem>) -> Self {
        faults.sort();
        faults.dedup();
        Self(faults)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
