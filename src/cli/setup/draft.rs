//! All settings files together: tried out, shown, written.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::super::output::say;
use super::super::prompt::Prompt;
use super::super::{CommandError, Outcome};
use super::files;
use super::sheet::Sheet;
use crate::registry::PROVIDERS;
use crate::settings::{Environment, Settings, variable_of};

/// All files, before they are written.
pub(super) struct Draft<'a> {
    /// The directory of settings.yml.
    pub(super) directory: &'a Path,
    /// The directory of all others.
    pub(super) settings_directory: &'a Path,
    /// The files of IPAMs, which have the secrets.
    pub(super) of_ipams: &'a [Sheet],
    /// externalipam.yml.
    pub(super) external: &'a Sheet,
    /// settings.yml.
    pub(super) global: &'a Sheet,
}

impl Draft<'_> {
    /// Reads the settings as they would be, in a place of their own.
    pub(super) fn validate(&self) -> Outcome {
        let failed = |error: std::io::Error| CommandError::failed(format!("the settings cannot be tried out: {error}"));
        let place = tempfile::tempdir().map_err(failed)?;
        let settings_directory = place.path().join("settings.d");
        fs::create_dir(&settings_directory).map_err(failed)?;
        let in_settings_directory =
            self.of_ipams.iter().chain([self.external]).map(|sheet| (sheet, &*settings_directory));
        for (sheet, directory) in in_settings_directory.chain([(self.global, place.path())]) {
            let name = sheet.path().file_name().unwrap_or_default();
            fs::write(directory.join(name), sheet.new_text()?).map_err(failed)?;
        }
        let here = (variable_of(None, "settings_directory").into(), settings_directory.clone().into_os_string());
        let environment = Environment::new(std::env::vars_os().chain([here]));
        let Err(faults) = Settings::load_with(place.path(), PROVIDERS, &environment) else { return Ok(()) };
        let faults = faults
            .to_string()
            .replace(&settings_directory.display().to_string(), &self.settings_directory.display().to_string())
            .replace(&place.path().display().to_string(), &self.directory.display().to_string());
        Err(CommandError::Unusable(format!("nothing is written, because the settings would be wrong:\n{faults}")))
    }

    /// Shows what changes, asks, and writes it.
    pub(super) fn write(&self, prompt: Prompt, secrets: &BTreeSet<&str>) -> Outcome {
        // Those with secrets first, the one that everything begins with last.
        let sheets = self.of_ipams.iter().chain([self.external, self.global]);
        let changed: Vec<&Sheet> = sheets.filter(|sheet| sheet.is_changed()).collect();
        if changed.is_empty() {
            say("unchanged     the settings are as answered already");
            return Ok(());
        }
        for sheet in &changed {
            say(sheet.path().display());
            for line in sheet.differences(|key| secrets.contains(key)) {
                say(format!("  {line}"));
            }
        }
        if prompt == Prompt::Ask && prompt.confirm("Write this?", true)? != Some(true) {
            return Err(CommandError::failed("nothing is written, because nobody said yes"));
        }
        for directory in [self.directory, self.settings_directory] {
            files::make_directory(directory).map_err(|error| {
                CommandError::failed(format!("{} cannot be made: {error}; run this as root", directory.display()))
            })?;
        }
        for sheet in changed {
            let kept = sheet.write()?.map(|kept| format!("; what was there is in {}", kept.display()));
            say(format!("written       {}{}", sheet.path().display(), kept.unwrap_or_default()));
        }
        Ok(())
    }
}
