//! Pages that change a stream's key before they play it: one page a way, each with a stream of its own.

use std::path::Path;

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{Quality, Site};
use crate::origin::{Reply, mime_type};
use crate::streams::encrypt::{Encryption, IvRule, Names, encrypt};

/// What a page does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWay {
    /// Nothing: the key's address answers with it.
    Plain,
    /// Each byte is masked.
    Xor,
    /// Base64, backwards.
    Base64,
    /// It is encrypted itself; the page decrypts it by `WebCrypto` and gives it to hls.js.
    Unwrapped,
    /// It is encrypted itself; a worker asks for it, has it unwrapped to one that no script may read, and decrypts.
    Worker,
}

impl KeyWay {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Plain,
        Self::Xor,
        Self::Base64,
        Self::Unwrapped,
        Self::Worker,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Xor => "xor",
            Self::Base64 => "base64",
            Self::Unwrapped => "unwrapped",
            Self::Worker => "worker",
        }
    }

    /// What the key's address answers.
    fn answer(self, key: &[u8]) -> Bytes {
        match self {
            Self::Plain => key.to_vec(),
            Self::Xor => key.iter().map(|byte| byte ^ MASK).collect(),
            Self::Base64 => STANDARD.encode(key).bytes().rev().collect(),
            Self::Unwrapped | Self::Worker => {
                let wrapping = [1, 8, 15, 22, 29, 36, 43, 50, 57, 64, 71, 78, 85, 92, 99, 106];
                let encryptor = cbc::Encryptor::<Aes128>::new(&wrapping.into(), &[0; 16].into());
                encryptor.encrypt_padded_vec::<Pkcs7>(key)
            }
        }
        .into()
    }
}

/// What a masked key is masked with.
const MASK: u8 = 0x5a;

impl Site {
    /// Serves the pages; `packages` is where npm puts hls.js. The keys are returned.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn serve_keys(&self, packages: &Path) -> anyhow::Result<Vec<Bytes>> {
        self.pages.directory("/packages/", packages);
        let script = Reply::ok(include_str!("keys.js")).with_type("text/javascript");
        self.pages.reply("/keys.js", script);
        let mut all = Vec::new();
        for way in KeyWay::ALL {
            let name = way.name();
            let html = include_str!("keys.html").replace("{{way}}", name).replace(
                "{{stream}}",
                &self.media.url(&format!("/keyed/{name}/index.m3u8")),
            );
            let page = Reply::ok(html).with_type(mime_type("x.html"));
            self.pages.reply(&format!("/keyed/{name}"), page);
            let encryption = Encryption {
                first_sequence: 7,
                iv: IvRule::Implicit,
                segments_per_key: None,
            };
            let names = Names {
                segments: "",
                keys: "",
            };
            let encrypted = encrypt(&self.source(Quality::High), encryption, names)?;
            let at = |file: &str| format!("/keyed/{name}/{file}");
            let playlist = Reply::ok(encrypted.playlist).with_type(mime_type("x.m3u8"));
            self.media.reply(&at("index.m3u8"), playlist);
            for (file, segment) in encrypted.segments {
                let reply = Reply::ok(segment).with_type(mime_type(&file));
                self.media.reply(&at(&file), reply);
            }
            for (file, key) in encrypted.keys {
                self.media.reply(&at(&file), Reply::ok(way.answer(&key)));
                all.push(key);
            }
        }
        Ok(all)
    }

    /// The address of a way's page.
    #[must_use]
    pub fn key_page_url(&self, way: KeyWay) -> String {
        self.pages.url_as("localhost", &format!("/keyed/{}", way.name()))
    }

    /// How often the key of a way's stream was asked for.
    #[must_use]
    pub fn key_readings(&self, way: KeyWay) -> usize {
        let path = format!("/keyed/{}/key0.bin", way.name());
        self.media.requests_for(&path).len()
    }
}
