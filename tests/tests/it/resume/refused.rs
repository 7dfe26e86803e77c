//! What cannot be gone on with: a playlist, an output or a journal that is not what it was. That is told, and what was written
//! is kept.

use super::*;

/// faults.md, 43, and an output that somebody moved: told, and what was written is kept.
#[test]
fn a_playlist_or_an_output_that_is_not_what_it_was() {
    if media::skip_without_ffmpeg("a_playlist_or_an_output_that_is_not_what_it_was") {
        return;
    }
    let Killed { stream, origin, home } = killed(10, 3, 40);
    let part = home.path().join("film.mp4.part");
    let written = fs::read(&part).unwrap();

    let playlist = fs::read_to_string(stream.path().join("index.m3u8")).unwrap();
    let other = playlist.replacen("index5.ts", "index6.ts", 1);
    origin.reply("/index.m3u8", Reply::ok(other));
    let output = home.run(["resume", "1"]).unwrap();
    check_exit(&output, 1);
    let event = last_event(&output).unwrap();
    assert_eq!(event["error"]["code"], "cannot-resume", "{event}");
    assert!(fs::read(&part).unwrap() == written, "what was written is kept");

    origin.reply("/index.m3u8", Reply::ok(playlist));
    fs::rename(&part, home.path().join("elsewhere.mp4")).unwrap();
    check_exit(&home.run(["resume", "1"]).unwrap(), 1);
    assert_eq!(jobs(&home).len(), 1);
    // Asked for as at first it begins anew.
    let output = get(&home, &origin.url("/index.m3u8"), &["-o", "film.mp4"]);
    check_exit(&output, 0);
    assert!(fs::read(home.path().join("elsewhere.mp4")).unwrap() == written);
}

/// faults.md, 42: bits that flip, a journal that is cut short, one of a newer version. The capture that is asked for comes
/// about all the same, and what was written is never touched.
#[test]
fn a_journal_that_is_damaged_costs_no_capture() {
    if media::skip_without_ffmpeg("a_journal_that_is_damaged_costs_no_capture") {
        return;
    }
    let Killed {
        stream: _stream,
        origin,
        home,
    } = killed(8, 3, 40);
    let url = origin.url("/index.m3u8");
    let part = home.path().join("film.mp4.part");
    let written = fs::read(&part).unwrap();
    let journal = home.path().join(".local/share/weir/journal.sqlite");
    // All that SQLite has to itself goes into the one file.
    let connection = rusqlite::Connection::open(&journal).unwrap();
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(connection);
    let whole = fs::read(&journal).unwrap();

    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let mut flipped = whole.clone();
    for at in (100..flipped.len()).step_by(97) {
        flipped[at] ^= 0x10;
    }
    for (name, damaged, word) in [
        ("newer", newer, "newer Weir"),
        ("flipped", flipped, ""),
        ("cut short", whole[..whole.len() / 2].to_vec(), ""),
        (
            "no database",
            b"not a database, but long enough to be taken for one".repeat(40),
            "",
        ),
    ] {
        fs::write(&journal, &damaged).unwrap();
        let output = home.run(["resume", "1"]).unwrap();
        check_exit(&output, 1);
        assert!(stderr(&output).contains(word), "{name}: {}", stderr(&output));
        let output = get(&home, &url, &["-o", "film.mp4"]);
        check_exit(&output, 0);
        let event = last_event(&output).unwrap();
        let file = event["output"].as_str().unwrap();
        assert_eq!(media::decode_errors(Path::new(file)).unwrap(), "", "{name}");
        assert!(
            fs::read(&part).unwrap() == written,
            "{name}: what was written is kept"
        );
        for left in home.files(journal.parent().unwrap()).unwrap() {
            fs::remove_file(journal.parent().unwrap().join(left)).unwrap();
        }
    }
}
