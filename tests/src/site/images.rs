//! The page with images: in every way in which pages have them, and of every kind that cannot be had.

use bytes::Bytes;
use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write as _;

use super::{COOKIE, Page, Site};
use crate::origin::Reply;

/// The title of the page.
pub const TITLE: &str = "Weirs of the Thames";

/// Where the images are, on the stream's host.
const FOLDER: &str = "/images/";

/// An image of the page: its name, and its width and height in pixels.
type Image = (&'static str, u32, u32);

/// Those that the page has once it is loaded, of which each is one picture of its own.
const THERE: [Image; 16] = [
    ("plain", 64, 48),
    ("lazy", 640, 480),
    ("original", 320, 240),
    ("wide-640", 640, 360),
    ("picture", 300, 200),
    ("ground", 120, 80),
    ("before", 24, 24),
    ("fallback", 48, 48),
    ("large", 800, 600),
    ("shadow", 90, 60),
    ("framed", 80, 60),
    ("drawn", 50, 40),
    ("poster", 160, 90),
    ("button", 96, 32),
    ("referred", 200, 100),
    ("session", 210, 110),
];

/// Those that are there once the page is scrolled to them, the second only when the first was.
const SCROLLED: [Image; 2] = [("scrolled-1", 70, 70), ("scrolled-2", 75, 75)];

/// What stands for others, or is smaller than them.
const LESSER: [Image; 3] = [
    ("wide-320", 320, 180),
    ("thumbnail", 100, 75),
    ("plain-picture", 30, 20),
];

/// What a lesser image of the page is named by: the text of the first.
pub const PLAIN_TEXT: &str = "Boveney <b>Weir</b>";

impl Site {
    /// The bytes of every distinct image that the page has and that can be had: before it is scrolled, and after.
    #[must_use]
    pub fn images(&self) -> (Vec<Bytes>, Vec<Bytes>) {
        let bytes = |images: &[Image]| images.iter().copied().map(png).collect::<Vec<Bytes>>();
        let mut there = bytes(&THERE);
        there.push(embedded());
        let all = there.iter().cloned().chain(bytes(&SCROLLED)).collect();
        (there, all)
    }

    /// The address of the one image that is not there.
    #[must_use]
    pub fn lost_image(&self) -> String {
        self.media.url(&format!("{FOLDER}gone.png"))
    }

    /// The addresses that are known to their page only, that is: those that are answered with 403 to all others.
    #[must_use]
    pub fn guarded_images() -> [String; 2] {
        ["referred", "session"].map(path)
    }

    pub(super) fn serve_images(&self) {
        for image in THERE.into_iter().chain(SCROLLED).chain(LESSER) {
            self.media
                .reply(&path(image.0), Reply::ok(png(image)).with_type("image/png"));
        }
        // The same content at another address.
        let twin = Reply::ok(png(THERE[0])).with_type("image/png");
        self.media.reply(&path("twin"), twin);
        let referer = self.pages.url_as("localhost", "/");
        self.media.guard(&path("referred"), move |request| {
            let is_from_page = request
                .header("referer")
                .is_some_and(|sent| sent.starts_with(&referer));
            (!is_from_page).then(|| Reply::status(403))
        });
        self.media.guard(&path("session"), move |request| {
            (!request.has_cookie(COOKIE.0, COOKIE.1)).then(|| Reply::status(403))
        });
        let frame = format!(
            "<!doctype html><title>Frame</title><img src=\"{}\">",
            self.media.url(&path("framed"))
        );
        self.pages
            .reply("/images/frame", Reply::ok(frame).with_type("text/html"));
    }

    /// The page's own text, with its images.
    pub(super) fn images_page(&self) -> String {
        let address = |name: &str| self.media.url(&path(name));
        Page::Images
            .html(&self.media.url(""))
            .replace("{{embedded}}", &data_url(&embedded()))
            .replace("{{frame}}", &self.pages.url_as("localhost", "/images/frame"))
            .replace("{{plain}}", &address("plain"))
            .replace("{{text}}", &PLAIN_TEXT.replace('<', "&lt;"))
    }
}

fn path(name: &str) -> String {
    format!("{FOLDER}{name}.png")
}

fn data_url(image: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(image);
    format!("data:image/png;base64,{text}")
}

/// The image that is in the page itself.
fn embedded() -> Bytes {
    png(("embedded", 16, 16))
}

/// A picture of one colour, which no other has: its name's.
fn png((name, width, height): Image) -> Bytes {
    let mut checksum = Crc::new();
    checksum.update(name.as_bytes());
    let [red, green, blue, _] = checksum.sum().to_be_bytes();
    let mut row = vec![0];
    row.extend([red, green, blue].repeat(width as usize));
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    // Neither writes anywhere but into memory.
    let _ = zlib.write_all(&row.repeat(height as usize));
    let pixels = zlib.finish().unwrap_or_default();

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    // Eight bits a channel, red, green and blue, nothing special.
    header.extend([8, 2, 0, 0, 0]);
    for (kind, data) in [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", Vec::new())] {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let mut checksum = Crc::new();
        checksum.update(kind);
        checksum.update(&data);
        file.extend(length.to_be_bytes());
        file.extend(kind);
        file.extend(data);
        file.extend(checksum.sum().to_be_bytes());
    }
    file.into()
}
