//! Lays out the extension as a browser loads it: the files that ship, and the manifest of the browser
//! made from the common one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::say;
use crate::workspace::Workspace;

/// What lies in `extension/` for the people who work on it.
const NOT_SHIPPED: &[&str] = &[
    "manifests",
    "tests",
    "node_modules",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
];

/// What is of others, from npm as `extension/package-lock.json` pins it, with its licence: where it is, and its name in `vendor/`.
const VENDORED: &[(&str, &str)] = &[
    (
        "extension/node_modules/hls.js/dist/hls.light.min.mjs",
        "hls.light.min.mjs",
    ),
    ("extension/node_modules/hls.js/LICENSE", "hls.js-LICENSE"),
    ("LICENSE-APACHE", "Apache-2.0"),
];

/// The extension as each kind of browser loads it.
#[derive(Debug)]
pub(crate) struct Folders {
    /// For Chromium, Chrome and their relatives.
    pub(crate) chromium: PathBuf,
    /// For Firefox and its relatives.
    pub(crate) firefox: PathBuf,
}

/// Makes `target/extension/chromium` and `target/extension/firefox` anew.
///
/// # Errors
/// When a file cannot be read or written, or a manifest is not JSON.
pub(crate) fn lay_out(workspace: &Workspace) -> Result<Folders> {
    say::timed("the extension: target/extension/{chromium,firefox}", || {
        Ok(Folders {
            chromium: lay_out_for(workspace, "chromium")?,
            firefox: lay_out_for(workspace, "firefox")?,
        })
    })
}

fn lay_out_for(workspace: &Workspace, browser: &str) -> Result<PathBuf> {
    let source = workspace.root().join("extension");
    let folder = workspace.target().join("extension").join(browser);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    copy_folder(&source, &folder, NOT_SHIPPED)?;
    copy_vendored(workspace.root(), &folder)?;
    let manifest = manifest(&source.join("manifests"), browser)?;
    let text = serde_json::to_string_pretty(&manifest)?;
    std::fs::write(folder.join("manifest.json"), text + "\n")?;
    Ok(folder)
}

fn copy_folder(from: &Path, to: &Path, except: &[&str]) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        let shown = name.to_string_lossy();
        if except.contains(&shown.as_ref()) || shown.starts_with('.') || shown.ends_with(".d.ts") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.join(&name), &[])?;
        } else {
            std::fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}

/// Copies what is of others, as it came from npm, and what its licence wants to be there with it.
fn copy_vendored(root: &Path, to: &Path) -> Result<()> {
    let vendor = to.join("vendor");
    std::fs::create_dir_all(&vendor)?;
    for (from, name) in VENDORED {
        let from = root.join(from);
        std::fs::copy(&from, vendor.join(name)).with_context(|| from.display().to_string())?;
    }
    Ok(())
}

/// `base.json`, changed by `BROWSER.json`, with the workspace's version. Permissions of the latter come on top of the
/// common ones.
fn manifest(folder: &Path, browser: &str) -> Result<Value> {
    let mut manifest = read_json(&folder.join("base.json"))?;
    let overlay = read_json(&folder.join(format!("{browser}.json")))?;
    let all = [permissions(&manifest), permissions(&overlay)].concat();
    merge(&mut manifest, overlay);
    let rest = serde_json::json!({ "version": env!("CARGO_PKG_VERSION"), "permissions": all });
    merge(&mut manifest, rest);
    Ok(manifest)
}

fn permissions(manifest: &Value) -> Vec<Value> {
    let list = manifest.get("permissions").and_then(Value::as_array);
    list.cloned().unwrap_or_default()
}

fn read_json(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

/// JSON merge patch (RFC 7396): null takes a member away, objects are merged, all else is replaced.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = target else {
        return;
    };
    for (name, change) in patch {
        if change.is_null() {
            members.remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{manifest, merge, permissions, read_json};
    use serde_json::{Value, json};

    #[test]
    fn a_browser_has_the_common_permissions_and_its_own() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../extension/manifests");
        let common = permissions(&read_json(&folder.join("base.json")).unwrap_or_default());
        assert!(common.contains(&Value::from("webRequest")), "{common:?}");
        let own = |names: &[&str]| names.iter().map(|&name| Value::from(name)).collect::<Vec<_>>();
        for (browser, own) in [
            (
                "firefox",
                own(&["webRequestBlocking", "webRequestFilterResponse"]),
            ),
            ("chromium", own(&["alarms", "debugger"])),
        ] {
            let all = permissions(&manifest(&folder, browser).unwrap_or_default());
            assert_eq!(all, [common.clone(), own].concat(), "{browser}");
        }
    }

    #[test]
    fn merge_patch_replaces_removes_and_descends() {
        let mut manifest = json!({ "a": 1, "b": { "c": 2, "d": [3] }, "e": "f" });
        merge(
            &mut manifest,
            json!({ "a": null, "b": { "d": [4], "g": { "h": null } }, "e": { "i": 5 } }),
        );
        assert_eq!(
            manifest,
            json!({ "b": { "c": 2, "d": [4], "g": {} }, "e": { "i": 5 } })
        );
    }
}
