//! The origin of the wasm tests, which run in a browser and cannot start one: `cargo xtask test` does.
//! Prints where it listens and serves until its stdin closes.

use std::io::{Read, Write};

use weir_tests::origin::{Origin, Reply, Request, Step};

const MASTER: &str = "#EXTM3U\n\
    #EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360\n360.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720\n/moved/720.m3u8\n";

const MEDIA: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n\
    #EXT-X-KEY:METHOD=AES-128,URI=\"key\"\n\
    #EXTINF:4,\na.ts\n#EXTINF:2.5,\nb.ts\n#EXT-X-ENDLIST\n";

/// One chunk of a body that goes on for ever.
const CHUNK_BYTES: usize = 64 * 1024;

fn main() -> anyhow::Result<()> {
    let origin = Origin::start()?;
    let playlist = |text: &'static str| Reply::ok(text).with_type("application/vnd.apple.mpegurl");
    origin.reply("/live/master.m3u8", playlist(MASTER));
    origin.reply("/live/360.m3u8", playlist(MEDIA));
    origin.reply("/moved/720.m3u8", Reply::redirect(302, "/cdn/720/index.m3u8"));
    origin.reply("/cdn/720/index.m3u8", playlist(MEDIA));
    origin.reply(
        "/nested.m3u8",
        playlist("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlive/master.m3u8\n"),
    );
    origin.reply("/empty.m3u8", Reply::ok(""));
    origin.reply(
        "/latin1.m3u8",
        Reply::ok(&b"#EXTM3U\n#EXTINF:1,caf\xe9\na.ts\n"[..]),
    );
    origin.reply(
        "/login",
        Reply::ok("").with_header("Set-Cookie", "session=1; Path=/"),
    );
    origin.route("/members/index.m3u8", move |request| {
        if request.has_cookie("session", "1") {
            playlist(MEDIA)
        } else {
            Reply::status(403)
        }
    });
    origin.route("/reset.m3u8", |request| raw(request, [Step::Reset]));
    origin.route("/endless.m3u8", |request| {
        raw(request, [Step::SendForEver(vec![b'#'; CHUNK_BYTES].into())])
    });
    origin.route("/stalls.m3u8", |request| {
        raw(request, [Step::Send("#EXTM3U".into()), Step::Stall])
    });

    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", origin.url(""))?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A playlist that the page may read, whose body then does what `steps` say.
fn raw(request: &Request, steps: impl IntoIterator<Item = Step>) -> Reply {
    let page = request.header("origin").unwrap_or("null");
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n\
         Access-Control-Allow-Origin: {page}\r\nAccess-Control-Allow-Credentials: true\r\n\r\n"
    );
    Reply::script(std::iter::once(Step::Send(head.into())).chain(steps))
}
