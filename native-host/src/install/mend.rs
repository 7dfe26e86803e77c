//! What `weir doctor --fix` may do: what the user could do by hand with one command, and undo.

use std::path::PathBuf;

use super::browsers::Browser;
use super::{access, manifest, own_program};

/// A way to mend something.
#[derive(Debug)]
pub(super) enum Remedy {
    /// Have a browser start this program.
    Register(Browser),
    /// Take the right to write from other users.
    CloseToOthers(PathBuf),
    /// Let nobody but the owner in.
    MakePrivate(PathBuf),
}

impl Remedy {
    /// Does it; says what was done, or why it could not be.
    pub(super) fn apply(&self) -> Result<String, String> {
        match self {
            Self::Register(browser) => {
                let program = own_program().map_err(|error| error.to_string())?;
                manifest::write(browser, &program).map_err(|error| error.to_string())?;
                Ok(format!("registered {}", program.display()))
            }
            Self::CloseToOthers(path) => access::close_to_others(path)
                .map(|()| format!("other users can no longer change {}", path.display()))
                .map_err(|error| error.to_string()),
            Self::MakePrivate(folder) => access::make_private(folder)
                .map(|()| format!("{} is for you alone now", folder.display()))
                .map_err(|error| error.to_string()),
        }
    }
}
