//! faults.md, 41: a machine that sleeps. Its connections are gone when it wakes up, and its clock has jumped.

use std::process::Command;

use weir_tests::origin::faults;

use super::*;

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn row_41_a_capture_that_slept_goes_on() {
    if media::skip_without_ffmpeg("row_41_a_capture_that_slept_goes_on") {
        return;
    }
    let stream = encrypted_stream(4);
    let origin = paced(stream.path(), Duration::ZERO);
    let last = fs::read(stream.path().join("index3.ts")).unwrap();
    let gives_up = Gate::new();
    let broken = faults::reset_after(last.clone(), last.len() / 2).after(&gives_up);
    origin.sequence("/index3.ts", [broken, Reply::ok(last)]);
    let home = Home::new().unwrap();
    let child = start(&home, &origin.url("/index.m3u8"), "film.mp4", &[]);
    wait_until("the last segment is asked for", || {
        asked(&origin).get("/index3.ts") == Some(&1)
    });
    signal(&child, "-STOP");
    // While it sleeps the server gives up.
    gives_up.open();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(asked(&origin)["/index3.ts"], 1, "it sleeps");
    signal(&child, "-CONT");
    let output = child.wait_with_output().unwrap();
    check_exit(&output, 0);
    let event = last_event(&output).unwrap();
    assert_eq!(
        (&event["verdict"], &event["segments"]["retried"]),
        (&json!("complete"), &json!(1)),
        "{event}"
    );
    assert_eq!(asked(&origin)["/index3.ts"], 2);
    assert_eq!(media::decode_errors(&home.path().join("film.mp4")).unwrap(), "");
}
