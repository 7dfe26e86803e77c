//! How references resolve: a base and a reference, a line each. What comes out is of a scheme that is fetched, stays what
//! it is when it is read again, and shows no secrets.

use weir_core::url::{AbsoluteUrl, MAX_URL_BYTES};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (base, reference) = text.split_once('\n').unwrap_or(("", text));
    if let Ok(base) = AbsoluteUrl::parse(base) {
        check(&base);
        if let Ok(url) = base.join(reference) {
            check(&url);
        }
        // What has an authority does not look at the base; `https:a` does, under the same scheme.
        if let Ok(url) = AbsoluteUrl::parse(reference)
            && (reference.starts_with("http://") || reference.starts_with("https://"))
        {
            assert_eq!(base.join(reference), Ok(url));
        }
    }
    if let Ok(url) = AbsoluteUrl::parse(reference) {
        check(&url);
    }
}

fn check(url: &AbsoluteUrl) {
    assert!(
        matches!(url.scheme(), "http" | "https" | "data"),
        "{}",
        url.as_str()
    );
    assert_eq!(
        AbsoluteUrl::parse(url.as_str()).as_ref(),
        Ok(url),
        "{}",
        url.as_str()
    );
    let shown = url.to_string();
    assert!(!url.as_str().contains('#'), "a fragment in {}", url.as_str());
    if url.is_data() {
        assert_eq!(shown, "data:...");
        return;
    }
    assert!(url.as_str().len() <= MAX_URL_BYTES);
    let authority = url.as_str().split(['/', '?']).nth(2).unwrap_or_default();
    assert!(!authority.contains('@'), "credentials in {}", url.as_str());
    assert!(
        url.host().is_some_and(|host| !host.is_empty()),
        "{}",
        url.as_str()
    );
    let (visible, hidden) = shown.split_once('?').unwrap_or((&shown, ""));
    assert!(hidden.is_empty() || hidden == "...", "{shown}");
    assert!(url.as_str().starts_with(visible), "{shown} of {}", url.as_str());
    assert!(url.path().ends_with(url.file_name()));
    let _ = url.address_class();
}
