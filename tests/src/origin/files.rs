//! Files of a folder as replies.

use std::path::{Component, Path};

use super::{Reply, Request};

/// The MIME type of a file name, by its extension.
#[must_use]
pub fn mime_type(name: &str) -> &'static str {
    let extension = name
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension)
        .to_ascii_lowercase();
    match extension.as_str() {
        "m3u8" | "m3u" => "application/vnd.apple.mpegurl",
        "ts" => "video/mp2t",
        "m4s" => "video/iso.segment",
        "mp4" | "m4v" | "cmfv" => "video/mp4",
        "m4a" | "cmfa" => "audio/mp4",
        "aac" => "audio/aac",
        "mp3" => "audio/mpeg",
        "vtt" => "text/vtt; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "wasm" => "application/wasm",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The file that `request` names below `folder`; 404 for everything else, paths that leave the folder included.
pub(super) fn serve(folder: &Path, prefix: &str, request: &Request) -> Reply {
    let relative = Path::new(request.path().strip_prefix(prefix).unwrap_or(""));
    if !relative
        .components()
        .all(|component| matches!(component, Component::Normal(_)))
    {
        return Reply::status(404);
    }
    let mut path = folder.join(relative);
    if path.is_dir() {
        path.push("index.html");
    }
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    match std::fs::read(&path) {
        Ok(bytes) => Reply::ok(bytes).with_type(mime_type(&name)),
        Err(_) => Reply::status(404),
    }
}
