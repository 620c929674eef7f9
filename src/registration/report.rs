//! The report template with which all addresses are read from Foreman at once.

use serde_json::json;

use super::records::{Done, Record, delete, ids, save};
use crate::foreman_api::{Error, Foreman, REPORT_TEMPLATE, REPORT_TEXT};

/// Where the templates are.
const REPORT_TEMPLATES: &str = "report_templates";

/// Creates the template in all organizations and locations, or changes the one that is there.
///
/// It is a default, so that Foreman adds it to new organizations and locations. A user who is in all of them and in those of
/// the template alike sees everything: the template must be in all, and only an administrator sees all.
///
/// # Errors
/// When Foreman cannot be asked or refuses, and for a user who is no administrator.
pub(crate) async fn create(foreman: &Foreman) -> Result<Vec<Done>, Error> {
    if !foreman.is_admin().await? {
        return Err(Error::Unusable(format!(
            "{} is no administrator and may not see all organizations and locations, which the report template must be in; take \
             an administrator for this command",
            foreman.who()
        )));
    }
    let mut done = Vec::new();
    let template = json!({
        "name": REPORT_TEMPLATE, "template": REPORT_TEXT, "default": true, "snippet": false,
        "organization_ids": ids(foreman, "organizations").await?, "location_ids": ids(foreman, "locations").await?,
    });
    let known = known(foreman).await?;
    save(foreman, "report_template", known.as_ref(), template, &mut done).await?;
    Ok(done)
}

/// Removes the template. Another proxy that uses it reads host by host then.
///
/// # Errors
/// When Foreman cannot be asked or refuses.
pub(crate) async fn remove(foreman: &Foreman) -> Result<Vec<Done>, Error> {
    let mut done = Vec::new();
    if let Some(record) = known(foreman).await? {
        delete(foreman, REPORT_TEMPLATES, record, &mut done).await?;
    }
    Ok(done)
}

async fn known(foreman: &Foreman) -> Result<Option<Record>, Error> {
    let search = format!("name = \"{REPORT_TEMPLATE}\"");
    let found: Vec<Record> = foreman.list(&[REPORT_TEMPLATES], &[("search", &search)]).await?;
    Ok(found.into_iter().find(|record| record.name == REPORT_TEMPLATE))
}
