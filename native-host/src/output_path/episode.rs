//! Season and episode in a title, as people and sites write them.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

/// What a title says; None where it says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Episode {
    pub season: Option<u32>,
    pub episode: Option<u32>,
}

/// Numbers as digits or as Chinese writes them.
const NUMBER: &str = "([0-9]{1,4}|[零〇一二两三四五六七八九十百]{1,6})";

/// Both at once, the surest first.
static TOGETHER: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    all(&[
        r"(?i)\bS([0-9]{1,3})[ ._-]{0,2}E([0-9]{1,4})\b".to_owned(),
        r"\b([0-9]{1,2})x([0-9]{2,3})\b".to_owned(),
        r"(?i)\bseason ([0-9]{1,3})\b.{0,12}\bepisode ([0-9]{1,4})\b".to_owned(),
    ])
});

static SEASON: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    all(&[
        r"(?i)\bseason ([0-9]{1,3})\b".to_owned(),
        format!("第 ?{NUMBER} ?季"),
    ])
});

static EPISODE: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    all(&[
        r"(?i)\b(?:episode|ep)[ ._#-]{0,2}([0-9]{1,4})\b".to_owned(),
        r"\bE([0-9]{2,4})\b".to_owned(),
        format!("第 ?{NUMBER} ?[集话話回期讲講]"),
    ])
});

/// A pattern that is none fits nothing; the tests use each.
fn all(patterns: &[String]) -> Vec<Regex> {
    patterns.iter().flat_map(|pattern| Regex::new(pattern)).collect()
}

/// What the title says.
pub(super) fn episode_in(title: &str) -> Episode {
    let together = TOGETHER.iter().find_map(|pattern| pattern.captures(title));
    if let Some(found) = together {
        return Episode {
            season: group(&found, 1),
            episode: group(&found, 2),
        };
    }
    let first = |patterns: &[Regex]| {
        let found = patterns.iter().find_map(|pattern| pattern.captures(title))?;
        group(&found, 1)
    };
    Episode {
        season: first(&SEASON),
        episode: first(&EPISODE),
    }
}

fn group(found: &Captures<'_>, index: usize) -> Option<u32> {
    number(found.get(index)?.as_str())
}

/// `12` and 十二.
fn number(text: &str) -> Option<u32> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let (mut sum, mut digit) = (0, None);
    for character in text.chars() {
        match character {
            '十' => sum += 10 * digit.take().unwrap_or(1),
            '百' => sum += 100 * digit.take().unwrap_or(1),
            '两' => digit = Some(2),
            other => {
                let value = "零一二三四五六七八九".chars().position(|one| one == other);
                digit = Some(u32::try_from(value.unwrap_or(0)).ok()?);
            }
        }
    }
    Some(sum + digit.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(title: &str, season: Option<u32>, episode: Option<u32>) {
        assert_eq!(episode_in(title), Episode { season, episode }, "{title}");
    }

    #[test]
    fn as_sites_write_them() {
        check("Dams.S01E02.1080p", Some(1), Some(2));
        check("Dams - s2 e10 - The flood", Some(2), Some(10));
        check("Dams S1.E3", Some(1), Some(3));
        check("Dams 3x04", Some(3), Some(4));
        check("Dams, Season 2, Episode 11", Some(2), Some(11));
        check("Dams: season 4", Some(4), None);
        check("Dams Episode 7", None, Some(7));
        check("Dams EP12", None, Some(12));
        check("Dams ep. 3", None, Some(3));
        check("Dams E05", None, Some(5));
        check("水坝 第2季 第13集", Some(2), Some(13));
        check("水坝第二季第十三集", Some(2), Some(13));
        check("水坝 第两百零五话", None, Some(205));
        check("水力学 第 7 讲", None, Some(7));
    }

    #[test]
    fn what_is_no_episode() {
        for title in [
            "",
            "A film in 1920x1080",
            "E5",
            "Recipes 2024",
            "The 4x100m relay",
            "Steps 1, 2 and 3",
            "第一次",
            "SE01",
        ] {
            check(title, None, None);
        }
    }
}
