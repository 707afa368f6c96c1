//! The entry of a version in the changelog.

use super::version::Version;

/// The date of the entry, which stands first but for what is not released and is not empty.
pub(super) fn check(text: &str, version: Version) -> Result<String, String> {
    let mut entries = entries(text).into_iter();
    let (unreleased, changes) = entries.next().ok_or("it has no entries")?;
    if unreleased != "[Unreleased]" {
        return Err("its first entry is not `## [Unreleased]`".to_owned());
    }
    let begin = format!("[{version}] - ");
    let entry = entries.next();
    let entry = entry.and_then(|(title, entry)| Some((title.strip_prefix(&begin)?, entry)));
    let Some((date, entry)) = entry else {
        return Err(format!(
            "`## [Unreleased]` is not followed by `## {begin}YYYY-MM-DD`"
        ));
    };
    if !is_date(date) {
        return Err(format!("{date:?} is not a date such as 2030-01-31"));
    }
    if entry.trim().is_empty() {
        return Err(format!("the entry of {version} says nothing"));
    }
    if !changes.trim().is_empty() {
        return Err(format!(
            "some changes are not in the entry of {version} yet"
        ));
    }
    Ok(date.to_owned())
}

/// The titles, and what stands under each.
fn entries(text: &str) -> Vec<(&str, String)> {
    let mut entries: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            entries.push((title.trim(), String::new()));
        } else if let Some((_, entry)) = entries.last_mut() {
            entry.push_str(line);
            entry.push('\n');
        }
    }
    entries
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let &[year, month, day] = parts.as_slice() else {
        return false;
    };
    let number = |part: &str, digits: usize| {
        let is_whole = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        is_whole.then(|| part.parse::<u32>().ok()).flatten()
    };
    number(year, 4).is_some()
        && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
        && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Result<String, String> {
        check(text, Version::parse("0.2.0").unwrap())
    }

    #[test]
    fn an_entry_with_its_date_is_found() {
        let text = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2030-01-31\n\n- It works.\n";
        assert_eq!(said(text).unwrap(), "2030-01-31");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, expected) in [
            ("# Changelog\n", "no entries"),
            ("## [0.2.0] - 2030-01-31\n- It works.\n", "first entry"),
            ("## [Unreleased]\n- It works.\n", "not followed by"),
            (
                "## [Unreleased]\n## [0.1.0] - 2030-01-31\n- It works.\n",
                "not followed by",
            ),
            (
                "## [Unreleased]\n## [0.2.0] - soon\n- It works.\n",
                "a date",
            ),
            (
                "## [Unreleased]\n## [0.2.0] - 2030-13-31\n- It works.\n",
                "a date",
            ),
            (
                "## [Unreleased]\n## [0.2.0] - 2030-01-31\n\n",
                "says nothing",
            ),
            (
                "## [Unreleased]\n- More.\n## [0.2.0] - 2030-01-31\n- It works.\n",
                "not in the entry",
            ),
        ] {
            let error = said(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
