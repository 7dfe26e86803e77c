//! What an interrupted capture leaves on the disk.

use base64::Engine as _;

use super::*;

/// Nothing secret is in any file that a run leaves: an interrupted one, a resumed one, a finished one.
#[test]
fn no_secret_is_on_the_disk() {
    if media::skip_without_ffmpeg("no_secret_is_on_the_disk") {
        return;
    }
    let stream = encrypted_stream(10);
    let origin = paced(stream.path(), Duration::from_millis(40));
    let url = origin.url("/index.m3u8?token=s3cr3t-token");
    let home = Home::new().unwrap();
    let cookies = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        cookies.path(),
        "127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\ts3cr3t-cookie\n",
    )
    .unwrap();
    let secrets = [
        "-H",
        "Authorization: Bearer s3cr3t-header",
        "--cookies",
        cookies.path().to_str().unwrap(),
        "--concurrency",
        "1",
    ];
    let nothing_secret = |when: &str| check_nothing_secret(&home, when, &[b"s3cr3t", &KEY]);
    let link = "/index.m3u8?token=s3cr3t-token";
    interrupted(&home, &origin, link, "film.mp4", 3, &secrets);
    nothing_secret("interrupted");
    // By its number it cannot be asked for again; the same command goes on.
    let output = home.run(["resume", "1"]).unwrap();
    check_exit(&output, 1);
    assert!(
        stderr(&output).contains("the same `weir get` command"),
        "{}",
        stderr(&output)
    );
    let before = asked(&origin).values().sum::<usize>();
    check_exit(
        &get(&home, &url, &[&secrets[..], &["-o", "film.mp4"]].concat()),
        0,
    );
    assert!(
        asked(&origin).values().sum::<usize>() - before <= 7,
        "it went on where it was"
    );
    nothing_secret("finished");
}

/// A key that is in the plan itself, as the extension sends one that a page made, is on no disk either: who goes on brings it
/// again.
#[test]
fn a_key_that_is_in_the_plan_is_not_on_the_disk() {
    if media::skip_without_ffmpeg("a_key_that_is_in_the_plan_is_not_on_the_disk") {
        return;
    }
    let stream = encrypted_stream(10);
    let encoded = base64::engine::general_purpose::STANDARD.encode(KEY);
    let carried = format!("data:application/octet-stream;base64,{encoded}");
    let playlist = stream.path().join("index.m3u8");
    let text = fs::read_to_string(&playlist).unwrap();
    assert!(text.contains("URI=\"key\""), "{text}");
    fs::write(
        &playlist,
        text.replace("URI=\"key\"", &format!("URI=\"{carried}\"")),
    )
    .unwrap();
    let origin = paced(stream.path(), Duration::from_millis(40));
    let home = Home::new().unwrap();
    let options = ["--concurrency", "1"];
    let hex = format!("{:032x}", u128::from_be_bytes(KEY));
    let secrets = [&KEY[..], encoded.as_bytes(), hex.as_bytes()];
    interrupted(&home, &origin, "/index.m3u8", "film.mp4", 3, &options);
    check_nothing_secret(&home, "interrupted", &secrets);
    let url = origin.url("/index.m3u8");
    let before = asked(&origin).values().sum::<usize>();
    check_exit(
        &get(&home, &url, &[&options[..], &["-o", "film.mp4"]].concat()),
        0,
    );
    let again = asked(&origin).values().sum::<usize>() - before;
    assert!(again <= 7, "it went on where it was: {again}");
    assert_eq!(origin.requests_for("/key").len(), 0);
    check_nothing_secret(&home, "finished", &secrets);
}

/// No file below the home has one of these in it.
#[track_caller]
pub(super) fn check_nothing_secret(home: &Home, when: &str, secrets: &[&[u8]]) {
    let mut folders = vec![home.path().to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            seen += 1;
            let bytes = fs::read(&path).unwrap();
            for secret in secrets {
                let has = bytes.windows(secret.len()).any(|window| window == *secret);
                let text = String::from_utf8_lossy(secret);
                assert!(!has, "{when}: {text:?} is in {}", path.display());
            }
        }
    }
    assert!(seen >= 3, "{when}: {seen} files");
}
