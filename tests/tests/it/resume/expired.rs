//! faults.md, 6, from the command line: the links of a capture expire, and it goes on with fresh ones.

use weir_tests::origin::Tokens;

use super::*;

const LIFETIME: Duration = Duration::from_millis(1_500);

/// The committed stream, whose segments need a link that lives for a moment, and the playlist a token.
fn expiring() -> (Origin, Tokens) {
    let (origin, tokens) = (Origin::start().unwrap(), Tokens::living(LIFETIME));
    for number in 0..4 {
        let name = format!("seg00{number}.ts");
        let bytes = fs::read(committed_stream().join("low").join(&name)).unwrap();
        origin.reply(
            &format!("/low/{name}"),
            Reply::ok(bytes).with_delay(Duration::from_millis(800)),
        );
    }
    let playlist = fs::read_to_string(committed_stream().join("low/index.m3u8")).unwrap();
    let playlist = playlist.replace("\nseg", "\n/low/seg");
    let (links, refusing) = (tokens.clone(), tokens.clone());
    origin.route("/index.m3u8", move |_| Reply::ok(links.playlist(&playlist)));
    origin.guard("/low/", move |request| refusing.refuse(request));
    (origin, tokens)
}

/// What a link that has expired costs: a message, and one more command.
#[test]
fn a_capture_whose_links_expire_goes_on_with_a_fresh_one() {
    let (origin, tokens) = expiring();
    let (home, other) = (Home::new().unwrap(), Home::new().unwrap());
    let slowly = |home: &Home, token: u32| {
        let url = origin.url(&format!("/index.m3u8?token={token}"));
        get(home, &url, &["-o", "film.mp4", "--concurrency", "1"])
    };
    let mut commands = 1;
    let mut output = slowly(&home, commands);
    while output.status.code() == Some(1) {
        let event = last_event(&output).unwrap();
        assert_eq!(event["error"]["code"], "link-expired", "{event}");
        let message = event["error"]["message"].as_str().unwrap();
        assert!(message.contains("give the same command with it"), "{message}");
        let job = &jobs(&home)[0];
        assert_eq!(job["state"], "interrupted", "{job}");
        commands += 1;
        output = slowly(&home, commands);
    }
    check_exit(&output, 0);
    assert!((2..=3).contains(&commands), "{commands} commands");
    let taken = tokens.taken();
    assert_eq!(taken.len(), 4);
    assert!(taken.values().all(|&count| count == 1), "{taken:?}");

    // The same with the number of the capture, where its own link holds no token.
    let url = origin.url("/index.m3u8");
    let output = get(&other, &url, &["-o", "film.mp4", "--concurrency", "1"]);
    check_exit(&output, 1);
    let mut output = other.run(["resume", "1"]).unwrap();
    if output.status.code() == Some(1) {
        output = other.run(["resume", "1"]).unwrap();
    }
    check_exit(&output, 0);
    // All at once, nothing expires.
    for (resumed, url) in [(&home, origin.url("/index.m3u8?token=9")), (&other, url)] {
        let whole = Home::new().unwrap();
        check_exit(&get(&whole, &url, &["-o", "film.mp4", "--concurrency", "4"]), 0);
        assert!(film(resumed) == film(&whole), "the file of {url} has other bytes");
    }
}
