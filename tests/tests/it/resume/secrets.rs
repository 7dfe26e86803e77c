//! What an interrupted capture leaves on the disk.

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
