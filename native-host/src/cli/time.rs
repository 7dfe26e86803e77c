//! Times as typed: seconds, or `[HH:]MM:SS`, both with a fraction if need be.

use std::time::Duration;

/// Longest time that means anything, in seconds: a hundred years.
const MAX_SECONDS: f64 = 100.0 * 366.0 * 86_400.0;

/// Reads a time.
///
/// # Errors
/// What it should look like.
pub(super) fn parse(text: &str) -> Result<Duration, &'static str> {
    const WANTED: &str = "seconds, MM:SS or HH:MM:SS, with a fraction if need be (90, 1:30, 0:01:30.5)";
    let mut parts: Vec<&str> = text.split(':').collect();
    let seconds = parts.pop().ok_or(WANTED)?;
    let is_sexagesimal = !parts.is_empty();
    let is_plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if parts.len() > 2 || !is_plain(seconds) {
        return Err(WANTED);
    }
    let seconds: f64 = seconds.parse().map_err(|_| WANTED)?;
    if is_sexagesimal && seconds >= 60.0 {
        return Err(WANTED);
    }
    let mut total = seconds;
    for (index, (part, unit)) in parts.iter().rev().zip([60.0, 3600.0]).enumerate() {
        let value: u32 = part.parse().map_err(|_| WANTED)?;
        // Minutes below hours are less than an hour.
        if index == 0 && parts.len() == 2 && value >= 60 {
            return Err(WANTED);
        }
        total += f64::from(value) * unit;
    }
    if total > MAX_SECONDS {
        return Err(WANTED);
    }
    Ok(Duration::from_secs_f64(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let seconds = |text: &str| parse(text).map(|time| time.as_secs_f64());
        for (text, expected) in [
            ("0", 0.0),
            ("90", 90.0),
            ("1.25", 1.25),
            ("1:30", 90.0),
            ("90:00", 5400.0),
            ("2:03:04.5", 7384.5),
            ("100:00:00", 360_000.0),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for wrong in [
            "",
            ":",
            "1:",
            ":30",
            "-1",
            "+1",
            "1h",
            "1:60",
            "1:60:00",
            "1:2:3:4",
            "nan",
            "inf",
            "1e3",
            "1..2",
            "99999999999",
        ] {
            seconds(wrong).unwrap_err();
        }
    }
}
