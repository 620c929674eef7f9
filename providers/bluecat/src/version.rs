//! Which API is asked: the one of the settings, or the newest that answers.

use ipam_provider::http::HttpClient;
use ipam_provider::{Error, ErrorKind, Result};
use tokio::sync::OnceCell;

use crate::address_manager::AddressManager;
use crate::settings::{ApiVersion, Settings};
use crate::vendor::WHAT;
use crate::{v1, v2};

/// The two APIs of one Address Manager, and which is asked.
#[derive(Debug)]
pub(crate) struct Versions {
    v1: v1::Client,
    v2: v2::Client,
    /// Chosen once, as part of the session: an API does not come and go.
    chosen: OnceCell<ApiVersion>,
}

impl Versions {
    /// Does no network.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let http = HttpClient::new(WHAT, &settings.http)?;
        let chosen = match settings.api {
            ApiVersion::Auto => OnceCell::new(),
            version => OnceCell::new_with(Some(version)),
        };
        Ok(Self { v1: v1::Client::new(http.clone(), settings), v2: v2::Client::new(http, settings), chosen })
    }

    /// The API to ask.
    pub(crate) async fn api(&self) -> Result<&dyn AddressManager> {
        match self.chosen.get_or_try_init(|| self.choose()).await? {
            ApiVersion::V1 => Ok(&self.v1),
            ApiVersion::V2 | ApiVersion::Auto => Ok(&self.v2),
        }
    }

    /// Asks both without a login. Only the API's own refusal is taken for it: a gateway may answer anything.
    async fn choose(&self) -> Result<ApiVersion> {
        if self.v2.is_there().await? {
            return Ok(ApiVersion::V2);
        }
        if self.v1.is_there().await? {
            return Ok(ApiVersion::V1);
        }
        let text = format!(
            "There is no API of {WHAT} Address Manager at the url in the proxy's settings. Write the address of Address \
             Manager itself, without a path"
        );
        Err(Error::new(ErrorKind::Unexpected, text))
    }
}
