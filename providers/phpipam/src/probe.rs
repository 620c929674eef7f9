//! What `check` shows of phpIPAM.

use ipam_provider::{Error, ErrorKind, Probe};

use crate::Phpipam;
use crate::failure::WHAT;
use crate::wire::AppRights;

impl Phpipam {
    /// Reachability, credentials, the right to read, the right to write. What cannot be looked at for what is wrong
    /// before it is left out.
    pub(crate) async fn look_at_everything(&self) -> Vec<Probe> {
        let app = self.client.app();
        // One question proves all: it needs the database, the app and the token, and tells the app's permission.
        let rights: Result<Option<AppRights>, Error> = self.client.options().await.map_err(Error::from);
        let (reached, known) = match &rights {
            Ok(_) => (Ok(()), Some(Ok(()))),
            Err(error) if error.kind() == ErrorKind::Unauthenticated => (Ok(()), Some(Err(error.to_string()))),
            Err(error) => (Err(error.to_string()), None),
        };
        let mut probes = vec![Probe { what: format!("{WHAT} at {} answers", self.host), outcome: reached }];
        probes.extend(
            known.map(|outcome| Probe { what: format!("{WHAT} accepts the credentials for API app {app}"), outcome }),
        );
        let Ok(rights) = rights else { return probes };

        let sections = self.sections().await;
        let readable = sections.map(drop).map_err(|error| error.to_string());
        probes.push(Probe { what: format!("API app {app} may read sections"), outcome: readable });

        let permission = rights.map(|rights| rights.permissions).unwrap_or_default();
        let writable = match permission.as_str() {
            "Write" | "Admin" => Ok(()),
            _ => Err(format!("API app {app} may only read in {WHAT}. Set its permission to Read / Write there")),
        };
        probes.push(Probe { what: format!("API app {app} may add and delete addresses"), outcome: writable });
        probes
    }
}
