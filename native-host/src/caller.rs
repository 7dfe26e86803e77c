//! Who started this process: a browser for one of Weir's extensions, somebody else's, or a person.
//!
//! Chromium passes `chrome-extension://ID/` (and a window handle on Windows); Firefox passes the path of
//! the manifest and the extension's id.

/// The host's name in manifests and in `connectNative`.
pub const HOST_NAME: &str = "io.github.weir_hls.weir";

/// Origins of Weir's extension in Chromium browsers; the id follows from the `key` of its manifest.
pub const CHROMIUM_ORIGINS: &[&str] = &["chrome-extension://hfbofokbohdjbpgdbciplkcjdhiidcog/"];

/// Ids of Weir's extension in Firefox.
pub const FIREFOX_IDS: &[&str] = &["weir@weir-hls.github.io"];

/// What the arguments say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A browser, for Weir's extension.
    Extension,
    /// A browser, for another one.
    Stranger,
    /// No arguments of a browser: the command line.
    CommandLine,
}

/// Judges the arguments, the program's name left out.
#[must_use]
pub fn identify(arguments: &[String]) -> Caller {
    let is_origin = |argument: &str| {
        let scheme = argument.split_once("://").map_or("", |(scheme, _)| scheme);
        scheme.ends_with("-extension")
    };
    let is_manifest = |argument: &str| {
        argument
            .rsplit(['/', '\\'])
            .next()
            .is_some_and(|name| name == format!("{HOST_NAME}.json"))
    };
    let known = match arguments {
        [origin, ..] if is_origin(origin) => CHROMIUM_ORIGINS.contains(&origin.as_str()),
        [manifest, id, ..] if is_manifest(manifest) => FIREFOX_IDS.contains(&id.as_str()),
        [manifest] if is_manifest(manifest) => false,
        _ => return Caller::CommandLine,
    };
    if known {
        Caller::Extension
    } else {
        Caller::Stranger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(arguments: &[&str], expected: Caller) {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        assert_eq!(identify(&arguments), expected);
    }

    #[test]
    fn callers() {
        check(
            &["chrome-extension://hfbofokbohdjbpgdbciplkcjdhiidcog/"],
            Caller::Extension,
        );
        check(
            &[
                "chrome-extension://hfbofokbohdjbpgdbciplkcjdhiidcog/",
                "--parent-window=7",
            ],
            Caller::Extension,
        );
        check(
            &["chrome-extension://hfbofokbohdjbpgdbciplkcjdhiidcog"],
            Caller::Stranger,
        );
        check(
            &["chrome-extension://hfbofokbohdjbpgdbciplkcjdhiidcog.evil/"],
            Caller::Stranger,
        );
        check(
            &["chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"],
            Caller::Stranger,
        );
        check(&["moz-extension://b2b4/"], Caller::Stranger);
        let manifest = "/home/a/.mozilla/native-messaging-hosts/io.github.weir_hls.weir.json";
        check(&[manifest, "weir@weir-hls.github.io"], Caller::Extension);
        check(&[manifest, "other@example.org"], Caller::Stranger);
        check(&[manifest], Caller::Stranger);
        check(&[], Caller::CommandLine);
        check(&["get", "https://a.example/x.m3u8"], Caller::CommandLine);
        check(&["probe", manifest], Caller::CommandLine);
    }
}
