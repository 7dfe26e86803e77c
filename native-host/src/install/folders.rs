//! Looks at what the host needs once it has been started: settings, the output folder, the journal's.

use std::fs;

use weir_core::protocol::doctor::{Finding, FindingCode};

use super::access;
use super::doctor::{Trouble, note, ok};
use super::mend::Remedy;
use crate::journal::Journal;
use crate::settings::{SettingsError, SettingsFile};

/// Settings, and the folder that captures go to.
pub(super) fn output(settings: &SettingsFile) -> Result<Vec<Finding>, Trouble> {
    let loaded = settings.load().map_err(|error| of_settings(&error))?;
    let folder = loaded.settings.output_folder;
    access::try_to_write_in(&folder).map_err(|error| {
        Trouble::new(
            FindingCode::OutputFolder,
            format!("captures cannot be written to {}: {error}", folder.display()),
            "choose another folder in the extension's options, or make this one writable for you".to_owned(),
        )
    })?;
    let warnings = loaded.warnings.into_iter();
    let mut findings: Vec<Finding> = warnings.map(|text| note(FindingCode::Settings, text)).collect();
    findings.push(ok(
        FindingCode::OutputFolder,
        format!("files go to {}", folder.display()),
    ));
    Ok(findings)
}

/// The folder of the journal, which is for the user alone, and whether the journal can be read.
pub(super) fn journal(journal: &Journal) -> Result<Vec<Finding>, Trouble> {
    let path = journal.path();
    let Some(folder) = path.parent() else {
        return Ok(Vec::new());
    };
    let trouble = |message: String, cure: String| Trouble::new(FindingCode::Journal, message, cure);
    let shown = folder.display();
    let Ok(found) = fs::metadata(folder) else {
        return Ok(Vec::new()); // the first capture makes it
    };
    if !found.is_dir() {
        return Err(trouble(
            format!("interrupted captures are not remembered: {shown} is no folder"),
            format!("move {shown} away"),
        ));
    }
    if !access::is_private(&found) {
        return Err(trouble(
            format!("other users can look into {shown}, where captures are remembered"),
            format!("run `chmod 700 {shown}`"),
        )
        .mended_by(Remedy::MakePrivate(folder.to_owned())));
    }
    if let Err(error) = access::try_to_write_in(folder) {
        return Err(trouble(
            format!("interrupted captures are not remembered: {shown} cannot be written to: {error}"),
            if cfg!(windows) {
                format!("let your user write there (Properties of {shown}, Security)")
            } else {
                format!("run `chmod u+rwx {shown}`")
            },
        )
        .mended_by(Remedy::MakePrivate(folder.to_owned())));
    }
    journal.list().map_err(|error| {
        trouble(
            format!("interrupted captures are not remembered: {error}"),
            format!("move {} away, and Weir makes a new one", path.display()),
        )
    })?;
    Ok(vec![ok(
        FindingCode::Journal,
        format!("captures are remembered in {}", path.display()),
    )])
}

fn of_settings(error: &SettingsError) -> Trouble {
    let (code, cure) = match error {
        SettingsError::Folder { .. } => (
            FindingCode::OutputFolder,
            "make that folder, or choose another in the extension's options",
        ),
        SettingsError::NoHome => (FindingCode::Settings, "set HOME to your home folder"),
        SettingsError::File { .. } => (FindingCode::Settings, "make it a file that you can read"),
        SettingsError::Syntax { .. }
        | SettingsError::Type { .. }
        | SettingsError::Concurrency(_)
        | SettingsError::JobsAtOnce(_)
        | SettingsError::LimitRate(_)
        | SettingsError::NameTemplate(_)
        | SettingsError::Subfolder(_) => (FindingCode::Settings, "correct or delete the settings file"),
    };
    Trouble::new(code, error.to_string(), cure.to_owned())
}
