//! Mozilla's own check of the Firefox package: no error, and no warning but those that are known.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::say;
use crate::workspace::Workspace;

/// What it warns of for a reason that does not hold here: a code, and how the message begins.
const KNOWN: &[(&str, &str)] = &[
    // `data_collection_permissions` needs Firefox 142 on Android, where there are no native programs and so no Weir.
    (
        "KEY_FIREFOX_ANDROID_UNSUPPORTED_BY_MIN_VERSION",
        "Manifest key not supported",
    ),
    // Both browsers have the same files; Firefox has no debugger, and `platform.js` asks whether there is one.
    ("UNSUPPORTED_API", "debugger."),
];

/// Checks the folder that the package is made of.
///
/// # Errors
/// When there is an error, or a warning that is not known; or one that was known is not there any more.
pub(super) fn check(workspace: &Workspace, extension: &Path) -> Result<()> {
    say::timed("Mozilla's check of the extension: web-ext lint", || {
        let web_ext = workspace
            .root()
            .join("xtask/web-ext/node_modules/web-ext/bin/web-ext.js");
        let output = Command::new("node")
            .arg(&web_ext)
            .args([
                "lint",
                "--no-config-discovery",
                "--output",
                "json",
                "--source-dir",
            ])
            .arg(extension)
            .env("NO_UPDATE_NOTIFIER", "1")
            .stdin(Stdio::null())
            .output()
            .with_context(|| web_ext.display().to_string())?;
        // It exits with 1 when there are errors, and lists them all the same.
        let found: Value = serde_json::from_slice(&output.stdout).with_context(|| {
            format!(
                "web-ext lint said no JSON: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        judge(&found)
    })
}

fn judge(found: &Value) -> Result<()> {
    let list = |kind: &str| found.get(kind).and_then(Value::as_array).cloned();
    let (Some(errors), Some(warnings)) = (list("errors"), list("warnings")) else {
        bail!("web-ext lint: neither errors nor warnings are listed");
    };
    let unknown = warnings
        .iter()
        .filter(|warning| !KNOWN.iter().any(|known| is(warning, *known)));
    let told: Vec<String> = errors.iter().chain(unknown).map(shown).collect();
    if !told.is_empty() {
        bail!("web-ext lint:\n{}", told.join("\n"));
    }
    let gone = KNOWN
        .iter()
        .find(|known| !warnings.iter().any(|warning| is(warning, **known)));
    match gone {
        Some((code, _)) => {
            bail!("web-ext lint no longer warns of {code}: take it from the list of what is known")
        }
        None => Ok(()),
    }
}

fn is(warning: &Value, (code, begins): (&str, &str)) -> bool {
    let field = |name: &str| warning.get(name).and_then(Value::as_str).unwrap_or_default();
    field("code") == code && field("message").starts_with(begins)
}

fn shown(found: &Value) -> String {
    let field = |name: &str| found.get(name).map(Value::to_string).unwrap_or_default();
    format!(
        "    {} {}:{}: {}",
        field("code"),
        field("file"),
        field("line"),
        field("message")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::judge;

    #[test]
    fn what_is_not_known_is_refused() {
        let known = json!([
            { "code": "UNSUPPORTED_API", "message": "debugger.attach is not supported" },
            { "code": "KEY_FIREFOX_ANDROID_UNSUPPORTED_BY_MIN_VERSION", "message": "Manifest key not supported by" },
        ]);
        assert!(judge(&json!({ "errors": [], "warnings": known })).is_ok());
        let more = json!({ "code": "UNSUPPORTED_API", "message": "tabs.fly is not supported" });
        let mut all = known.as_array().cloned().unwrap_or_default();
        all.push(more.clone());
        assert!(judge(&json!({ "errors": [], "warnings": all })).is_err());
        assert!(judge(&json!({ "errors": [more], "warnings": known })).is_err());
        assert!(
            judge(&json!({ "errors": [], "warnings": [] })).is_err(),
            "one that is gone"
        );
        assert!(judge(&json!({})).is_err());
    }
}
