//! The report over all addresses: its template in Foreman, and what it returns.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::super::wire::{ReportRow, ReportTemplate};
use super::super::{Error, Foreman};

/// The template's name in Foreman, where it is unique.
pub(crate) const REPORT_TEMPLATE: &str = "foreman-ipam-proxy - addresses";

/// What the template is.
pub(crate) const TEXT: &str = include_str!("../../../packaging/foreman-reports/addresses.erb");

#[derive(Debug, Deserialize)]
struct Id {
    id: u64,
}

impl Foreman {
    /// The template, with its text; `None` when Foreman does not have it, or the user may not see it.
    pub(super) async fn report_template(&self) -> Result<Option<ReportTemplate>, Error> {
        let search = format!("name = \"{REPORT_TEMPLATE}\"");
        let found: Vec<Id> = self.list(&["report_templates"], &[("search", &search)]).await?;
        match found.first() {
            Some(template) => self.find(&["report_templates", &template.id.to_string()]).await,
            None => Ok(None),
        }
    }

    /// The report.
    pub(super) async fn report(&self, template: u64) -> Result<Vec<ReportRow>, Error> {
        let path = ["report_templates", &template.to_string(), "generate"];
        let answer = self.call(Method::POST, &path, Some(&json!({"report_format": "json"}))).await?;
        self.understood(answer.body)
    }
}

/// Is the text ours? A template with another one may leave out hosts.
pub(super) fn is_ours(text: &str) -> bool {
    text.lines().map(str::trim_end).eq(TEXT.lines().map(str::trim_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_somebody_changed_is_not_ours() {
        assert!(is_ours(TEXT) && is_ours(&TEXT.replace('\n', "\r\n")) && is_ours(TEXT.trim_end()));
        assert!(!is_ours(&TEXT.replace("load_hosts(", "load_hosts(search: 'build = true', ")));
        assert!(!is_ours(""));
    }
}
