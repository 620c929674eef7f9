//! What `check` shows of phpIPAM.

use ipam_provider::{Error, ErrorKind, Probe, Probes};

use crate::Phpipam;
use crate::failure::Failure;
use crate::vendor::WHAT;
use crate::wire::AppRights;

impl Phpipam {
    /// Reachability, credentials, the right to read, the right to write. What cannot be looked at for what is wrong
    /// before it is left out.
    pub(crate) async fn look_at_everything(&self) -> Vec<Probe> {
        let app = self.client.app();
        // One question proves all: it needs the database, the app and the token, and tells the app's permission.
        let rights: Result<Option<AppRights>, Failure> = self.client.options().await;
        let mut probes = Probes::default();
        let answers = format!("{WHAT} at {} answers", self.host);
        let accepts = format!("{WHAT} accepts the credentials for API app {app}");
        let rights = match rights {
            Ok(rights) => rights,
            Err(failure) => {
                let is_refused = matches!(failure, Failure::Refused(_) | Failure::Blocked);
                let error = Error::from(failure);
                if is_refused || error.kind() == ErrorKind::Unauthenticated {
                    probes.note(answers, Ok(()));
                    probes.note(accepts, Err(error));
                } else {
                    probes.note(answers, Err(error));
                }
                return probes.finish();
            }
        };
        probes.note(answers, Ok(()));
        probes.note(accepts, Ok(()));
        probes.note(format!("API app {app} may read sections"), self.sections().await.map(drop));

        let permission = rights.map(|rights| rights.permissions).unwrap_or_default();
        let writable = match permission.as_str() {
            "Write" | "Admin" => Ok(()),
            // Before version 1.8 such an app may still read.
            "No access" => {
                let text = format!("API app {app} is disabled in {WHAT}. Set its permission to Read / Write there");
                Err(Error::new(ErrorKind::Unauthenticated, text))
            }
            _ => {
                let text = format!("API app {app} may only read in {WHAT}. Set its permission to Read / Write there");
                Err(Error::new(ErrorKind::Unauthenticated, text))
            }
        };
        probes.note(format!("API app {app} may add and delete addresses"), writable);
        probes.finish()
    }
}
