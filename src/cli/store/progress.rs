//! A bar that shows a person at a terminal how far a long command is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ipam_store::{Progress, Step};

/// How often a step without an end shows that it goes on.
const TICK: Duration = Duration::from_millis(200);

/// The bar, on standard error. Where that is no terminal, nothing is written.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        Self(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()))
    }
}

impl Progress for Bar {
    fn begin(&self, step: Step, total: Option<u64>) {
        let doing = match step {
            Step::Reading => "Reading the rows",
            Step::Adding => "Adding addresses",
            Step::Exporting => "Exporting addresses",
            Step::CheckingDatabase => "Checking the database",
            Step::Checking => "Checking addresses",
        };
        let count = if step == Step::Reading { "{bytes}/{total_bytes}" } else { "{human_pos}/{human_len}" };
        let template = match total {
            Some(_) => format!("{doing} {{wide_bar}} {count}, {{eta}} left"),
            None if step == Step::CheckingDatabase => format!("{{spinner}} {doing}, {{elapsed}}"),
            None => format!("{{spinner}} {doing}: {{bytes}}, {{elapsed}}"),
        };
        self.0.set_style(ProgressStyle::with_template(&template).expect("a template of indicatif"));
        self.0.set_length(total.unwrap_or_default());
        self.0.reset();
        match total {
            Some(_) => self.0.disable_steady_tick(),
            None => self.0.enable_steady_tick(TICK),
        }
    }

    fn advance(&self, parts: u64) {
        self.0.inc(parts);
    }
}

impl Drop for Bar {
    /// What is printed next begins on an empty line.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
