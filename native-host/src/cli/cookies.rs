//! Netscape's cookie file, as curl and browsers' add-ons write it.

use weir_core::protocol::{Cookie, Secret};

/// Marks a line that is no comment though it begins like one.
const HTTP_ONLY: &str = "#HttpOnly_";

/// The cookies of a file; the 1-based line of the first that is not one of the format's.
pub(super) fn read(text: &str) -> Result<Vec<Cookie>, usize> {
    let mut cookies = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.strip_prefix(HTTP_ONLY).unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        cookies.push(cookie(line).ok_or(index + 1)?);
    }
    Ok(cookies)
}

/// Domain, whether subdomains get it, path, whether https only, expiry, name, value; tabs between.
fn cookie(line: &str) -> Option<Cookie> {
    let mut fields = line.splitn(7, '\t');
    let domain = fields.next()?;
    let subdomains = flag(fields.next()?)?;
    let path = fields.next()?;
    let secure = flag(fields.next()?)?;
    let expires: f64 = fields.next()?.parse().ok()?;
    let name = fields.next()?;
    let value = fields.next().unwrap_or("");
    Some(Cookie {
        name: name.to_owned(),
        value: Secret::new(value),
        domain: domain.trim_start_matches('.').to_owned(),
        host_only: !subdomains,
        path: path.to_owned(),
        secure,
        expires_epoch_seconds: (expires > 0.0).then_some(expires), // 0: a session cookie
    })
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "TRUE" => Some(true),
        "FALSE" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_curls() {
        let text = "# Netscape HTTP Cookie File\n\n.a.example\tTRUE\t/\tTRUE\t1999999999\tid\tx y\n\
                    #HttpOnly_b.example\tFALSE\t/p\tFALSE\t0\ts\t\n";
        let cookies = read(text).unwrap();
        let [first, second] = cookies.as_slice() else {
            panic!("two cookies")
        };
        assert_eq!(
            (first.domain.as_str(), first.host_only, first.secure),
            ("a.example", false, true)
        );
        assert_eq!(
            (first.value.expose(), first.expires_epoch_seconds),
            ("x y", Some(1_999_999_999.0))
        );
        assert_eq!(
            (second.domain.as_str(), second.host_only, second.path.as_str()),
            ("b.example", true, "/p")
        );
        assert_eq!((second.value.expose(), second.expires_epoch_seconds), ("", None));
    }

    #[test]
    fn another_format_names_the_line() {
        assert_eq!(read("# x\nname=value; path=/\n").unwrap_err(), 2);
    }
}
