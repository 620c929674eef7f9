//! The settings of `settings.d/externalipam_internal.yml`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipam_provider::settings::Section;
use ipam_provider::{Provider, ProviderSettings, Result, Surroundings};

use crate::Internal;

/// The store's file in the state directory, unless the settings name another.
const FILE: &str = "ipam.sqlite";

/// Where the store is. The command line reads it too, to work on the same file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    store: Option<PathBuf>,
}

impl Settings {
    /// Reads the section; faults are noted in it.
    pub fn read(section: &mut Section) -> Self {
        Self { store: section.path("store") }
    }

    /// The path of the store of a proxy with this state directory.
    pub fn store(&self, state_directory: &Path) -> PathBuf {
        self.store.clone().unwrap_or_else(|| state_directory.join(FILE))
    }
}

impl ProviderSettings for Settings {
    fn read(section: &mut Section) -> Option<Self> {
        Some(Self::read(section))
    }

    fn build(self, surroundings: &Surroundings) -> Result<Arc<dyn Provider>> {
        let path = self.store(&surroundings.state_directory);
        let open = if surroundings.may_create { Internal::open } else { Internal::open_without_creating };
        Ok(Arc::new(open(&path)?))
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

    fn store(section: &mut Section) -> PathBuf {
        Settings::read(section).store(Path::new("/var/lib/proxy"))
    }

    #[test]
    fn without_a_setting_the_store_is_in_the_state_directory() {
        let mut section = section(json!(null));
        assert_eq!(store(&mut section), PathBuf::from("/var/lib/proxy/ipam.sqlite"));
        assert_eq!(section.finish().problems, []);
    }

    #[test]
    fn the_store_can_be_elsewhere_but_not_relative_to_nowhere() {
        let mut absolute = section(json!("/srv/ipam.sqlite"));
        assert_eq!(store(&mut absolute), PathBuf::from("/srv/ipam.sqlite"));
        let mut relative = section(json!("ipam.sqlite"));
        Settings::read(&mut relative);
        assert_eq!(relative.finish().problems.len(), 1);
    }
}
