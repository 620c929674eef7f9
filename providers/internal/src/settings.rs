//! The settings of `settings.d/externalipam_internal.yml`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipam_provider::database::Database;
use ipam_provider::settings::Section;
use ipam_provider::{Error, ErrorKind, Provider, ProviderSettings, Result, Surroundings};

use crate::Internal;

/// The store's file in the state directory, unless the settings name another.
pub const FILE: &str = "ipam.sqlite";

/// What `store` says for the database that several proxies share.
const IN_DATABASE: &str = "database";

/// Where the store is. The command line reads it too, to work on the same one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    store: Option<Store>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Store {
    File(PathBuf),
    Database,
}

/// A place for a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A database.
    Database(Box<Database>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database(database) => database.fmt(f),
        }
    }
}

impl Settings {
    /// Reads the section; faults are noted in it.
    pub fn read(section: &mut Section) -> Self {
        let right = "write an absolute path, such as /var/lib/foreman-ipam-proxy/ipam.sqlite, or the word database";
        let store = section.read("store", right, |value| match value.as_str()? {
            IN_DATABASE => Some(Store::Database),
            path => Some(PathBuf::from(path)).filter(|path| path.is_absolute()).map(Store::File),
        });
        Self { store }
    }

    /// Where the store is of a proxy with this state directory and this database.
    ///
    /// # Errors
    /// When it is to be in the database, and there is none.
    pub fn store(&self, state_directory: &Path, database: Option<&Database>) -> Result<Place> {
        match &self.store {
            Some(Store::File(path)) => Ok(Place::File(path.clone())),
            None => Ok(Place::File(state_directory.join(FILE))),
            Some(Store::Database) => database.cloned().map(Box::new).map(Place::Database).ok_or_else(|| {
                let what = "The address store is to be in the database, and settings.yml has no database_url";
                Error::new(ErrorKind::Rejected, what)
            }),
        }
    }
}

impl ProviderSettings for Settings {
    fn read(section: &mut Section) -> Option<Self> {
        Some(Self::read(section))
    }

    fn build(self, surroundings: &Surroundings) -> Result<Arc<dyn Provider>> {
        let place = self.store(&surroundings.state_directory, surroundings.database.as_ref())?;
        if let (Place::File(path), Some(_), true) = (&place, &surroundings.database, surroundings.may_create) {
            log::warn!(
                "The embedded IPAM is on this machine only, in {}, whatever database_url says: run one proxy over it, or \
                 set store to database in externalipam_internal.yml",
                path.display()
            );
        }
        let open = if surroundings.may_create { Internal::open } else { Internal::open_without_creating };
        Ok(surroundings.kept.get_or_open(|known: &Internal| known.is_at(&place), || open(&place))?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ipam_provider::settings::Setting;
    use serde_json::json;

    use super::*;

    fn section(store: serde_json::Value) -> Section {
        let setting = Setting { value: store, origin: None };
        Section::new("settings.d/externalipam_internal.yml", BTreeMap::from([("store".to_owned(), setting)]))
    }

    fn store(section: &mut Section) -> Place {
        Settings::read(section).store(Path::new("/var/lib/proxy"), None).expect("a place")
    }

    #[test]
    fn without_a_setting_the_store_is_in_the_state_directory() {
        let mut section = section(json!(null));
        assert_eq!(store(&mut section), Place::File("/var/lib/proxy/ipam.sqlite".into()));
        assert_eq!(section.finish().problems, []);
    }

    #[test]
    fn the_store_can_be_elsewhere_but_not_relative_to_nowhere() {
        let mut absolute = section(json!("/srv/ipam.sqlite"));
        assert_eq!(store(&mut absolute), Place::File("/srv/ipam.sqlite".into()));
        let mut relative = section(json!("ipam.sqlite"));
        Settings::read(&mut relative);
        assert_eq!(relative.finish().problems.len(), 1);
    }

    #[test]
    fn the_store_is_in_the_database_only_when_the_settings_say_so() {
        let url = "postgresql://ipam@db.example.com/ipam";
        let database = Database::new(url, None, std::time::Duration::from_secs(5)).expect("a right URL");
        let directory = Path::new("/var/lib/proxy");
        let unset = Settings::read(&mut section(json!(null)));
        assert_eq!(unset.store(directory, Some(&database)).expect("a place"), Place::File(directory.join(FILE)));
        let mut set = section(json!("database"));
        let settings = Settings::read(&mut set);
        assert_eq!(set.finish().problems, []);
        assert_eq!(settings.store(directory, Some(&database)).expect("a place"), Place::Database(Box::new(database)));
        let error = settings.store(directory, None).expect_err("there is no database");
        assert!(error.to_string().contains("settings.yml has no database_url"), "{error}");
    }
}
