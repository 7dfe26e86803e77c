//! Error codes: stable words that the extension turns into its own language.

use serde::{Deserialize, Serialize, Serializer};

/// Whose fault an error is, so that the message can say what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The origin server, or the network on the way to it.
    Server,
    /// The playlist or the media in it.
    Playlist,
    /// What the user asked for, or the settings.
    User,
    /// This machine: disk, permissions, installation.
    Host,
    /// The other side of the port sent something wrong.
    Peer,
    /// Weir itself.
    Bug,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $fault:ident;)*) => {
        /// What went wrong. Append-only: a code keeps its meaning for ever.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the table in `PROTOCOL.md`.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code as it is sent: kebab-case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// Whose fault it is.
            #[must_use]
            pub fn fault(self) -> Fault {
                match self { $(Self::$variant => Fault::$fault),* }
            }
        }
    };
}

codes! {
    // --- playlists
    /// The text is no HLS playlist.
    NotAPlaylist = "not-a-playlist", Playlist;
    /// A playlist that breaks a rule which cannot be read around.
    BadPlaylist = "bad-playlist", Playlist;
    /// A URL that Weir does not fetch.
    BadUrl = "bad-url", Playlist;
    /// Nothing fits the selection, or nothing is left to capture.
    NothingToCapture = "nothing-to-capture", Playlist;
    /// Widevine, `PlayReady`, `FairPlay` or an unknown key system.
    Drm = "drm", Playlist;
    /// A scheme other than http, https or a small `data:`.
    SchemeRefused = "scheme-refused", Playlist;
    /// A public playlist that points into a private network.
    PrivateAddress = "private-address", Playlist;
    /// http under https.
    InsecureDowngrade = "insecure-downgrade", Playlist;
    // --- fetching
    /// The server answered with a status that is no success.
    HttpStatus = "http-status", Server;
    /// 403 or 410 after the job had worked: the link has expired.
    LinkExpired = "link-expired", Server;
    /// The name did not resolve.
    Dns = "dns", Server;
    /// The TLS handshake failed.
    Tls = "tls", Server;
    /// No connection, or it broke, or a deadline passed, for all tries.
    Network = "network", Server;
    /// Redirects in a circle, or to where Weir does not go.
    Redirect = "redirect", Server;
    /// A wrong range, a body too long, too short or of the wrong kind.
    BadResponse = "bad-response", Server;
    // --- keys and decryption
    /// The key could not be had or is not one.
    BadKey = "bad-key", Server;
    /// Decryption left no plausible media.
    Decrypt = "decrypt", Playlist;
    // --- media
    /// The bytes are no media, or of a kind that Weir does not merge.
    BadMedia = "bad-media", Playlist;
    /// A codec or a protection that this version does not handle.
    Unsupported = "unsupported", Playlist;
    // --- this machine
    /// The disk is full, or a quota or size limit of the file system is reached.
    DiskFull = "disk-full", Host;
    /// The output folder is missing or not writable.
    OutputFolder = "output-folder", Host;
    /// Another file error.
    File = "file", Host;
    /// The target is a symbolic link.
    SymlinkRefused = "symlink-refused", Host;
    /// An interrupted capture that cannot go on where it was.
    CannotResume = "cannot-resume", Host;
    /// Another process of this machine is at the same capture.
    AlreadyRunning = "already-running", User;
    /// Settings that cannot be read.
    BadSettings = "bad-settings", User;
    // --- the command line
    /// An option or value that is not understood.
    Usage = "usage", User;
    // --- the port
    /// The frame is not one JSON object in UTF-8 within the limits.
    BadFrame = "bad-frame", Peer;
    /// `type` names no command.
    UnknownCommand = "unknown-command", Peer;
    /// A field is missing, unknown or of the wrong type.
    BadField = "bad-field", Peer;
    /// The first message was not a hello.
    HelloFirst = "hello-first", Peer;
    /// The extension speaks a newer protocol than this host.
    UpdateHost = "update-host", Host;
    /// The extension speaks an older protocol than this host.
    UpdateExtension = "update-extension", Peer;
    /// The job id is in use.
    DuplicateJob = "duplicate-job", Peer;
    /// No such job.
    UnknownJob = "unknown-job", Peer;
    /// Too many jobs at a time.
    Busy = "busy", User;
    /// A header that the host does not send on.
    BadHeader = "bad-header", Peer;
    /// The caller's origin is missing or not on the list.
    UnauthorisedCaller = "unauthorised-caller", Peer;
    // --- the end of a job
    /// Segments are missing: the output plays, and `gaps` lists them.
    Gaps = "gaps", Server;
    /// A live stream whose playlist is a file: the output holds what it lists.
    LiveWindow = "live-window", Playlist;
    /// Cancelled by the user.
    Cancelled = "cancelled", User;
    /// The browser closed the port.
    BrowserGone = "browser-gone", Host;
    /// A live stream brought nothing new for too long: the output holds what came until then.
    Stalled = "stalled", Server;
    /// Paused by the user: it goes on where it is when it is asked for again.
    Paused = "paused", User;
    /// A state that should not exist.
    Internal = "internal", Bug;
}

// Not derived: the same text, from the one table that `as_str` is, and a kilobyte less of wasm.
impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
