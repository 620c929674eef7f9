//! From path, query and headers to arguments that are valid by type.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use ipam_provider::{HOSTNAME_AT_MOST, Mac, Prefix, Requester, is_hostname};

use super::error::ForemanError;
use super::group_names::group_readings;
use crate::allocation::GroupChoice;
use crate::http::body::{read_to_end, read_whole};
use crate::http::decode::percent_decoded;
use crate::http::query::{parameter, text_parameter};
use crate::http::route::segments;

fn address(raw: &str) -> Result<IpAddr, ForemanError> {
    percent_decoded(raw).unwrap_or_default().parse().map_err(|_| {
        ForemanError::invalid("IP address is invalid; use IPv4 such as 10.1.2.3 or IPv6 such as 2001:db8::3".to_owned())
    })
}

/// Derives `FromRequest` from a function that looks at nothing but the request's head.
macro_rules! from_head {
    ($type:ty, $extract:expr) => {
        impl FromRequest for $type {
            type Error = ForemanError;
            type Future = Ready<Result<Self, ForemanError>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready($extract(request))
            }
        }
    };
}

/// The prefix in the path: `…/10.1.2.0/24…`.
pub(super) struct PathPrefix(pub(super) Prefix);

from_head!(PathPrefix, |request| {
    let [address, length] = segments(request, ["address", "length"]);
    prefix(address, length).map(PathPrefix)
});

fn prefix(address: &str, length: &str) -> Result<Prefix, ForemanError> {
    let decoded = |raw| percent_decoded(raw).unwrap_or_default();
    let prefix = Prefix::parse(&decoded(address), &decoded(length));
    prefix.map_err(|error| ForemanError::invalid(error.to_string()))
}

/// The address at the end of the path, which lies in the prefix of the path.
pub(super) struct AddressInPrefix {
    pub(super) prefix: Prefix,
    pub(super) address: IpAddr,
}

from_head!(AddressInPrefix, |request: &HttpRequest| {
    let [network, length, ip] = segments(request, ["address", "length", "ip"]);
    let address = address(ip)?;
    let prefix = prefix(network, length)?;
    if !prefix.contains(address) {
        return Err(ForemanError::invalid(format!("IP {address} is not in {prefix}")));
    }
    Ok(AddressInPrefix { prefix, address })
});

/// The group in the query, if any: `?group=My+Group`.
pub(super) struct InGroup(pub(super) GroupChoice);

from_head!(InGroup, |request| {
    if has_form(request) {
        // The Ruby plugin takes a group from a form too. Passing over it would mean another subnet than the caller does.
        return Err(ForemanError::invalid(
            "Parameters in a form are not read; write them into the URL: ?group=…".to_owned(),
        ));
    }
    let raw = parameter(request, "group")?.unwrap_or_default();
    choice(raw).map(InGroup)
});

/// Does a form come with the request? Foreman announces one of no bytes with each POST.
fn has_form(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    let is_form = header(CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
        kind.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    });
    let has_length = header(CONTENT_LENGTH).is_some_and(|length| length.iter().any(|digit| *digit != b'0'));
    is_form && (has_length || request.headers().contains_key(TRANSFER_ENCODING))
}

/// The group in the path: `/ipam/groups/My+Group`.
pub(super) struct PathGroup(pub(super) GroupChoice);

from_head!(PathGroup, |request| {
    // Never empty: an empty segment takes no route.
    let [group] = segments(request, ["group"]);
    choice(group).map(PathGroup)
});

fn choice(raw: &str) -> Result<GroupChoice, ForemanError> {
    let readings = group_readings(raw).map_err(|error| ForemanError::invalid(format!("The group's name {error}")))?;
    Ok(GroupChoice::of(readings))
}

/// The MAC in the query, if any. Foreman has none yet for a virtual machine.
pub(super) struct AskingMac(pub(super) Option<Mac>);

from_head!(AskingMac, |request| mac(request).map(AskingMac));

fn mac(request: &HttpRequest) -> Result<Option<Mac>, ForemanError> {
    let text = text_parameter(request, "mac")?;
    let mac = text.map(|text| text.parse()).transpose();
    mac.map_err(|error| ForemanError::invalid(format!("Mac address is invalid: it must be {error}")))
}

/// Whom an address is added for: the optional parameters `mac` and `hostname`.
pub(super) struct AddedFor(pub(super) Requester);

from_head!(AddedFor, |request| {
    let hostname = text_parameter(request, "hostname")?;
    if hostname.as_ref().is_some_and(|name| !is_hostname(name)) {
        return Err(ForemanError::invalid(format!(
            "Parameter hostname is not a host name; use up to {HOSTNAME_AT_MOST} characters without blanks"
        )));
    }
    Ok(AddedFor(Requester { mac: mac(request)?, hostname: hostname.map(Cow::into_owned), ..Requester::default() }))
});

/// What tells the questions of one Foreman request from those of another: a hash of its `X-Request-Id`, if it has one.
pub(super) struct RequestKey(pub(super) Option<u64>);

from_head!(RequestKey, |request: &HttpRequest| {
    // The same in each proxy and after a restart: holds are compared across them.
    let hash = BuildHasherDefault::<DefaultHasher>::default();
    let id = request.headers().get("X-Request-Id");
    Ok::<_, ForemanError>(RequestKey(id.map(|id| hash.hash_one(id.as_bytes()))))
});

/// The subnet in the query, of calls that have no other place for it: `?subnet=10.1.2.0/24`.
pub(super) struct InSubnet(pub(super) Prefix);

from_head!(InSubnet, |request| {
    let text = text_parameter(request, "subnet")?;
    let text = text.ok_or_else(|| {
        ForemanError::invalid("Parameter subnet is missing; give the prefix, such as 10.1.2.0/24".to_owned())
    })?;
    text.parse().map(InSubnet).map_err(|error: ipam_provider::PrefixError| ForemanError::invalid(error.to_string()))
});

/// Which page of a list: `?after=…&at_most=…`.
pub(super) struct OfPage {
    /// Where the page before ended, as its answer says.
    pub(super) after: Option<String>,
    /// How many entries at most.
    pub(super) at_most: usize,
}

/// A page of this many entries is written in a few milliseconds.
const PAGE: usize = 1000;

from_head!(OfPage, |request| {
    let after = text_parameter(request, "after")?.map(Cow::into_owned);
    let at_most = match text_parameter(request, "at_most")? {
        None => PAGE,
        Some(text) => {
            let number = text.parse().ok().filter(|number| (1..=PAGE).contains(number));
            let wrong = || ForemanError::invalid(format!("Parameter at_most must be a whole number from 1 to {PAGE}"));
            number.ok_or_else(wrong)?
        }
    };
    Ok(OfPage { after, at_most })
});

/// The address in the path of calls that have no prefix there.
pub(super) struct PathAddress(pub(super) IpAddr);

from_head!(PathAddress, |request| {
    let [text] = segments(request, ["address"]);
    address(text).map(PathAddress)
});

/// The proof that the request came in whole. Its body says nothing to us, but a write whose sender broke off in the
/// middle must not happen (RFC 9112, section 8).
pub(super) struct WholeBody;

impl FromRequest for WholeBody {
    type Error = ForemanError;
    type Future = LocalBoxFuture<'static, Result<Self, ForemanError>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read_to_end(payload.take());
        Box::pin(async { Ok(read.await.map(|()| Self)?) })
    }
}

/// A body that has been read to its end.
pub(super) struct TextBody(pub(super) Vec<u8>);

impl FromRequest for TextBody {
    type Error = ForemanError;
    type Future = LocalBoxFuture<'static, Result<Self, ForemanError>>;

    fn from_request(_: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = read_whole(payload.take());
        Box::pin(async { Ok(Self(read.await?)) })
    }
}

/// From when on log lines are wanted: `?from_timestamp=1795196948.69`, seconds since 1970; absent and 0 mean all.
pub(super) struct FromTimestamp(pub(super) Option<f64>);

from_head!(FromTimestamp, |request| {
    let Some(text) = text_parameter(request, "from_timestamp")? else { return Ok(FromTimestamp(None)) };
    let seconds: Option<f64> = text.parse().ok().filter(|seconds: &f64| seconds.is_finite());
    let invalid = || ForemanError::invalid("Parameter from_timestamp is not a number of seconds since 1970".to_owned());
    seconds.map(|seconds| FromTimestamp(Some(seconds))).ok_or_else(invalid)
});

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::ResponseError;
    use actix_web::error::PayloadError;
    use actix_web::http::StatusCode;
    use actix_web::test::TestRequest;
    use actix_web::web::Bytes;
    use futures_util::{Stream, StreamExt, stream};
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::http::body::SLOW_CLIENT;

    /// What becomes of a request with this body.
    async fn read(body: impl Stream<Item = Result<Bytes, PayloadError>> + 'static) -> Result<WholeBody, ForemanError> {
        let mut payload = Payload::Stream { payload: body.boxed_local() };
        WholeBody::from_request(&TestRequest::post().to_http_request(), &mut payload).await
    }

    fn drips(bytes: usize) -> impl Stream<Item = Result<Bytes, PayloadError>> {
        stream::iter(0..bytes).then(|_| async {
            sleep(Duration::from_secs(1)).await;
            Ok(Bytes::from_static(b"x"))
        })
    }

    // The clock stands still and leaps: nothing is waited for.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up_on() {
        for is_dripping in [false, true] {
            let began = Instant::now();
            let outcome = if is_dripping { read(drips(100)).await } else { read(stream::pending()).await };
            let error = outcome.err().expect("too slow");
            assert_eq!(error.status_code(), StatusCode::REQUEST_TIMEOUT);
            assert_eq!(error.to_string(), "The request's body has not come within 10 seconds; send none");
            assert_eq!(began.elapsed().as_secs(), SLOW_CLIENT.as_secs());
        }
        assert!(read(drips(9)).await.is_ok());
    }
}
