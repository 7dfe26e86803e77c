//! File names as the user wants them: a template with what is known of a capture. It makes a wish, as a page's title is one:
//! `stem_from_title` has the last word.
//!
//! `{field}` stands for what is known, and for nothing where nothing is. Braces around text and fields make a group, which
//! is left out where nothing is known of one of its fields: `{title}{ - S{season}E{episode}}{ ({quality})}`.

use std::fmt;
use std::str::FromStr;

use chrono::Local;
use weir_core::protocol::CapturePlan;
use weir_core::url::AbsoluteUrl;

use super::episode::{Episode, episode_in};
use super::title::{cut, split_suffix};
use super::{COUNTER_BYTES, MAX_NAME_BYTES, PART_SUFFIX};

/// Longest template, in bytes: that of a file name.
const MAX_TEMPLATE_BYTES: usize = MAX_NAME_BYTES;

/// A template that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
    Group(Vec<Part>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Title,
    Site,
    Date,
    Quality,
    Season,
    Episode,
}

/// What is known of a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameFields {
    title: String,
    site: Option<String>,
    date: Option<String>,
    quality: Option<String>,
    episode: Episode,
}

/// Why a template is none. Places are counted in characters, from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Nothing but spaces.
    #[error("name template: it is empty; {{title}} is one")]
    Empty,
    /// Over 255 bytes.
    #[error("name template of {0} bytes: at most {MAX_TEMPLATE_BYTES}")]
    TooLong(usize),
    /// It would be a path, or is not to be seen.
    #[error("name template, character {at}: {character:?} cannot be in a file name")]
    Character {
        /// Which.
        character: char,
        /// Where.
        at: usize,
    },
    /// No such field.
    #[error(
        "name template, character {at}: no field {name:?}; there are title, site, date, quality, season and episode"
    )]
    Field {
        /// As it was written.
        name: String,
        /// Where.
        at: usize,
    },
    /// A brace that is not closed, or closes nothing.
    #[error("name template, character {0}: this brace has no counterpart")]
    Brace(usize),
    /// Groups in groups.
    #[error("name template, character {0}: a group cannot be in a group")]
    Nested(usize),
}

impl Field {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "title" => Self::Title,
            "site" => Self::Site,
            "date" => Self::Date,
            "quality" => Self::Quality,
            "season" => Self::Season,
            "episode" => Self::Episode,
            _ => return None,
        })
    }
}

impl NameFields {
    /// Those of a plan that is captured today.
    #[must_use]
    pub fn of(plan: &CapturePlan, title: &str, page: Option<&AbsoluteUrl>) -> Self {
        let size = plan.tracks.iter().find_map(|track| track.resolution);
        Self::new(title, page.unwrap_or(&plan.source), size)
    }

    /// Those of a capture of today.
    #[must_use]
    pub fn new(title: &str, page: &AbsoluteUrl, size: Option<(u32, u32)>) -> Self {
        let without_www = |host: &str| host.strip_prefix("www.").unwrap_or(host).to_owned();
        Self {
            title: title.trim().to_owned(),
            site: page.host().map(without_www),
            date: Some(Local::now().date_naive().to_string()),
            quality: size.map(|(_, lines)| format!("{lines}p")),
            episode: episode_in(title),
        }
    }

    fn value(&self, field: Field) -> Option<String> {
        let number = |number: Option<u32>| number.map(|number| format!("{number:02}"));
        match field {
            Field::Title => Some(self.title.clone()).filter(|title| !title.is_empty()),
            Field::Site => self.site.clone(),
            Field::Date => self.date.clone(),
            Field::Quality => self.quality.clone(),
            Field::Season => number(self.episode.season),
            Field::Episode => number(self.episode.episode),
        }
    }
}

impl NameTemplate {
    /// What a file with this extension is called. A title that is too long is cut, so that what stands behind it stays.
    pub(super) fn fill(&self, fields: &NameFields, extension: &str) -> String {
        let title = split_suffix(&fields.title, extension).map_or(fields.title.as_str(), |(stem, _)| stem);
        let with = |title: &str| {
            let fields = NameFields {
                title: title.to_owned(),
                ..fields.clone()
            };
            let mut name = String::new();
            fill(&self.parts, &fields, &mut name);
            name
        };
        let room = MAX_NAME_BYTES - extension.len() - PART_SUFFIX.len() - COUNTER_BYTES;
        let name = with(title);
        let excess = name.len().saturating_sub(room);
        let titles = count(&self.parts, Field::Title).max(1);
        if excess == 0 {
            return name;
        }
        with(cut(title, title.len().saturating_sub(excess.div_ceil(titles))))
    }
}

fn fill(parts: &[Part], fields: &NameFields, name: &mut String) {
    for part in parts {
        match part {
            Part::Text(text) => name.push_str(text),
            Part::Field(field) => name.push_str(&fields.value(*field).unwrap_or_default()),
            Part::Group(group) => {
                let is_known = |part: &Part| match part {
                    Part::Field(field) => fields.value(*field).is_some(),
                    Part::Text(_) | Part::Group(_) => true,
                };
                if group.iter().all(is_known) {
                    fill(group, fields, name);
                }
            }
        }
    }
}

fn count(parts: &[Part], wanted: Field) -> usize {
    let one = |part: &Part| match part {
        Part::Text(_) => 0,
        Part::Field(field) => usize::from(*field == wanted),
        Part::Group(group) => count(group, wanted),
    };
    parts.iter().map(one).sum()
}

impl Default for NameTemplate {
    fn default() -> Self {
        Self {
            text: "{title}".to_owned(),
            parts: vec![Part::Field(Field::Title)],
        }
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for NameTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if text.trim().is_empty() {
            return Err(TemplateError::Empty);
        }
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(TemplateError::TooLong(text.len()));
        }
        let cannot_be = |c: char| matches!(c, '/' | '\\') || c.is_control();
        if let Some((at, character)) = text.chars().enumerate().find(|(_, c)| cannot_be(*c)) {
            return Err(TemplateError::Character {
                character,
                at: at + 1,
            });
        }
        let reader = Reader { text };
        let (parts, rest) = reader.parts(text, Inside::Template)?;
        if !rest.is_empty() {
            return Err(TemplateError::Brace(reader.place(rest)));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Template,
    Group,
}

struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    /// Where `rest`, an end of the text, begins.
    fn place(&self, rest: &str) -> usize {
        let before = self.text.len() - rest.len();
        self.text.get(..before).map_or(0, |before| before.chars().count()) + 1
    }

    /// What stands before the end, or before a brace that closes what this is inside of; and the rest from there.
    fn parts(&self, mut text: &'a str, inside: Inside) -> Result<(Vec<Part>, &'a str), TemplateError> {
        let mut parts = Vec::new();
        loop {
            let brace = text.find(['{', '}']).unwrap_or(text.len());
            let (before, rest) = text.split_at(brace);
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let Some(opened) = rest.strip_prefix('{') else {
                return Ok((parts, rest));
            };
            let unclosed = || TemplateError::Brace(self.place(rest));
            let next = opened.find(['{', '}']).ok_or_else(unclosed)?;
            let (name, end) = opened.split_at(next);
            if let Some(after) = end.strip_prefix('}') {
                let unknown = || TemplateError::Field {
                    name: name.to_owned(),
                    at: self.place(opened),
                };
                parts.push(Part::Field(Field::named(name).ok_or_else(unknown)?));
                text = after;
            } else if inside == Inside::Group {
                return Err(TemplateError::Nested(self.place(rest)));
            } else {
                let (group, end) = self.parts(opened, Inside::Group)?;
                text = end.strip_prefix('}').ok_or_else(unclosed)?;
                parts.push(Part::Group(group));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output_path::stem_from_title;

    fn fields(title: &str) -> NameFields {
        let page = AbsoluteUrl::parse("https://www.video.example/watch/7").unwrap();
        NameFields {
            date: Some("2026-11-26".to_owned()),
            ..NameFields::new(title, &page, Some((1280, 720)))
        }
    }

    #[track_caller]
    fn check(template: &str, title: &str, name: &str) {
        let template: NameTemplate = template.parse().unwrap();
        let filled = template.fill(&fields(title), ".mp4");
        assert_eq!(stem_from_title(&filled, ".mp4"), name);
    }

    #[test]
    fn fields_stand_for_what_is_known() {
        check("{title}", "The mill", "The mill");
        check(
            "{site} - {date} {title} [{quality}]",
            "The mill",
            "video.example - 2026-11-26 The mill [720p]",
        );
        check("S{season}E{episode}", "The mill, S2 E7", "S02E07");
        check("{title} {season}", "The mill", "The mill");
        check("no field at all", "The mill", "no field at all");
        check("{title}.{date}", "holiday.MP4", "holiday.2026-11-26");
    }

    #[test]
    fn a_group_is_there_when_all_of_it_is_known() {
        let template = "{title}{ - S{season}E{episode}}{ ({quality})}";
        check(template, "Dams 3x04", "Dams 3x04 - S03E04 (720p)");
        check(template, "Dams, episode 4", "Dams, episode 4 (720p)");
        check("{{title} - }{date}", "", "2026-11-26");
    }

    /// Whatever a page is called, its name stays one name in the folder.
    #[test]
    fn row_65_66_no_title_leads_elsewhere() {
        check("{title}", "../../.bashrc", "bashrc");
        check(
            "{date} {title}",
            "../../etc/passwd",
            "2026-11-26 ..-..-etc-passwd",
        );
        check("{title}{title}", "..", "stream");
        // What a title holds is no template.
        check("{title}", "{site}", "{site}");
    }

    #[test]
    fn a_long_title_is_cut_and_what_follows_it_stays() {
        let template: NameTemplate = "{title} {title} [{quality}]".parse().unwrap();
        let name = template.fill(&fields(&"講".repeat(300)), ".mp4");
        assert!(name.ends_with("講 [720p]"), "{name}");
        let longest = format!("{} (9999).mp4{PART_SUFFIX}", stem_from_title(&name, ".mp4"));
        assert!((245..=255).contains(&longest.len()), "{}", longest.len());
    }

    #[test]
    fn what_is_no_template_is_told_with_its_place() {
        let refused = |text: &str| text.parse::<NameTemplate>().unwrap_err();
        assert_eq!(refused(" "), TemplateError::Empty);
        assert_eq!(refused(&"x".repeat(256)), TemplateError::TooLong(256));
        let field = |name: &str, at| TemplateError::Field {
            name: name.to_owned(),
            at,
        };
        assert_eq!(refused("é {titel}"), field("titel", 4));
        assert_eq!(refused("{Title}"), field("Title", 2));
        assert_eq!(refused("{}"), field("", 2));
        assert_eq!(refused("{title"), TemplateError::Brace(1));
        assert_eq!(refused("{title}}"), TemplateError::Brace(8));
        assert_eq!(refused("{ - {title}"), TemplateError::Brace(1));
        assert_eq!(refused("{ {title} { {date}}}"), TemplateError::Nested(11));
        for (text, character, at) in [("a/{title}", '/', 2), (r"{title}\x", '\\', 8), ("a\nb", '\n', 2)] {
            assert_eq!(refused(text), TemplateError::Character { character, at });
        }
        assert_eq!(
            field("titel", 4).to_string(),
            "name template, character 4: no field \"titel\"; there are title, site, date, quality, season and episode"
        );
    }

    proptest! {
        #[test]
        fn no_template_and_no_title_make_more_than_a_name(template in "\\PC{0,40}|[{}a-z ./-]{0,40}", title in "\\PC{0,300}") {
            let Ok(template) = template.parse::<NameTemplate>() else { return Ok(()) };
            prop_assert_eq!(template.to_string().parse::<NameTemplate>().unwrap(), template.clone());
            let stem = stem_from_title(&template.fill(&fields(&title), ".mp4"), ".mp4");
            prop_assert!(!stem.is_empty() && !stem.contains(['/', '\\']) && stem.len() <= 240, "{}", stem);
        }
    }
}
