//! The protocol as its two sides see it: the golden frames, which the extension's tests read too, and
//! the TypeScript declarations that its code is checked with.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so at once"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ts_rs::{Config, TS, TypeVisitor};
use weir_core::protocol::{self, ErrorCode, Event, Request};

/// Set (to anything) to rewrite the declarations instead of comparing them.
const BLESS: &str = "WEIR_BLESS";

#[test]
fn every_request_has_a_golden_frame_that_round_trips() {
    check_frames::<Request>("request");
}

#[test]
fn every_event_has_a_golden_frame_that_round_trips() {
    check_frames::<Event>("event");
}

#[test]
fn what_a_request_may_leave_out_is_filled_in() {
    let frame = r#"{"type":"start","id":7,"job":"j","plan":{"source":"https://a.example/","live":false,"tracks":[]}}"#;
    let request: Request = serde_json::from_str(frame).unwrap();
    let whole = serde_json::to_value(&request).unwrap();
    assert_eq!(
        whole["context"],
        serde_json::json!({ "headers": [], "cookies": [], "page": null })
    );
    assert_eq!(
        whole["options"],
        serde_json::json!({ "container": "mp4", "concurrency": null, "nameTemplate": null, "folder": null })
    );
    assert_eq!(whole["plan"]["title"], Value::Null);
}

#[test]
fn error_codes_are_sent_as_they_are_called() {
    for code in ErrorCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

#[test]
fn every_error_code_is_described() {
    let text = std::fs::read_to_string(root().join("PROTOCOL.md")).unwrap();
    for code in ErrorCode::ALL {
        let row = format!("| `{code}` | ");
        assert!(text.contains(&row), "PROTOCOL.md has no row {row:?}");
    }
}

#[test]
fn declarations_are_those_of_the_types() {
    let path = root().join("extension/generated/protocol.d.ts");
    let expected = declarations();
    if std::env::var_os(BLESS).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &expected).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    let differs = committed
        .lines()
        .zip(expected.lines())
        .position(|(is, should_be)| is != should_be);
    assert!(
        committed == expected,
        "extension/generated/protocol.d.ts is not what core's types say (line {}): {BLESS}=1 cargo test -p weir-tests --test it protocol",
        differs.unwrap_or_else(|| committed.lines().count().min(expected.lines().count())) + 1
    );
}

/// Reads every golden frame of a kind, and checks that there is one for each variant.
fn check_frames<T: DeserializeOwned + Serialize>(kind: &str) {
    let mut seen = BTreeSet::new();
    for (name, text) in golden_frames(kind) {
        let frame: Value = serde_json::from_str(&text).unwrap();
        let message: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(serde_json::to_value(&message).unwrap(), frame, "{name}");
        assert_eq!(frame["type"], name, "the file is called after the frame's type");
        seen.insert(name);
    }
    assert_eq!(seen, variants::<T>(), "one golden frame for each {kind}");
}

fn golden_frames(kind: &str) -> BTreeMap<String, String> {
    let folder = root().join("tests/fixtures/frames");
    let mut frames = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if let Some(name) = stem.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')) {
            frames.insert(name.to_owned(), std::fs::read_to_string(&path).unwrap());
        }
    }
    frames
}

/// The `type`s that serde knows: it lists them when it meets one that it does not.
fn variants<T: DeserializeOwned>() -> BTreeSet<String> {
    let error = serde_json::from_value::<T>(serde_json::json!({ "type": "" }))
        .err()
        .unwrap()
        .to_string();
    let (_, expected) = error.split_once("expected one of ").unwrap();
    expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Every type of the protocol, by name: the order in which ts-rs visits them changes with each build.
fn declarations() -> String {
    let config = Config::new();
    let mut declarations = Declarations {
        config: &config,
        by_name: BTreeMap::new(),
    };
    declarations.visit::<Request>();
    declarations.visit::<Event>();
    let mut text = format!(
        "// Generated from core/src/protocol; a test fails when it drifts:\n\
         // {BLESS}=1 cargo test -p weir-tests --test it protocol\n\n\
         /** The version of the protocol that these types describe. */\n\
         export type ProtocolVersion = {};\n",
        protocol::VERSION
    );
    text.extend(declarations.by_name.into_values());
    text
}

struct Declarations<'a> {
    config: &'a Config,
    by_name: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        let name = T::ident(self.config);
        if T::output_path().is_none() || self.by_name.contains_key(&name) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        let declaration = format!("\n{docs}export {}\n", T::decl(self.config));
        self.by_name.insert(name, tidy(&without_links(&declaration)));
        T::visit_dependencies(self);
    }
}

/// Rustdoc's links (``[`super::Event::Hello`]``) as plain code, which is all that an editor shows.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        let (path, after) = link.split_once("`]").unwrap();
        let name = path.trim_start_matches("super::").trim_start_matches("crate::");
        plain.extend([before, "`", name, "`"]);
        rest = after;
    }
    plain + rest
}

/// Comments of one line on one line, and no white space at the end of any.
fn tidy(text: &str) -> String {
    let mut tidy = String::new();
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        let mut ahead = lines.clone();
        match (line, ahead.next(), ahead.next()) {
            ("/**", Some(comment), Some(" */")) => {
                tidy.extend(["/** ", comment.trim_start_matches(" * "), " */\n"]);
                lines = ahead;
            }
            _ => tidy.extend([line, "\n"]),
        }
    }
    tidy
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
