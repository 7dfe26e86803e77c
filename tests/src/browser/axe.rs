//! What axe-core, the checker of accessibility, says of the current tab. `cargo xtask setup` installs it beside the other
//! tools of the extension.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::Browser;

/// The rules that are broken with an impact of serious or critical, and where. A run that has looked at nothing has not
/// found the page good.
const RUN: &str = "
    // A colour on its way to another is neither.
    const ends = (one) => Number.isFinite(one.effect.getComputedTiming().endTime);
    const still = Promise.allSettled(document.getAnimations().filter(ends).map((one) => one.finished));
    // One that nobody sees may never end.
    await Promise.race([still, new Promise((resolve) => setTimeout(resolve, 1_000))]);
    const { violations, passes } = await axe.run(document, { resultTypes: ['violations'], elementRef: false });
    if (passes.length === 0) throw new Error('axe has looked at nothing');
    const isBad = ({ impact }) => impact === 'serious' || impact === 'critical';
    return violations.flatMap(({ id, impact, nodes }) => nodes.filter(isBad).map(({ target, failureSummary }) =>
        `${id} (${impact}) at ${target.join(' ')}: ${failureSummary.replace(/\\s+/g, ' ')}`));";

impl Browser {
    /// The violations that are serious or critical, a line each.
    ///
    /// # Errors
    /// axe-core is not installed, or cannot run in this tab.
    pub async fn violations(&self) -> anyhow::Result<Vec<String>> {
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../extension/node_modules/axe-core/axe.min.js");
        if self.call("return typeof axe === 'undefined'").await? == true {
            let source = fs::read_to_string(&program)
                .with_context(|| format!("no {}: run `cargo xtask setup`", program.display()))?;
            self.call(&source).await?;
        }
        Ok(serde_json::from_value(self.call(RUN).await?)?)
    }
}
