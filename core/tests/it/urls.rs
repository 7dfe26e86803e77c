//! bad-inputs.md, rows 22 to 38 as far as the text of a URL tells.

use crate::support::{BASE, media, url, warnings};
use weir_core::url::{AbsoluteUrl, AddressClass, UrlError};

/// The message of a reference that is refused, in a playlist at [`BASE`].
fn refused(reference: &str) -> String {
    url(BASE).join(reference).unwrap_err().to_string()
}

#[test]
fn rows_22_to_27_schemes() {
    for (reference, shown) in [
        ("file:///etc/passwd", "file"),
        ("FILE:///etc/passwd", "file"),
        ("javascript:alert(1)", "javascript"),
        ("C:\\x.ts", "c"),
        ("c:/x.ts", "c"),
        ("\\\\srv\\x", "UNC path"),
        ("/\\srv\\x", "UNC path"),
        ("ftp://example.com/x", "ftp"),
        ("skd://key", "skd"),
        ("blob:https://example.com/1", "blob"),
    ] {
        assert_eq!(
            refused(reference),
            format!("scheme not allowed: {shown}"),
            "{reference}"
        );
        let text = format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{reference}\n");
        let [warning] = &warnings(&text)[..] else {
            panic!("one warning")
        };
        assert_eq!(
            *warning,
            format!("4: scheme-refused: scheme not allowed: {shown}")
        );
    }
}

#[test]
fn row_23_data_urls() {
    let small = "data:application/octet-stream;base64,AAAA";
    assert_eq!(url(BASE).join(small).unwrap().as_str(), small);
    let large = format!("data:,{}", "a".repeat(1024 * 1024));
    assert_eq!(
        refused(&large),
        format!("data: URL too long: {} bytes", large.len())
    );
    assert_eq!(
        refused(&large.replace("data", "DATA")),
        format!("data: URL too long: {} bytes", large.len())
    );
    assert_eq!(
        url(small).join("a.ts").unwrap_err().to_string(),
        "not a URL: a data: playlist cannot hold relative URLs"
    );
}

#[test]
fn rows_28_to_32_private_addresses() {
    for host in [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "a.localhost",
        "printer.local",
        "169.254.169.254",
        "[fd00::1]",
        "[fe80::1]",
        "100.64.0.1",
        "[64:ff9b::10.0.0.1]",
        "[2002:7f00:1::]",
        "224.0.0.1",
        "255.255.255.255",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
    ] {
        let Ok(url) = AbsoluteUrl::parse(&format!("http://{host}/x.ts")) else {
            // What is no ASCII is no host name in this build; that is as safe.
            assert!(!host.is_ascii(), "{host}");
            continue;
        };
        assert_eq!(url.address_class(), AddressClass::Private, "{host}");
    }
    for host in [
        "example.com",
        "8.8.8.8",
        "172.32.0.1",
        "[2606:4700::1111]",
        "localhost.example.com",
        "100.128.0.1",
    ] {
        let url = AbsoluteUrl::parse(&format!("http://{host}/x.ts")).unwrap();
        assert_eq!(url.address_class(), AddressClass::Public, "{host}");
    }
}

#[test]
fn private_addresses_are_warned_of_in_public_playlists_only() {
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://192.168.1.1/a.ts?token=s3cret\n";
    assert_eq!(
        warnings(text),
        ["4: private-address: private address: http://192.168.1.1/a.ts?..."]
    );
    let private = url("http://10.0.0.1/m.m3u8");
    let reading = weir_core::playlist::read(text.as_bytes(), Some(&private)).unwrap();
    assert_eq!(reading.warnings, []);
}

#[test]
fn row_34_credentials() {
    for reference in [
        "https://user:pass@example.com/a.ts",
        "https://user@example.com/",
        "//u:p@example.com/a",
    ] {
        assert_eq!(refused(reference), "credentials in URL", "{reference}");
    }
}

#[test]
fn row_35_ports() {
    for reference in [
        "https://example.com:0/a",
        "https://example.com:99999/a",
        "http://example.com:65536/",
    ] {
        assert_eq!(refused(reference), "bad port", "{reference}");
    }
    assert_eq!(
        url("https://example.com:8443/a").origin(),
        "https://example.com:8443"
    );
}

#[test]
fn row_36_length() {
    let reference = format!("https://example.com/{}", "a".repeat(32 * 1024));
    assert_eq!(
        refused(&reference),
        format!("URL too long: {} bytes", reference.len())
    );
    // What is short as written and long once encoded.
    assert!(matches!(
        url(BASE).join(&" a".repeat(10_000)),
        Err(UrlError::TooLong(_))
    ));
}

#[test]
fn row_37_control_characters() {
    for reference in [
        "https://example.com/a\r\nHost: b",
        "a\u{7f}b",
        "a\u{1}",
        "a\tb",
        "a\u{85}b",
    ] {
        assert_eq!(refused(reference), "control character in URL", "{reference:?}");
    }
}

#[test]
fn row_38_downgrade() {
    assert!(url("https://a.example/").downgrades_to(&url("http://a.example/")));
    assert!(!url("http://a.example/").downgrades_to(&url("https://a.example/")));
    assert!(!url("https://a.example/").downgrades_to(&url("data:,x")));
}

#[test]
fn international_host_names() {
    for written in [
        "https://bücher.example/ä.ts",
        "https://xn--bcher-kva.example/ä.ts",
    ] {
        assert_eq!(url(written).as_str(), "https://xn--bcher-kva.example/%C3%A4.ts");
    }
}

#[test]
fn shown_without_secrets() {
    let secret = url("https://example.com/path/a.ts?token=s3cret#frag");
    assert_eq!(secret.to_string(), "https://example.com/path/a.ts?...");
    assert_eq!(format!("{secret:?}"), "<https://example.com/path/a.ts?...>");
    assert_eq!(secret.as_str(), "https://example.com/path/a.ts?token=s3cret");
    assert_eq!(url("data:text/plain,key").to_string(), "data:...");
    let text = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts?token=s3cret\n";
    let shown = format!("{:?}", media(text).segments[0].uri.resolved);
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn file_names() {
    assert_eq!(
        url("https://example.com/a/b%20c.m3u8?x=/y").file_name(),
        "b%20c.m3u8"
    );
    assert_eq!(url("https://example.com/a/").file_name(), "");
}
