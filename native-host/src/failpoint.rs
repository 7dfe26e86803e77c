//! Moments at which a test has the process killed, as `kill -9` and a power cut do: `WEIR_FAILPOINT` names one. Not in
//! a release.

/// A moment at which more than one thing has to be written, and one of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    /// The job is in the journal; its output has no name yet.
    Claimed,
    /// The journal has the output's name; there is no file.
    Named,
    /// There is a file with nothing in it.
    Created,
    /// A segment is in the output; no point has it.
    Merged,
    /// The output is on the disk; its point is not in the journal.
    Synced,
    /// A point is saved.
    Saved,
    /// The last segment is in the output, which has no index.
    Last,
    /// The output is whole; the files beside it are not there.
    Whole,
    /// All is written, and nothing has its name.
    Written,
    /// The journal knows the end that comes now; the output has not its name.
    Announced,
    /// The output has its name, the files beside it have not.
    Published,
    /// All have their names; the journal does not know that the job is over.
    Over,
    /// The journal knows; the lock is still there.
    Told,
}

impl Failpoint {
    /// All of them, in the order of a capture.
    pub const ALL: [Self; 13] = [
        Self::Claimed,
        Self::Named,
        Self::Created,
        Self::Merged,
        Self::Synced,
        Self::Saved,
        Self::Last,
        Self::Whole,
        Self::Written,
        Self::Announced,
        Self::Published,
        Self::Over,
        Self::Told,
    ];

    /// What `WEIR_FAILPOINT` calls it.
    #[must_use]
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// The end of the process, when a test wants it here.
    pub(crate) fn pass(self) {
        if cfg!(debug_assertions) && std::env::var("WEIR_FAILPOINT").is_ok_and(|wanted| wanted == self.name())
        {
            kill();
        }
    }
}

/// As nobody can prepare for.
fn kill() {
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort();
}
