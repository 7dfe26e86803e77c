//! The budget of the wasm module: a browser reads all of it each time it wakes the extension's worker.
//!
//! It holds for whichever compiler `setup` found: rustup's target leaves some 3 % more than Debian's, whose standard
//! library is compiled for size.

use std::io::Write;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::say;
use crate::workspace::Workspace;

/// Most bytes as it is.
const MAX_BYTES: usize = 200_000;

/// Most bytes as a package or a download compresses it.
const MAX_GZIP_BYTES: usize = 90_000;

/// Measures the module that was built last.
///
/// # Errors
/// When it is over the budget.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let path = workspace.root().join("extension/generated/weir_wasm_bg.wasm");
    let module = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&module)?;
    let gzip = encoder.finish()?.len();
    say::line(&format!(
        "weir_wasm_bg.wasm: {} bytes of {MAX_BYTES}, {gzip} of {MAX_GZIP_BYTES} with gzip",
        module.len()
    ));
    if module.len() > MAX_BYTES || gzip > MAX_GZIP_BYTES {
        bail!("the wasm module is over its budget");
    }
    Ok(())
}
