//! `POST Invoke/IPAM.SubnetManagement/<verb>` with a list of arguments by position.
//!
//! An address that is taken can be given any status again: the verbs check nothing. Only a reservation that is started takes an
//! address that was available, in one step.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;

use super::state::{AVAILABLE, State, status_of};
use super::{Site, fault};
use crate::Response;

const MINUTES: u64 = 10;

type Outcome = Result<Value, String>;

pub(super) fn invoke(state: &mut State, site: &Site, entity: &str, verb: &str, body: Option<&Value>) -> Response {
    if !entity.eq_ignore_ascii_case("IPAM.SubnetManagement") {
        return fault(400, "System.ArgumentException", &format!("Verb {entity}.{verb} cannot be found"));
    }
    let Some(Value::Array(arguments)) = body else {
        return fault(400, "System.Runtime.Serialization.SerializationException", "Arguments must be an array");
    };
    let name = format!("{entity}.{verb}");
    let outcome = match verb.to_lowercase().as_str() {
        "getfirstavailableip" => Call { arguments, group_at: None }.first_available(state),
        "getfirstavailableipforgroup" => Call { arguments, group_at: Some(2) }.first_available(state),
        "startipreservation" => Call { arguments, group_at: None }.start(state, site, 2),
        "startipreservationforgroup" => Call { arguments, group_at: Some(2) }.start(state, site, 3),
        "finishipreservation" => Call { arguments, group_at: None }.finish(state),
        "finishipreservationforgroup" => Call { arguments, group_at: Some(2) }.finish(state),
        "cancelipreservation" => Call { arguments, group_at: None }.cancel(state),
        "cancelipreservationforgroup" => Call { arguments, group_at: Some(1) }.cancel(state),
        "changeipstatus" => Call { arguments, group_at: None }.change(state),
        "changeipstatusforgroup" => Call { arguments, group_at: Some(2) }.change(state),
        _ => Err("the verb cannot be found".to_owned()),
    };
    match outcome {
        Ok(value) => Response::json(200, &value),
        Err(text) => fault(400, "System.ServiceModel.FaultException", &format!("Verb {name}: {text}")),
    }
}

struct Call<'a> {
    arguments: &'a [Value],
    /// Where the name of the hierarchy group is.
    group_at: Option<usize>,
}

impl Call<'_> {
    fn text(&self, at: usize) -> Result<&str, String> {
        let text = self.arguments.get(at).and_then(Value::as_str);
        text.ok_or_else(|| format!("argument {at} is no string"))
    }

    fn address(&self, at: usize) -> Result<IpAddr, String> {
        self.text(at)?.parse().map_err(|_| "An invalid IP address was specified.".to_owned())
    }

    fn hierarchy(&self) -> Result<Option<&str>, String> {
        self.group_at.map(|at| self.text(at)).transpose()
    }

    /// The subnet of the first two arguments.
    fn subnet(&self, state: &State) -> Result<i64, String> {
        let (network, length) = (self.address(0)?, self.text(1)?);
        let length: u8 = length.parse().map_err(|_| "the CIDR is no number".to_owned())?;
        let around = state.subnets_around(network, self.hierarchy()?);
        let mut same = around.into_iter().filter(|id| {
            let subnet = &state.subnets[id];
            (subnet.network, subnet.length) == (network, length)
        });
        same.next().ok_or_else(|| "subnet not found".to_owned())
    }

    /// The first row of the address, whatever subnet it is in.
    fn node(&self, state: &State) -> Result<i64, String> {
        let address = self.address(0)?;
        let around = state.subnets_around(address, self.hierarchy()?);
        let mut nodes = around.into_iter().filter_map(|subnet| state.nodes.get(&(subnet, address)));
        nodes.next().map(|node| node.id).ok_or_else(|| "IP node not found".to_owned())
    }

    fn first_available(&self, state: &State) -> Outcome {
        let subnet = self.subnet(state)?;
        let node = available(state, subnet, None).and_then(|id| state.by_id.get(&id));
        node.map(|(_, address)| address.to_string().into()).ok_or_else(|| "no available IP address".to_owned())
    }

    fn start(&self, state: &mut State, site: &Site, minutes_at: usize) -> Outcome {
        let at_most = minutes_at + 1 + usize::from(site.has_start_address);
        if self.arguments.len() > at_most {
            return Err(format!("takes at most {at_most} arguments"));
        }
        let subnet = self.subnet(state)?;
        let minutes = match self.arguments.get(minutes_at) {
            None => MINUTES,
            Some(value) => value.as_u64().or_else(|| value.as_str()?.parse().ok()).ok_or("the time is no number")?,
        };
        let from = match self.arguments.get(minutes_at + 1) {
            None => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(_) => Some(self.address(minutes_at + 1)?),
        };
        let id = available(state, subnet, from).ok_or("no available IP address")?;
        let until = state.now + Duration::from_secs(60 * minutes);
        let node = state.node_mut(id).ok_or("no row")?;
        node.status = site.held_as;
        node.held_until = Some(until);
        Ok(node.address.to_string().into())
    }

    fn finish(&self, state: &mut State) -> Outcome {
        let status = status_of(self.arguments.get(1).unwrap_or(&Value::Null)).ok_or("the status is not known")?;
        self.end(state, status)
    }

    fn cancel(&self, state: &mut State) -> Outcome {
        self.end(state, AVAILABLE)
    }

    fn end(&self, state: &mut State, status: u8) -> Outcome {
        let id = self.node(state)?;
        let node = state.node_mut(id).ok_or("no row")?;
        if node.held_until.is_none() {
            return Err("the reservation was not started".to_owned());
        }
        node.set_status(status);
        Ok(Value::Null)
    }

    fn change(&self, state: &mut State) -> Outcome {
        let status = status_of(self.arguments.get(1).unwrap_or(&Value::Null)).ok_or("the status is not known")?;
        let id = self.node(state)?;
        state.node_mut(id).ok_or("no row")?.set_status(status);
        Ok(Value::Null)
    }
}

/// The first available row of a subnet, from an address on.
fn available(state: &State, subnet: i64, from: Option<IpAddr>) -> Option<i64> {
    let lowest = from.unwrap_or_else(|| [0, 0, 0, 0].into());
    let rows = state.nodes.range((subnet, lowest)..).take_while(|((at, _), _)| *at == subnet);
    rows.map(|(_, node)| node).find(|node| node.status == AVAILABLE).map(|node| node.id)
}
