//! The documents tell the truth where a test can check it.
#![expect(clippy::panic, reason = "a test that cannot go on should say so at once")]

use std::path::Path;

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn document(name: &str) -> String {
    std::fs::read_to_string(repository().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a document has in backticks that begins with one of the repository's folders.
fn paths_in(text: &str) -> Vec<&str> {
    const FOLDERS: [&str; 6] = ["core/", "wasm/", "extension/", "native-host/", "tests/", "xtask/"];
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|quoted| FOLDERS.iter().any(|folder| quoted.starts_with(folder)) && !quoted.contains(' '))
        .collect()
}

#[test]
fn the_code_map_names_files_that_exist() {
    let text = document("ARCHITECTURE.md");
    let paths = paths_in(&text);
    assert!(paths.len() > 40, "the code map has only {} paths", paths.len());
    // Generated files are not in a fresh clone, but for the one that is committed.
    let missing: Vec<_> = paths
        .iter()
        .filter(|path| !repository().join(path).exists())
        .collect();
    assert!(
        missing.is_empty(),
        "ARCHITECTURE.md names what is not there: {missing:?}"
    );
}

#[test]
fn every_module_of_the_product_is_on_the_code_map() {
    let text = document("ARCHITECTURE.md");
    for folder in ["core/src", "native-host/src", "extension"] {
        for entry in std::fs::read_dir(repository().join(folder)).expect("a folder of the product") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let path = entry.path();
            let is_module = path.is_dir() || path.extension().is_some_and(|is| is == "rs" || is == "js");
            // What every crate and every npm folder has.
            let ordinary = [
                "lib.rs",
                "error.rs",
                "log.rs",
                "generated",
                "node_modules",
                "icons",
                "tests",
            ];
            if is_module && !ordinary.contains(&name.as_str()) {
                assert!(
                    text.contains(&name),
                    "ARCHITECTURE.md does not say what {folder}/{name} is"
                );
            }
        }
    }
}

#[test]
fn every_permission_of_the_extension_is_explained() {
    let readmes = ["README.md", "README.zh-CN.md"].map(|name| (name, document(name)));
    for browser in ["base", "chromium", "firefox"] {
        let manifest: serde_json::Value =
            serde_json::from_str(&document(&format!("extension/manifests/{browser}.json")))
                .expect("a manifest");
        let permissions = manifest["permissions"].as_array().cloned().unwrap_or_default();
        assert!(browser != "base" || !permissions.is_empty());
        for permission in permissions {
            let name = permission.as_str().expect("a permission's name");
            for (readme, text) in &readmes {
                assert!(
                    text.contains(&format!("| `{name}` |")),
                    "{readme} does not explain `{name}`"
                );
            }
        }
    }
}

/// Whether the file that a test's name leads to has it: `fetch::retry::tests::x` is in `fetch/retry.rs` or in
/// `fetch/retry/tests.rs`, or in the `mod.rs` of either.
fn has_test(name: &str) -> bool {
    const SOURCES: [&str; 4] = ["native-host/src", "core/src", "core/tests/it", "tests/tests/it"];
    let modules: Vec<&str> = name.split("::").collect();
    let Some((function, modules)) = modules.split_last() else {
        return false;
    };
    let inside = modules.strip_suffix(&["tests"]).unwrap_or(modules);
    let declared = format!("fn {function}(");
    let is_in = |path: String| {
        std::fs::read_to_string(repository().join(path)).is_ok_and(|text| text.contains(&declared))
    };
    SOURCES.iter().any(|folder| {
        [modules, inside].iter().any(|modules| {
            let module = format!("{folder}/{}", modules.join("/"));
            is_in(format!("{module}.rs")) || is_in(format!("{module}/mod.rs"))
        })
    })
}

/// A row whose tests have other names now would say nothing until somebody asks for the table.
#[test]
fn the_tables_of_faults_name_tests_that_exist() {
    for table in ["tests/faults.tsv", "tests/bad_inputs.tsv"] {
        let text = document(table);
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        let tests = rows
            .filter_map(|row| row.split('\t').nth(2))
            .flat_map(str::split_whitespace);
        // Those of the extension have sentences for names.
        let tests: Vec<_> = tests.filter(|test| !test.starts_with("js:")).collect();
        assert!(tests.len() > 50, "{table} has only {} tests", tests.len());
        let missing: Vec<_> = tests.iter().filter(|test| !has_test(test)).collect();
        assert!(missing.is_empty(), "{table} names what is not there: {missing:?}");
    }
}
