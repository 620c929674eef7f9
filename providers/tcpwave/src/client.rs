//! Requests to TCPWave's REST API.
//!
//! The organization goes by its name, under another parameter in nearly every call; so does the subnet.

use std::net::{IpAddr, Ipv4Addr};

use ipam_provider::http::{Answer, Api, HttpClient, Method, Page, pages};
use ipam_provider::{Error, ErrorKind, GroupName, Result, Subnet};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Settings;
use crate::refusal::{error, not_understood, number};
use crate::vendor::{
    ADD, Call, DELETE, EDIT, FREE_RANGES, NETWORKS, OBJECT_EXISTS, OBJECTS, ORGANIZATIONS, SESSION_TOKEN, SUBNET,
    SUBNET_OF_ADDRESS, SUBNETS, WHAT,
};
use crate::wire::{
    self, Deletion, FilterRule, NetworkRow, NewObject, Object, OrganizationRow, PAGE, RangeRow, SubnetRow,
};

/// A subnet as requests name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) organization: &'a GroupName,
    /// Its first address, without a mask.
    pub(crate) first: Ipv4Addr,
}

impl<'a> Place<'a> {
    /// That of a subnet which this provider has found.
    pub(crate) fn of(subnet: &'a Subnet) -> Result<Self> {
        match (&subnet.group, subnet.prefix.network()) {
            (Some(organization), IpAddr::V4(first)) => Ok(Self { organization, first }),
            _ => Err(subnet.gone(WHAT)),
        }
    }
}

/// Asks TCPWave in the name of the administrator of the certificate or token.
#[derive(Debug, Clone)]
pub(crate) struct Client(Api);

impl Client {
    /// A client of these settings. Does no network.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let api = Api::new(HttpClient::new(WHAT, &settings.http)?, error);
        Ok(Self(match settings.session() {
            Some(token) => api.with_header(SESSION_TOKEN, token),
            None => api,
        }))
    }

    /// All organizations.
    pub(crate) async fn organizations(&self) -> Result<Vec<OrganizationRow>> {
        self.read(ORGANIZATIONS, &[], wire::list).await
    }

    /// The networks of all organizations.
    pub(crate) async fn networks(&self) -> Result<Vec<NetworkRow>> {
        pages(WHAT, |start| self.networks_from(start, PAGE)).await
    }

    /// One page of them.
    pub(crate) async fn networks_from(&self, start: usize, length: usize) -> Result<Page<NetworkRow>> {
        self.page(NETWORKS, &[("sort", "name"), ("order", "asc")], start, length).await
    }

    /// The subnets of a network.
    pub(crate) async fn subnets(&self, network: Place<'_>) -> Result<Vec<SubnetRow>> {
        pages(WHAT, |start| self.subnets_from(network, start, PAGE)).await
    }

    /// One page of them.
    pub(crate) async fn subnets_from(
        &self,
        network: Place<'_>,
        start: usize,
        length: usize,
    ) -> Result<Page<SubnetRow>> {
        let first = network.first.to_string();
        let of = [("network_address", first.as_str()), ("org_name", network.organization.as_str())];
        let query = [&of[..], &[("sort", "fullAddress"), ("order", "asc")]].concat();
        self.page(SUBNETS, &query, start, length).await
    }

    /// The subnet. Whether one that does not exist is a refusal or `None` is not known.
    pub(crate) async fn subnet(&self, at: Place<'_>) -> Result<Option<SubnetRow>> {
        let query = [("subnet_address", &*at.first.to_string()), ("org_name", at.organization.as_str())];
        self.read(SUBNET, &query, wire::one).await
    }

    /// The subnet that the address is in; as for [`subnet`](Self::subnet), it may be refused.
    pub(crate) async fn subnet_of(&self, organization: &GroupName, address: Ipv4Addr) -> Result<Option<SubnetRow>> {
        let query = [("address", &*address.to_string()), ("organization", organization.as_str())];
        self.read(SUBNET_OF_ADDRESS, &query, wire::one).await
    }

    /// The objects of a subnet, or, where the filter is heeded, those whose address contains the text of this one.
    pub(crate) async fn objects<T: Object>(&self, of: Place<'_>, like: Option<Ipv4Addr>) -> Result<Vec<(Ipv4Addr, T)>> {
        let rows = pages(WHAT, |start| self.objects_from(of, like, start, PAGE)).await?;
        let taken = rows.into_iter().filter(|row: &T| row.row().is_taken()).map(|row| {
            let odd = || Error::new(ErrorKind::Unexpected, format!("{WHAT} lists an object without an address"));
            Ok((row.row().address().ok_or_else(odd)?, row))
        });
        taken.collect()
    }

    /// One page of them, free addresses included.
    pub(crate) async fn objects_from<T: Object>(
        &self,
        of: Place<'_>,
        like: Option<Ipv4Addr>,
        start: usize,
        length: usize,
    ) -> Result<Page<T>> {
        let subnet = of.first.to_string();
        let rule = like.map(|like| [FilterRule { field: "address", op: "contains", value: like.to_string() }]);
        let rules = rule.map(|rule| serde_json::to_string(&rule).expect("texts are JSON"));
        let mut query = vec![("subnet_address", subnet.as_str()), ("orgName", of.organization.as_str()), ("draw", "0")];
        query.extend(rules.as_deref().map(|rules| ("filterRules", rules)));
        self.page(OBJECTS, &query, start, length).await
    }

    /// Is there an object of this address?
    pub(crate) async fn exists(&self, organization: &GroupName, address: Ipv4Addr) -> Result<bool> {
        let query = [("address", &*address.to_string()), ("organization_name", organization.as_str())];
        self.read(OBJECT_EXISTS, &query, wire::exists).await
    }

    /// The free addresses of a subnet.
    pub(crate) async fn free_ranges(&self, of: Place<'_>) -> Result<Vec<RangeRow>> {
        let query = [("subnet_address", &*of.first.to_string()), ("organization_name", of.organization.as_str())];
        self.read(FREE_RANGES, &query, wire::list).await
    }

    /// Adds an object. [`Rejected`](ErrorKind::Rejected) for whatever reason TCPWave has, a taken address among them.
    pub(crate) async fn add(&self, new: &NewObject) -> Result<()> {
        self.write(ADD, new).await
    }

    /// Replaces an object, which the body names. [`Rejected`](ErrorKind::Rejected) for whatever reason TCPWave has.
    pub(crate) async fn edit(&self, whole: &Map<String, Value>) -> Result<()> {
        self.write(EDIT, whole).await
    }

    /// Deletes the object of an address and its resource records.
    pub(crate) async fn delete(&self, organization: &GroupName, address: Ipv4Addr) -> Result<()> {
        let organization_name = organization.as_str();
        self.write(DELETE, &Deletion { addresses: &[address], organization_name, with_records: 1 }).await
    }

    /// May objects be added? One of nothing is refused for what it lacks.
    pub(crate) async fn may_add(&self) -> Result<()> {
        unless_not_allowed(self.add(&NewObject::default()).await)
    }

    /// May objects be changed? One of nothing is refused for what it lacks.
    pub(crate) async fn may_edit(&self) -> Result<()> {
        unless_not_allowed(self.edit(&Map::new()).await)
    }

    /// May objects be deleted? None are named.
    pub(crate) async fn may_delete(&self) -> Result<()> {
        let nothing = Deletion { addresses: &[], organization_name: "", with_records: 0 };
        unless_not_allowed(self.write(DELETE, &nothing).await)
    }

    async fn page<T: DeserializeOwned + Send + 'static>(
        &self,
        call: Call,
        query: &[(&str, &str)],
        start: usize,
        length: usize,
    ) -> Result<Page<T>> {
        let (from, at_most) = (start.to_string(), length.to_string());
        let query = [query, &[("start", from.as_str()), ("length", at_most.as_str())]].concat();
        let (rows, count) = self.read(call, &query, wire::page::<T>).await?;
        let has_next = (start + rows.len()) < usize::try_from(count).unwrap_or(usize::MAX);
        Ok(Page { rows, count: Some(count), has_next })
    }

    /// An answer in one of the shapes that `parse` knows.
    async fn read<T: Send + 'static>(
        &self,
        call: Call,
        query: &[(&str, &str)],
        parse: fn(&[u8]) -> Option<T>,
    ) -> Result<T> {
        let request = self.0.request(Method::GET, &call.path);
        let answer = self.0.send(query.iter().fold(request, |request, (key, value)| request.query(key, value))).await?;
        if !answer.is_success() || number(&answer).is_some() {
            return Err(self.refused(&answer, call));
        }
        answer.read_with(move |answer| parse(&answer.body).ok_or_else(|| not_understood(&answer))).await
    }

    /// A success is 200, 201 or 204; what it says is not documented and not needed. A page for people is none.
    async fn write(&self, call: Call, body: &impl Serialize) -> Result<()> {
        let answer = self.0.post(&call.path, body).await?;
        if !answer.is_success() || number(&answer).is_some() {
            return Err(self.refused(&answer, call));
        }
        if answer.body.trim_ascii_start().starts_with(b"<") { Err(not_understood(&answer)) } else { Ok(()) }
    }

    fn refused(&self, answer: &Answer, call: Call) -> Error {
        match number(answer) {
            Some(_) => self.0.error(answer, call.right),
            None => self.0.collection_error(answer, call.right),
        }
    }
}

/// Any refusal but those of the credentials shows that they suffice.
fn unless_not_allowed(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Unreachable) => Err(error),
        _ => Ok(()),
    }
}
