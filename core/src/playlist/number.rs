//! Decimal numbers as RFC 8216bis, 4.2, writes them: digits, at most one point, perhaps a minus sign.
//!
//! `f64::from_str` reads more than that (`1e5`, `inf`, `nan`), and its tables alone are a tenth of the
//! wasm module's budget.

/// Longest duration that is believed, in seconds: 100 days. No segment, part or range is longer.
const MAX_DURATION_SECONDS: f64 = 8_640_000.0;

/// Most digits that count: 10^18 fits 64 bits.
const MAX_DIGITS: usize = 18;

/// The largest power of ten that an `f64` holds exactly.
const MAX_SCALE: f64 = 1e22;

/// A decimal integer that fits 64 bits.
pub(super) fn integer(text: &str) -> Option<u64> {
    // `u64::from_str` takes a plus sign too, which does no harm.
    text.parse().ok()
}

/// A duration that is plausible, in seconds.
pub(super) fn seconds(text: &str) -> Option<f64> {
    decimal(text).filter(|seconds| (0.0..=MAX_DURATION_SECONDS).contains(seconds))
}

/// A signed decimal number: the nearest `f64` up to 15 digits, and within a bit or two of it beyond.
#[expect(clippy::cast_precision_loss, reason = "that is the bit or two")]
pub(super) fn decimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_empty = whole.is_empty() && fraction.is_empty();
    if is_empty || whole.len() > MAX_DIGITS || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let mut digits: u64 = 0;
    let mut scale = 1.0;
    for byte in whole.bytes() {
        digits = digits * 10 + u64::from(byte - b'0');
    }
    for byte in fraction.bytes() {
        if digits >= 10_u64.pow(17) || scale >= MAX_SCALE {
            break;
        }
        digits = digits * 10 + u64::from(byte - b'0');
        scale *= 10.0;
    }
    let value = digits as f64 / scale;
    Some(if text.len() == unsigned.len() {
        value
    } else {
        -value
    })
}

#[cfg(test)]
mod tests {
    use super::decimal;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        for (text, number) in [
            ("4", 4.0),
            ("4.", 4.0),
            (".5", 0.5),
            ("-12.5", -12.5),
            ("0009.009", 9.009),
            ("59.940", 59.94),
            ("7.8666666666666671", 7.866_666_666_666_667),
            ("0.00000000000000000000000001", 0.0),
            ("123456789012345678", 123_456_789_012_345_678.0),
        ] {
            assert_eq!(decimal(text), Some(number), "{text}");
        }
        for text in [
            "",
            ".",
            "-",
            "+1",
            "1e5",
            "nan",
            "inf",
            "1.2.3",
            " 1",
            "0x1",
            "1,5",
            "٤",
            "1234567890123456789",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_the_standard_library(whole in 0_u64..1_000_000, fraction in "[0-9]{0,9}", minus in "-?") {
            let text = format!("{minus}{whole}.{fraction}");
            prop_assert_eq!(decimal(&text), text.parse().ok());
        }

        #[test]
        fn is_close_for_any_length(whole in 0_u64..1_000_000, fraction in "[0-9]{0,40}") {
            let text = format!("{whole}.{fraction}");
            let expected: f64 = text.parse().unwrap();
            let difference = (decimal(&text).unwrap() - expected).abs();
            prop_assert!(difference <= expected * 1e-15 + 1e-21, "{} {}", text, difference);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}") {
            let _ = decimal(&text);
        }
    }
}
