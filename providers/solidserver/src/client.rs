//! Requests to SOLIDserver's services: everything is in the query, and nothing in a body.

use std::net::IpAddr;

use ipam_provider::http::{Answer, Api, HttpClient, Method, Page, pages};
use ipam_provider::{Error, ErrorKind, Result};

use crate::Settings;
use crate::condition::Condition;
use crate::credentials::Credentials;
use crate::refusal::{error, lacks_parameter, lacks_right, refused_row};
use crate::vendor::{Family, Part, SPACES, WHAT};
use crate::wire::{PAGE, Refusal, Row, RowList, SMALLEST_PAGE};

/// Asks SOLIDserver in the name of a user.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    api: Api,
    credentials: Credentials,
}

impl Client {
    /// A client of these settings. Does no network.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let http = HttpClient::new(WHAT, &settings.http)?;
        Ok(Self { api: Api::new(http, error), credentials: Credentials::of(settings) })
    }

    async fn ask(&self, method: Method, part: Part, service: &str, parameters: &[(&str, &str)]) -> Result<Answer> {
        let request = self.api.request(method, &[part.as_str(), service]);
        let request = parameters.iter().fold(request, |request, (name, value)| request.query(name, value));
        Ok(self.api.send(self.credentials.show(request)).await?)
    }

    /// The rows of an answer.
    async fn rows(&self, answer: Answer, service: &str) -> Result<Vec<Row>> {
        match answer.status {
            204 => Ok(Vec::new()),
            200 | 201 => {
                let rows = answer.into_json::<RowList>().await?.0;
                match rows.first().and_then(Refusal::of) {
                    Some(refusal) => Err(refused_row(&refusal, service)),
                    None => Ok(rows),
                }
            }
            _ => Err(self.api.collection_error(&answer, service)),
        }
    }

    /// All rows of a list that the condition leaves, over all pages, by this field.
    pub(crate) async fn list(&self, service: &str, condition: &Condition, order: &str) -> Result<Vec<Row>> {
        let page = |offset: usize| async move {
            let (limit, offset) = (PAGE.to_string(), offset.to_string());
            let mut parameters = vec![("ORDERBY", order), ("limit", limit.as_str()), ("offset", offset.as_str())];
            parameters.extend(condition.as_text().map(|text| ("WHERE", text)));
            let answer = self.ask(Method::GET, Part::Rest, service, &parameters).await?;
            let rows = self.rows(answer, service).await?;
            Ok(Page { has_next: rows.len() >= SMALLEST_PAGE, count: None, rows })
        };
        pages(WHAT, page).await
    }

    /// The first rows of a list that the condition leaves, by this field, and whether there may be more.
    pub(crate) async fn first(
        &self,
        service: &str,
        condition: &Condition,
        order: &str,
        at_most: usize,
    ) -> Result<(Vec<Row>, bool)> {
        let at_most = at_most.min(PAGE);
        let limit = at_most.to_string();
        let mut parameters = vec![("ORDERBY", order), ("limit", limit.as_str())];
        parameters.extend(condition.as_text().map(|text| ("WHERE", text)));
        let answer = self.ask(Method::GET, Part::Rest, service, &parameters).await?;
        let rows = self.rows(answer, service).await?;
        let has_more = rows.len() >= at_most.min(SMALLEST_PAGE);
        Ok((rows, has_more))
    }

    /// At most `at_most` free addresses of the network of this id, from an address on.
    pub(crate) async fn find_free(
        &self,
        family: &Family,
        network: &str,
        at_most: usize,
        from: Option<IpAddr>,
    ) -> Result<Vec<Row>> {
        let (at_most, from) = (at_most.to_string(), from.map(|from| from.to_string()));
        let mut parameters = vec![(family.network_id, network), ("max_find", at_most.as_str())];
        parameters.extend(from.as_deref().map(|from| ("begin_addr", from)));
        let answer = self.ask(Method::GET, Part::Rpc, family.find_free, &parameters).await?;
        self.rows(answer, family.find_free).await
    }

    /// Adds an address. With `add_flag=new_only` SOLIDserver refuses one that is there.
    pub(crate) async fn add(&self, family: &Family, record: &[(&'static str, String)]) -> Result<()> {
        let mut parameters: Vec<(&str, &str)> = record.iter().map(|(name, value)| (*name, value.as_str())).collect();
        parameters.push(("add_flag", "new_only"));
        let answer = self.ask(Method::POST, Part::Rest, family.add, &parameters).await?;
        let rows = self.rows(answer, family.add).await?;
        match rows.first().and_then(|row| row.get("ret_oid")) {
            Some(_) => Ok(()),
            None => {
                let text = format!("{WHAT} does not say whether it has added the address");
                Err(Error::new(ErrorKind::Unexpected, text))
            }
        }
    }

    /// Changes the address of this id; parameters that are not sent stay.
    pub(crate) async fn edit(&self, family: &Family, id: &str, changes: &[(&'static str, String)]) -> Result<()> {
        let mut parameters = vec![(family.address_id, id), ("add_flag", "edit_only")];
        parameters.extend(changes.iter().map(|(name, value)| (*name, value.as_str())));
        let answer = self.ask(Method::PUT, Part::Rest, family.add, &parameters).await?;
        let rows = self.rows(answer, family.add).await?;
        match rows.first().and_then(|row| row.get("ret_oid")) {
            Some(_) => Ok(()),
            None => {
                let text = format!("{WHAT} does not say whether it has changed the address");
                Err(Error::new(ErrorKind::Unexpected, text))
            }
        }
    }

    /// Deletes the address of this id.
    pub(crate) async fn delete(&self, family: &Family, id: &str) -> Result<()> {
        let answer = self.ask(Method::DELETE, Part::Rest, family.delete, &[(family.address_id, id)]).await?;
        self.rows(answer, family.delete).await.map(drop)
    }

    /// Is SOLIDserver there, and does it take the credentials? The inner result is whether the user may list spaces.
    pub(crate) async fn reach(&self) -> Result<Result<()>> {
        let answer = self.ask(Method::GET, Part::Rest, SPACES, &[("limit", "1")]).await?;
        if lacks_right(&answer) {
            return Ok(Err(self.api.collection_error(&answer, SPACES)));
        }
        self.rows(answer, SPACES).await.map(|_| Ok(()))
    }

    /// May the user use this list?
    pub(crate) async fn may_list(&self, service: &str) -> Result<()> {
        let answer = self.ask(Method::GET, Part::Rest, service, &[("limit", "1")]).await?;
        self.rows(answer, service).await.map(drop)
    }

    /// May the user use this service? It is asked without what it needs, which it says after the right was checked.
    pub(crate) async fn may_use(&self, method: Method, part: Part, service: &str) -> Result<()> {
        // Should a service need nothing, it adds nothing that is there already.
        let answer = self.ask(method, part, service, &[("add_flag", "new_only")]).await?;
        if lacks_parameter(&answer) { Ok(()) } else { self.rows(answer, service).await.map(drop) }
    }
}
