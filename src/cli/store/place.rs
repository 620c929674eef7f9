//! Which file the store is, and opening it.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use ipam_provider::Registration;
use ipam_provider::settings::Section;
use ipam_provider::state_files::directory_of;
use ipam_provider_internal::{Place as StorePlace, REGISTRATION, Settings as InternalSettings};
use ipam_store::{Store, StoreError, Writing};

use crate::allocation::HeldAddress;
use crate::allocation::holds::Database;
use crate::cli::CommandError;
use crate::cli::holds::read_holds;
use crate::cli::output::warn;
use crate::cli::running::end_batches;
use crate::registry::PROVIDERS;
use crate::settings::{Environment, Settings};

/// Where people say that the store is.
#[derive(Debug, Args)]
#[group(skip)]
pub(in crate::cli) struct Place {
    /// The store's file, instead of the one that the settings name.
    ///
    /// 'group add', 'subnet add' and 'import' create it. What root creates belongs to the owner of the directory, so that
    /// root may run these commands without locking the service out.
    #[arg(long, global = true, value_name = "FILE")]
    store: Option<PathBuf>,
}

/// A store that may be there or not.
#[derive(Debug)]
pub(super) struct Located {
    store: StorePlace,
    /// Where the proxy over this store keeps its holds.
    state_directory: PathBuf,
    /// Where it keeps them instead, if the settings name one.
    database: Option<Database>,
    /// What the holds are kept under; `None` where the settings do not say.
    key: Option<String>,
}

impl Place {
    /// Is a store named, whatever the settings say?
    pub(in crate::cli) fn is_named(&self) -> bool {
        self.store.is_some()
    }

    /// Finds the path; reads settings only where it has to.
    ///
    /// What is odd in the settings is not told here: `check` and `serve` do, and nobody wants to read it for each
    /// address.
    pub(super) fn locate(&self, directory: &Path) -> Result<Located, CommandError> {
        if let Some(store) = &self.store {
            // Unless told otherwise, both are in one directory; one without holds has none for this store either.
            let state_directory = directory_of(store).to_owned();
            return Ok(Located { store: StorePlace::File(store.clone()), state_directory, database: None, key: None });
        }
        from_settings(directory, PROVIDERS)
    }
}

fn from_settings(directory: &Path, providers: &[Registration]) -> Result<Located, CommandError> {
    let settings = Settings::load_as(directory, providers, &Environment::of_process(), own)?;
    let keys: Vec<String> = settings.routes.iter().map(|route| route.key.clone()).collect();
    let mut embedded = settings.routes.into_iter().filter_map(|route| Some((route.key, route.plan?)));
    let (first, another) = (embedded.next(), embedded.next());
    let Some((key, own)) = first else {
        return Err(CommandError::failed(format!(
            "the settings choose the provider {}, not the embedded IPAM; name a store with --store FILE to work on \
                 it nevertheless",
            keys.join(" and ")
        )));
    };
    if let Some((other, _)) = another {
        return Err(CommandError::failed(format!(
            "the settings have several embedded IPAMs, such as {key} and {other}; name the store of one with --store FILE"
        )));
    }
    let (state_directory, database) = (settings.server.state_directory, settings.database);
    let store = own.store(&state_directory, database.as_ref());
    let store = store.map_err(|error| CommandError::failed(error.to_string()))?;
    Ok(Located { store, state_directory, database, key: Some(key) })
}

/// The settings of the embedded IPAM. Those of another provider are only looked at for faults.
fn own(chosen: Registration, section: &mut Section) -> Option<InternalSettings> {
    if chosen.name == REGISTRATION.name {
        return Some(InternalSettings::read(section));
    }
    drop((chosen.read)(section));
    None
}

impl Located {
    /// Where the store is, for people.
    pub(super) fn place(&self) -> &StorePlace {
        &self.store
    }

    /// The database that the settings name.
    pub(super) fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// Opens the store.
    pub(super) fn open(&self) -> Result<Store, CommandError> {
        let path = match &self.store {
            StorePlace::File(path) => path,
            StorePlace::Database(database) => return Ok(Store::open_database(database)?),
        };
        let store = Store::open(path)?;
        if let Some(copy) = store.copy_of_older() {
            warn(&format!(
                "the address store {} has a new format now, which older versions refuse; {} is a copy of what it was",
                path.display(),
                copy.display()
            ));
        }
        Ok(store)
    }

    /// Opens the store for a change, which a running proxy hears of.
    pub(super) fn open_to_change(&self) -> Result<Changing<'_>, CommandError> {
        Ok(Changing { store: self.open()?, located: self })
    }

    /// Changes the store; where there is none, creates one that has the change, or none when it fails.
    pub(super) fn write_or_create<T>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> ipam_store::Result<T>,
    ) -> Result<T, CommandError> {
        let path = match &self.store {
            StorePlace::File(path) => path,
            StorePlace::Database(_) => return Ok(self.open_to_change()?.write(work)?),
        };
        let directory = directory_of(path);
        if !directory.is_dir() {
            return Err(CommandError::failed(format!(
                "the address store belongs into {}, which is no directory that can be read; create it for the user \
                 that the service runs as",
                directory.display()
            )));
        }
        let is_there = path.symlink_metadata().is_ok();
        let done = if is_there { self.open()?.write(work) } else { Store::write_or_create(path, work) }?;
        self.end_batches();
        Ok(done)
    }

    /// Has a running proxy forget which addresses were free before a change. It would offer them for a few seconds more.
    pub(super) fn end_batches(&self) {
        actix_web::rt::System::new().block_on(end_batches(&self.state_directory));
    }

    /// What a change would come to, without changing anything.
    pub(super) fn try_out<T>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> ipam_store::Result<T>,
    ) -> Result<T, CommandError> {
        let path = match &self.store {
            StorePlace::File(path) => path,
            StorePlace::Database(database) => return Ok(Store::open_database_or_stand_in(database)?.try_out(work)?),
        };
        let failed = |error: io::Error| CommandError::failed(format!("{} cannot be read: {error}", path.display()));
        if path.try_exists().map_err(failed)? {
            return Ok(self.open()?.try_out(work)?);
        }
        let empty = tempfile::tempdir().map_err(failed)?;
        Ok(Store::open_or_create(&empty.path().join("ipam.sqlite"))?.try_out(work)?)
    }

    /// What the proxy over this store has promised: a running one need not be asked.
    pub(super) fn holds(&self) -> Result<Vec<HeldAddress>, CommandError> {
        let holds = read_holds(&self.state_directory, self.database.as_ref());
        let holds = actix_web::rt::System::new().block_on(holds)?;
        Ok(holds.into_iter().filter(|hold| self.is_its_own(&hold.scope.space.provider)).collect())
    }

    /// Is it the key of this IPAM, or, if that is unknown, the key of any embedded one?
    fn is_its_own(&self, key: &str) -> bool {
        match &self.key {
            Some(own) => own == key,
            None => key.strip_prefix(REGISTRATION.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')),
        }
    }
}

/// A store that is open for a change.
pub(super) struct Changing<'a> {
    store: Store,
    located: &'a Located,
}

impl Changing<'_> {
    /// Changes it as [`Store::write`] does; afterwards a running proxy offers nothing that was free only before.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Writing<'_>) -> ipam_store::Result<T>,
    ) -> ipam_store::Result<T> {
        let done = self.store.write(work)?;
        self.located.end_batches();
        Ok(done)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            text.push_str(&format!(": {source}"));
        }
        match error {
            StoreError::Missing(_) => {
                text.push_str("; the service creates it when it starts, as do 'group add', 'subnet add' and 'import'");
            }
            StoreError::Ambiguous { .. } => text.push_str("; name it with --group"),
            _ => {}
        }
        Self::Failed(text)
    }
}

/// Why something was not deleted, with the option that would do it.
pub(super) fn not_deleted(error: StoreError) -> CommandError {
    match error {
        StoreError::NotEmpty { .. } => CommandError::failed(format!("{error}: --with-contents")),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// A provider as another build has it.
    const OTHER: Registration = Registration { name: "other", read: |_| Box::new(|_| panic!("nobody builds it")) };

    fn located(external: &str, internal: &str) -> Result<Located, CommandError> {
        let directory = TempDir::new().expect("a directory");
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("written");
        fs::create_dir(directory.path().join("settings.d")).expect("a directory");
        write("settings.yml", "http_port: 0\nstate_directory: /srv/state\n");
        write("settings.d/externalipam.yml", external);
        write("settings.d/externalipam_internal.yml", internal);
        write("settings.d/externalipam_internal_lab.yml", "");
        from_settings(directory.path(), &[REGISTRATION, OTHER])
    }

    #[test]
    fn the_settings_say_where_the_store_is_and_nothing_is_opened() {
        let usual = located("use_provider: internal\n", "").expect("a place");
        assert_eq!(usual.place(), &StorePlace::File("/srv/state/ipam.sqlite".into()));
        let own = located("use_provider: internal\n", "store: /nonexistent/own.sqlite\n").expect("a place");
        assert_eq!(own.place(), &StorePlace::File("/nonexistent/own.sqlite".into()));
        assert_eq!(own.state_directory, Path::new("/srv/state"));
    }

    #[test]
    fn of_several_ipams_the_embedded_one_is_meant() {
        let lab = "{groups: [Lab], provider: internal, settings: externalipam_internal_lab.yml}";
        let one = located(&format!("use_provider: [{lab}, {{provider: other}}]\n"), "").expect("a place");
        assert_eq!(one.place(), &StorePlace::File("/srv/state/ipam.sqlite".into()));
        assert!(one.is_its_own("internal_lab") && !one.is_its_own("internal"));
        let two = located(&format!("use_provider: [{lab}, {{provider: internal}}]\n"), "").expect_err("no choice");
        assert!(
            two.to_string().starts_with("the settings have several embedded IPAMs, such as internal_lab and internal;"),
            "{two}"
        );
    }

    #[test]
    fn with_another_provider_the_store_must_be_named() {
        let error = located("use_provider: other\n", "").expect_err("no place").to_string();
        assert!(error.starts_with("the settings choose the provider other, not the embedded IPAM; "), "{error}");
        let place = Place { store: Some("mine.sqlite".into()) };
        let named = place.locate(Path::new("/nonexistent")).expect("a place");
        assert_eq!(
            (named.place(), named.state_directory.as_path()),
            (&StorePlace::File("mine.sqlite".into()), Path::new("."))
        );
    }
}
