//! The text of a cue (W3C WebVTT, 6.4) without its markup, and what of the markup other formats can show.

use serde::{Deserialize, Serialize};

/// Text, and which parts of it are set off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StyledText {
    pub(crate) text: String,
    /// Rising, not overlapping, none of them plain.
    pub(crate) spans: Vec<Span>,
}

/// A stretch of characters of one style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    /// First character, and the one behind the last.
    pub(crate) begin: usize,
    pub(crate) end: usize,
    pub(crate) style: Style,
}

/// How characters look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Style {
    pub(crate) bold: bool,
    pub(crate) italic: bool,
    pub(crate) underline: bool,
}

/// Tags nest this deep; deeper ones change nothing.
const MAX_DEPTH: usize = 64;

impl StyledText {
    /// Reads the text of a cue. Voices, classes and languages are left out, a ruby text stands in brackets.
    pub(crate) fn of_cue(cue: &str) -> Self {
        let mut styled = Self::default();
        let mut characters = 0;
        let mut open: Vec<&str> = Vec::new();
        let mut rest = cue;
        while let Some(at) = rest.find(['<', '&']) {
            let (before, behind) = rest.split_at(at);
            characters += styled.add(before, characters, &open);
            let read = match behind.strip_prefix('<') {
                Some(tag) => {
                    // A tag that does not end goes to the end, as the specification has it.
                    let (name, behind) = tag.split_once('>').unwrap_or((tag, ""));
                    if let Some(bracket) = turn(name, &mut open) {
                        characters += styled.add(bracket, characters, &open);
                    }
                    Some(behind)
                }
                None => character_reference(behind).map(|(character, behind)| {
                    characters += styled.add(character.encode_utf8(&mut [0; 4]), characters, &open);
                    behind
                }),
            };
            rest = read.unwrap_or_else(|| {
                characters += styled.add("&", characters, &open);
                behind.strip_prefix('&').unwrap_or_default()
            });
        }
        styled.add(rest, characters, &open);
        styled
    }

    /// Adds text behind `characters` others; returns how many it has.
    fn add(&mut self, text: &str, characters: usize, open: &[&str]) -> usize {
        let count = text.chars().count();
        let style = Style {
            bold: open.contains(&"b"),
            italic: open.contains(&"i"),
            underline: open.contains(&"u"),
        };
        self.text.push_str(text);
        if count > 0 && style != Style::default() {
            match self.spans.last_mut() {
                Some(last) if last.end == characters && last.style == style => last.end += count,
                _ => self.spans.push(Span {
                    begin: characters,
                    end: characters + count,
                    style,
                }),
            }
        }
        count
    }
}

/// Opens or closes a tag; returns the bracket that stands for a ruby text's beginning or end.
fn turn<'a>(tag: &'a str, open: &mut Vec<&'a str>) -> Option<&'static str> {
    let (closes, tag) = match tag.strip_prefix('/') {
        Some(tag) => (true, tag),
        None => (false, tag),
    };
    let name = tag.split(|c: char| c == '.' || c.is_whitespace()).next()?;
    if !matches!(name, "b" | "i" | "u" | "rt") {
        return None;
    }
    if closes {
        // One that was not the last to open closes those within it, too.
        let at = open.iter().rposition(|known| *known == name)?;
        open.truncate(at);
    } else if open.len() < MAX_DEPTH {
        open.push(name);
    } else {
        return None;
    }
    match (name, closes) {
        ("rt", false) => Some("("),
        ("rt", true) => Some(")"),
        _ => None,
    }
}

/// The character that `&name;`, `&#10;` or `&#xa;` stands for, and what follows it.
fn character_reference(text: &str) -> Option<(char, &str)> {
    const LONGEST_NAME: usize = 8;
    let text = text.strip_prefix('&')?;
    // No further than a name reaches: a text of ampersands would cost its square.
    let end = text
        .bytes()
        .take(LONGEST_NAME + 1)
        .position(|byte| byte == b';')?;
    let (name, behind) = (text.get(..end)?, text.get(end + 1..)?);
    let number = name.strip_prefix('#').and_then(|number| {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        char::from_u32(code.ok()?).filter(|&character| character != '\0')
    });
    let character = number.or(match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        "lrm" => Some('\u{200e}'),
        "rlm" => Some('\u{200f}'),
        _ => None,
    })?;
    Some((character, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cue: &str, text: &str, spans: &[(usize, usize, &str)]) {
        let styled = StyledText::of_cue(cue);
        assert_eq!(styled.text, text, "{cue}");
        let shown: Vec<_> = styled
            .spans
            .iter()
            .map(|span| {
                let Style {
                    bold,
                    italic,
                    underline,
                } = span.style;
                let letters = [(bold, "b"), (italic, "i"), (underline, "u")];
                let on: String = letters
                    .iter()
                    .filter(|(on, _)| *on)
                    .map(|(_, name)| *name)
                    .collect();
                (span.begin, span.end, on)
            })
            .collect();
        let expected: Vec<_> = spans
            .iter()
            .map(|&(begin, end, style)| (begin, end, style.to_owned()))
            .collect();
        assert_eq!(shown, expected, "{cue}");
    }

    /// A megabyte of this took minutes.
    #[test]
    fn nothing_but_ampersands() {
        let text = "&".repeat(1 << 20);
        assert_eq!(StyledText::of_cue(&text).text, text);
    }

    #[test]
    fn markup_is_taken_out() {
        check("plain & simple", "plain & simple", &[]);
        check("a<b>b<i>c</i></b>d", "abcd", &[(1, 2, "b"), (2, 3, "bi")]);
        check("<v.loud Mary Ann>Hi</v> <c.red.big>there</c>", "Hi there", &[]);
        check("é<u.x>ü\n</u>", "éü\n", &[(1, 3, "u")]);
        check("<00:00:01.000>one <lang en>two</lang>", "one two", &[]);
        check("<ruby>漢<rt>kan</rt></ruby>", "漢(kan)", &[]);
        check(
            "1 &lt; 2 &amp;&#x26;&#38; 3 &gt;&nbsp;&unknown; &",
            "1 < 2 &&& 3 >\u{a0}&unknown; &",
            &[],
        );
        check("<i>never closed", "never closed", &[(0, 12, "i")]);
        check(
            "<b>one <i>two</b> three",
            "one two three",
            &[(0, 4, "b"), (4, 7, "bi")],
        );
        check("a tag < that does not end", "a tag ", &[]);
        check("</b>stray", "stray", &[]);
    }
}
