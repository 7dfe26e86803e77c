//! Many kills of one capture.

use super::*;

/// How long a segment takes.
const PACE: Duration = Duration::from_millis(150);

/// Kills at moments that are anything but chosen. `WEIR_KILLS` makes more of them: 200 take some minutes.
#[test]
fn kills_in_a_row_leave_no_trace_in_the_file() {
    if media::skip_without_ffmpeg("kills_in_a_row_leave_no_trace_in_the_file") {
        return;
    }
    let kills: usize = std::env::var("WEIR_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let segments = kills * 3 / 2 + 12;
    let stream = encrypted_stream(segments);
    let home = Home::new().unwrap();
    let origin = paced(stream.path(), PACE);
    let url = origin.url("/index.m3u8");
    let mut random = fastrand::Rng::with_seed(7);
    let mut killed = 0;
    while killed < kills {
        let mut child = start(&home, &url, "film.mp4", &["--concurrency", "2"]);
        let before = origin.requests().len();
        // Playlist and key are the first two.
        let patience = random.usize(2..6);
        let is_over = || jobs(&home).iter().any(|job| job["state"] == "complete");
        wait_until(&format!("it fetches: {:?}", jobs(&home)), || {
            origin.requests().len() >= before + patience || is_over()
        });
        // Anywhere between two answers.
        std::thread::sleep(PACE.mul_f64(random.f64()));
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
        if is_over() {
            break;
        }
    }
    // One that was killed behind its end is over.
    if jobs(&home)[0]["state"] != "complete" {
        check_exit(&get(&home, &url, &["-o", "film.mp4"]), 0);
    }
    let all = jobs(&home);
    let event = &all[0]["finished"];
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(event["verdict"], "complete", "{event}");
    assert_eq!(event["segments"]["total"], segments, "{event}");
    assert_eq!(event["segments"]["fetched"], segments, "{event}");
    let interrupted = asked(&origin);
    // Whole ones, whether or not the process that was killed has read them.
    let answers = interrupted.keys().map(|path| origin.answers_to(path));
    let twice = answers.map(|count| count.saturating_sub(1)).sum::<usize>();

    let other = Home::new().unwrap();
    let output = get(&other, &url, &["-o", "film.mp4"]);
    check_exit(&output, 0);
    assert!(
        film(&home) == film(&other),
        "after {killed} kills the file has other bytes"
    );
    assert_eq!(
        home.files(home.path())
            .unwrap()
            .iter()
            .filter(|name| name.contains("film"))
            .count(),
        1
    );
    let again = interrupted.values().map(|count| count - 1).sum::<usize>();
    println!("{killed} kills, {segments} segments, {again} requests again, {twice} answers again");
    assert!(
        killed * 3 >= kills,
        "only {killed} kills: the stream is too short"
    );
    // Of a few segments one is many per cent.
    if kills >= 200 {
        assert!(twice * 20 < segments, "{twice} of {segments} segments came twice");
    }
    // What was in flight, what had come before what it has to wait for, and what had come since the last point.
    assert!(again <= killed * 5, "{again} requests again after {killed} kills");
}
