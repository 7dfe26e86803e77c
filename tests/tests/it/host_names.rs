//! What a page's title may not do to the disk: bad-inputs rows 65 to 78 and 94, from a request on the port to the file.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use weir_tests::binary::{Home, Host};
use weir_tests::origin::{Gate, Reply};
use weir_tests::streams::committed_stream;

use super::host::{check_error, greeted, origin_and_plan, start};

/// Captures the committed stream under each title, one after the other, and checks the name that is reported: it is all
/// that is new in the folder of the downloads, and nothing is new beside it.
#[track_caller]
fn check(titles: &[(&str, &str)]) {
    let (_origin, mut plan) = origin_and_plan("");
    let (home, mut host) = greeted();
    // Makes the folder of the downloads.
    host.ask(&json!({"type": "settings", "id": 0})).unwrap();
    let beside = || home.files(home.downloads().parent().unwrap()).unwrap();
    let before = beside();
    for (number, (title, name)) in (1..).zip(titles) {
        plan["title"] = json!(title);
        let finished = capture(&mut host, number, &plan);
        let output = Path::new(finished["output"].as_str().unwrap());
        assert_eq!(output, home.downloads().join(name), "{title:?}");
        assert_eq!(home.files(&home.downloads()).unwrap(), [*name], "{title:?}");
        assert_eq!(beside(), before, "{title:?}");
        fs::remove_file(output).unwrap();
    }
}

fn capture(host: &mut Host, number: u32, plan: &Value) -> Value {
    let job = format!("job-{number}");
    let answer = host.ask(&start(number, &job, plan)).unwrap();
    assert_eq!(answer["type"], "done", "{answer}");
    let finished = host.finished(&job).unwrap();
    assert_eq!(finished["verdict"], "complete", "{finished}");
    finished
}

#[test]
fn rows_65_to_68_paths() {
    check(&[
        ("../../.bashrc", "bashrc.mp4"),
        ("/etc/x", "etc-x.mp4"),
        (r"C:\x", "C--x.mp4"),
        (r"\\srv\share\x", "srv-share-x.mp4"),
        ("a:stream", "a-stream.mp4"),
    ]);
}

#[test]
fn rows_69_to_73_names_that_systems_read_in_their_own_way() {
    check(&[
        ("CON", "_CON.mp4"),
        ("COM¹.mp4", "_COM¹.mp4"),
        ("title. . ", "title.mp4"),
        (".hidden", "hidden.mp4"),
        ("-rf", "rf.mp4"),
        ("a\0b\nc\x1b[31md", "ab c[31md.mp4"),
        ("holiday\u{202e}4pm.exe", "holiday4pm.exe.mp4"),
    ]);
}

#[test]
fn rows_74_to_76_length_nothing_and_programs() {
    // A counter and `.part` have to fit, too.
    let long = format!("{}.mp4", "講".repeat(79));
    check(&[
        (&"講".repeat(100), &long),
        ("", "stream.mp4"),
        ("...", "stream.mp4"),
        ("setup.exe", "setup.exe.mp4"),
        ("x.lnk", "x.lnk.mp4"),
        ("x.desktop", "x.desktop.mp4"),
    ]);
}

/// A folder in the output folder is names, and leads nowhere else.
#[cfg(unix)]
#[test]
fn a_folder_is_in_the_output_folder_or_refused() {
    let (_origin, plan) = origin_and_plan("film");
    let (home, mut host) = greeted();
    host.ask(&json!({"type": "settings", "id": 0})).unwrap();
    let mut request = start(1, "a", &plan);
    let mut ask = |host: &mut Host, id: u32, folder: &str| {
        request["id"] = json!(id);
        request["options"] = json!({"folder": folder});
        host.ask(&request).unwrap()
    };
    for folder in [
        "..",
        "../x",
        "/etc",
        "a/../../b",
        "a//b",
        ".ssh",
        r"a\b",
        "CON",
        "",
        "a/b/c/d/e/f/g/h/i",
    ] {
        check_error(&ask(&mut host, 2, folder), "bad-settings", "folder ");
        let example = json!({"type": "exampleName", "id": 3, "template": "{title}", "title": "x", "page": "https://a.example/", "folder": folder});
        check_error(&host.ask(&example).unwrap(), "bad-settings", "folder ");
    }
    let elsewhere = home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, home.downloads().join("linked")).unwrap();
    check_error(&ask(&mut host, 4, "linked/x"), "symlink-refused", "linked");
    fs::write(home.downloads().join("file"), "mine").unwrap();
    let answer = ask(&mut host, 5, "file");
    assert_eq!(answer["error"]["code"], "output-folder", "{answer}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);

    // Made where it is not there, and used where it is.
    fs::create_dir(home.downloads().join("Lectures")).unwrap();
    assert_eq!(ask(&mut host, 6, "Lectures/水力学")["type"], "done");
    let finished = host.finished("a").unwrap();
    assert_eq!(
        finished["output"],
        home.downloads()
            .join("Lectures/水力学/film.mp4")
            .to_str()
            .unwrap(),
        "{finished}"
    );
}

#[cfg(unix)]
#[test]
fn row_77_links_at_the_name_or_its_part() {
    let (origin, plan) = origin_and_plan("film");
    let (home, mut host) = greeted();
    host.ask(&json!({"type": "settings", "id": 0})).unwrap();
    let victim = home.path().join("victim");
    fs::write(&victim, "as it was").unwrap();
    for (id, name) in (1..).zip(["film.mp4", "film.mp4.part"]) {
        let link = home.downloads().join(name);
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let answer = host.ask(&start(id, "j", &plan)).unwrap();
        check_error(
            &answer,
            "symlink-refused",
            &format!("refusing a symlink: {}", link.display()),
        );
        fs::remove_file(link).unwrap();
    }
    assert_eq!(fs::read_to_string(victim).unwrap(), "as it was");
    assert_eq!(origin.requests().len(), 0);
}

/// A name that a file system may take for one that is there: the same letters composed otherwise, or in another case.
#[test]
fn row_78_names_that_clash() {
    let (_origin, plan) = origin_and_plan("film é");
    let (home, mut host) = greeted();
    host.ask(&json!({"type": "settings", "id": 0})).unwrap();
    let there = home.downloads().join("FILM e\u{301}.mp4");
    fs::write(&there, "as it was").unwrap();
    let finished = capture(&mut host, 1, &plan);
    let expected = home.downloads().join("film é (2).mp4");
    assert_eq!(finished["output"], expected.to_str().unwrap());
    assert_eq!(fs::read_to_string(there).unwrap(), "as it was");
}

/// No request names a path: a job is known by an id that is none, and where the file goes is the host's own setting.
#[test]
fn row_94_a_job_that_is_a_path() {
    let (origin, plan) = origin_and_plan("film");
    let (_home, mut host) = greeted();
    for id in ["../../x", "/etc/x", "a/b", "a\\b", "..", ""] {
        check_error(
            &host.ask(&start(1, id, &plan)).unwrap(),
            "bad-field",
            "job: invalid job",
        );
        let cancel = host.ask(&json!({"type": "cancel", "id": 2, "job": id})).unwrap();
        check_error(&cancel, "bad-field", "job: invalid job");
    }
    for field in ["output", "path"] {
        let mut request = start(3, "j", &plan);
        request["options"] = json!({"container": "mp4", field: "/etc/x"});
        check_error(
            &host.ask(&request).unwrap(),
            "bad-field",
            &format!("unknown field `{field}`"),
        );
    }
    assert_eq!(origin.requests().len(), 0);
    let home = Home::new().unwrap();
    for id in ["../x", "/etc/passwd"] {
        assert_eq!(home.run(["resume", id]).unwrap().status.code(), Some(2));
    }
}

/// By the setting, or by what the extension says for one capture; and a capture that goes on has the name that it began with.
#[test]
fn a_template_names_files_and_tells_no_capture_from_another() {
    let (origin, plan) = origin_and_plan("Weirs S2E7");
    let gate = Gate::new();
    let last = fs::read(committed_stream().join("high/seg003.ts")).unwrap();
    origin.reply("/high/seg003.ts", Reply::ok(last).after(&gate));
    let (home, mut host) = greeted();
    let example = |template: &str| json!({"type": "exampleName", "id": 1, "template": template, "title": "../x", "page": "https://www.a.example/", "resolution": [1280, 720]});
    let named = host
        .ask(&example("{site} {title}{ [{quality}]}{ E{episode}}"))
        .unwrap();
    assert_eq!(
        named,
        json!({"type": "exampleName", "re": 1, "name": "a.example ..-x [720p].mp4"})
    );
    let wrong = host.ask(&example("{title}{quality")).unwrap();
    check_error(&wrong, "bad-settings", "name template, character 8");
    let change = |template: &str| json!({"type": "settings", "id": 2, "change": {"nameTemplate": template}});
    check_error(
        &host.ask(&change("a/{title}")).unwrap(),
        "bad-settings",
        "'/' cannot be in a file name",
    );
    let changed = host.ask(&change("{site} - {title}")).unwrap();
    assert_eq!(changed["settings"]["nameTemplate"], "{site} - {title}");

    let mut request = start(3, "first", &plan);
    request["options"] = json!({"nameTemplate": "{titel}"});
    check_error(&host.ask(&request).unwrap(), "bad-settings", "no field \"titel\"");
    request["options"] = json!({"nameTemplate": "{season}x{episode} {title}"});
    assert_eq!(host.ask(&request).unwrap()["type"], "done");
    host.expect(|frame| frame["segments"]["fetched"] == 3).unwrap();
    assert_eq!(
        home.files(&home.downloads()).unwrap(),
        ["02x07 Weirs S2E7.mp4.part"]
    );
    host.ask(&json!({"type": "pause", "id": 4, "job": "first"}))
        .unwrap();
    assert_eq!(host.finished("first").unwrap()["error"]["code"], "paused");
    gate.open();

    let finished = capture(&mut host, 5, &plan);
    assert_eq!(
        finished["output"],
        home.downloads().join("02x07 Weirs S2E7.mp4").to_str().unwrap()
    );
    assert_eq!(origin.requests_for("/high/seg000.ts").len(), 1, "it went on");
    let finished = capture(&mut host, 6, &plan);
    assert_eq!(
        finished["output"],
        home.downloads()
            .join("127.0.0.1 - Weirs S2E7.mp4")
            .to_str()
            .unwrap()
    );
}
