//! Archives with the same bytes each time: entries sorted by name, every time the same, no user of this machine.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;

/// Time of everything in a tar archive: 1980-01-01, with which zip begins.
const TIME: u64 = 315_532_800;

/// What an archive holds, by path with `/`.
#[derive(Debug, Default)]
pub(super) struct Contents(BTreeMap<String, File>);

#[derive(Debug)]
struct File {
    bytes: Vec<u8>,
    mode: u32,
}

/// How much work is put into making an archive small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// For those who download it.
    Most,
    /// For a test that unpacks it at once.
    Least,
}

impl Contents {
    pub(super) fn file(&mut self, name: &str, bytes: Vec<u8>) {
        self.0.insert(name.to_owned(), File { bytes, mode: 0o644 });
    }

    pub(super) fn program(&mut self, name: &str, bytes: Vec<u8>) {
        self.0.insert(name.to_owned(), File { bytes, mode: 0o755 });
    }

    /// Everything below `folder`, under `prefix`.
    ///
    /// # Errors
    /// When something cannot be read, or has a name that is no UTF-8.
    pub(super) fn folder(&mut self, prefix: &str, folder: &Path) -> Result<()> {
        for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.with_context(|| format!("{}: its name is no UTF-8", path.display()))?;
            let name = format!("{prefix}{name}");
            if path.is_dir() {
                self.folder(&format!("{name}/"), &path)?;
            } else {
                self.file(
                    &name,
                    std::fs::read(&path).with_context(|| path.display().to_string())?,
                );
            }
        }
        Ok(())
    }

    /// As a zip archive.
    ///
    /// # Errors
    /// When a name or a size is none of the format's.
    pub(super) fn zip(&self) -> Result<Vec<u8>> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, file) in &self.0 {
            let options = SimpleFileOptions::default()
                .compression_method(zip::CompressionMethod::Deflated)
                .compression_level(Some(9))
                .last_modified_time(zip::DateTime::default())
                .unix_permissions(file.mode);
            archive.start_file(name.as_str(), options)?;
            archive.write_all(&file.bytes)?;
        }
        Ok(archive.finish()?.into_inner())
    }

    /// As a tar archive with gzip, everything in one folder.
    ///
    /// # Errors
    /// When a name is none of the format's.
    pub(super) fn tar_gz(&self, folder: &str, effort: Effort) -> Result<Vec<u8>> {
        let level = match effort {
            Effort::Most => Compression::best(),
            Effort::Least => Compression::fast(),
        };
        let gzip = GzBuilder::new().mtime(0).write(Vec::new(), level);
        let mut archive = tar::Builder::new(gzip);
        for (name, file) in &self.0 {
            let mut header = tar::Header::new_ustar();
            header.set_size(file.bytes.len().try_into()?);
            header.set_mode(file.mode);
            header.set_mtime(TIME);
            header.set_uid(0);
            header.set_gid(0);
            archive.append_data(&mut header, format!("{folder}/{name}"), file.bytes.as_slice())?;
        }
        Ok(archive.into_inner()?.finish()?)
    }
}

/// The digest as `sha256sum` writes it.
pub(super) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::{Contents, Effort, sha256};

    /// Makes both archives of a folder whose files were written in this order.
    fn archives(names: &[&str]) -> anyhow::Result<[Vec<u8>; 2]> {
        let folder = tempfile::tempdir()?;
        for name in names {
            let path = folder.path().join(name);
            path.parent().map(std::fs::create_dir_all).transpose()?;
            std::fs::write(&path, name.repeat(1000))?;
            // What the file system says of them is not to be seen.
            let time = std::time::SystemTime::UNIX_EPOCH
                + std::time::Duration::from_secs(name.len() as u64 * 100_000_000);
            std::fs::File::options()
                .append(true)
                .open(&path)?
                .set_modified(time)?;
        }
        let mut contents = Contents::default();
        contents.folder("", folder.path())?;
        contents.program("program", b"#!/bin/sh\n".to_vec());
        Ok([contents.zip()?, contents.tar_gz("weir", Effort::Most)?])
    }

    #[test]
    fn the_same_content_is_the_same_bytes() -> anyhow::Result<()> {
        let [zip, tar] = archives(&["a.js", "ui/b.js", "ui/c/d.js", "z.json"])?;
        assert_eq!(
            archives(&["z.json", "ui/c/d.js", "a.js", "ui/b.js"])?,
            [zip.clone(), tar.clone()]
        );
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(zip))?;
        let names: Vec<String> = zip
            .file_names()
            .map(|name| Ok(name?.into_owned()))
            .collect::<zip::result::ZipResult<_>>()?;
        assert_eq!(names, ["a.js", "program", "ui/b.js", "ui/c/d.js", "z.json"]);
        assert_eq!(
            std::io::read_to_string(zip.by_name("ui/b.js")?)?,
            "ui/b.js".repeat(1000)
        );
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(tar.as_slice()));
        let modes: Vec<(String, u32)> = tar
            .entries()?
            .map(|entry| {
                let entry = entry?;
                Ok((entry.path()?.display().to_string(), entry.header().mode()?))
            })
            .collect::<std::io::Result<_>>()?;
        assert_eq!(modes.first(), Some(&("weir/a.js".to_owned(), 0o644)));
        assert_eq!(modes.get(1), Some(&("weir/program".to_owned(), 0o755)));
        Ok(())
    }

    #[test]
    fn digests_are_those_of_sha256sum() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
    }
}
