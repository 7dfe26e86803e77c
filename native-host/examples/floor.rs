//! The least that saving a playlist can cost: segments over a few plain connections, decrypted in place, written in order
//! as they are. `cargo xtask bench` compares Weir with it.
//!
//! ```text
//! floor http://127.0.0.1:PORT/media.m3u8 OUTPUT CONNECTIONS
//! ```
//!
//! It speaks HTTP/1.1 with `Content-Length`, AES-128 with the IV of the media sequence number, and nothing else.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt as _, KeyIvInit as _};

type Failure = Box<dyn Error + Send + Sync>;

/// Read ahead of what is asked for, so that a head and a small body are one call.
const READ_BYTES: usize = 64 << 10;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, output, connections] = &arguments[..] else {
        return Err("usage: floor URL OUTPUT CONNECTIONS".into());
    };
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or("an http:// URL is needed")?;
    let mut first = Connection::open(host)?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut playlist = Vec::new();
    first.get(&format!("/{path}"), &mut playlist)?;
    let segments = segments(&String::from_utf8(playlist)?, folder, &mut first)?;
    drop(first);

    let next = AtomicUsize::new(0);
    let out = Output {
        state: Mutex::new((0, File::create_new(output)?)),
        turn: Condvar::new(),
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections.parse()?)
            .map(|_| scope.spawn(|| work(host, &segments, &next, &out)))
            .collect();
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok(())
    })
}

struct Segment {
    path: String,
    cipher: Option<([u8; 16], [u8; 16])>,
}

/// What a media playlist lists.
fn segments(text: &str, folder: &str, connection: &mut Connection) -> Result<Vec<Segment>, Failure> {
    let mut keys: HashMap<String, [u8; 16]> = HashMap::new();
    let (mut key, mut sequence, mut segments) = (None, 0_u128, Vec::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(number) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
            sequence = number.parse()?;
        } else if let Some(attributes) = line.strip_prefix("#EXT-X-KEY:METHOD=AES-128,URI=\"") {
            let uri = attributes.split('"').next().unwrap_or_default();
            if !keys.contains_key(uri) {
                let mut bytes = Vec::new();
                connection.get(&format!("/{folder}/{uri}"), &mut bytes)?;
                let bytes = bytes.try_into().map_err(|_| "a key of another length than 16")?;
                keys.insert(uri.to_owned(), bytes);
            }
            key = keys.get(uri).copied();
        } else if !line.starts_with('#') {
            segments.push(Segment {
                path: format!("/{folder}/{line}"),
                cipher: key.map(|key| (key, sequence.to_be_bytes())),
            });
            sequence += 1;
        }
    }
    Ok(segments)
}

/// Where segments are written, one after the other.
struct Output {
    state: Mutex<(usize, File)>,
    turn: Condvar,
}

impl Output {
    fn write(&self, index: usize, bytes: &[u8]) -> std::io::Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self
            .turn
            .wait_while(state, |(next, _)| *next != index)
            .unwrap_or_else(PoisonError::into_inner);
        let written = state.1.write_all(bytes);
        // Whoever waits is let go on, or a failure would leave it waiting.
        state.0 += 1;
        self.turn.notify_all();
        written
    }
}

/// Fetches whatever is next until nothing is.
fn work(host: &str, segments: &[Segment], next: &AtomicUsize, out: &Output) -> Result<(), Failure> {
    let mut connection = Connection::open(host)?;
    let mut body = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(segment) = segments.get(index) else {
            return Ok(());
        };
        let fetched = connection.get(&segment.path, &mut body);
        let plain = match (&fetched, segment.cipher) {
            (Ok(()), Some((key, iv))) => cbc::Decryptor::<Aes128>::new(&key.into(), &iv.into())
                .decrypt_padded::<Pkcs7>(&mut body)
                .map_err(|_| "bad padding")?,
            _ => &body,
        };
        out.write(index, plain)?;
        fetched?;
    }
}

struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(host: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            host: host.to_owned(),
            stream: BufReader::with_capacity(READ_BYTES, stream),
        })
    }

    /// Asks for `path`; its body is in `body`.
    fn get(&mut self, path: &str, body: &mut Vec<u8>) -> Result<(), Failure> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if !line.contains(" 200 ") {
            return Err(format!("{path}: {}", line.trim_end()).into());
        }
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = Some(value.parse()?);
                }
                Some(_) => {}
                None => break,
            }
        }
        // The memory is kept from one body to the next.
        body.resize(length.ok_or("no Content-Length")?, 0);
        self.stream.read_exact(body)?;
        Ok(())
    }
}
