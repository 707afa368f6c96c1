//! What kind of change a difference is, and which version it asks for.

use std::{collections::BTreeSet, fmt};

use super::version::Version;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    None,
    /// What worked works on.
    Addition,
    /// What worked may not build, or may not be found, any more.
    Breaking,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "nothing has changed",
            Self::Addition => "additions",
            Self::Breaking => "breaking changes",
        })
    }
}

impl Change {
    /// The least version after `last` that may have such a change: before 1.0.0 the second number stands for what
    /// breaks, as cargo takes it.
    fn least(self, last: Version) -> Version {
        let Version {
            major,
            minor,
            patch,
        } = last;
        let version = |major, minor, patch| Version {
            major,
            minor,
            patch,
        };
        match (self, major) {
            (Self::Breaking, 1..) => version(major + 1, 0, 0),
            (Self::Breaking, 0) | (Self::Addition, 1..) => version(major, minor + 1, 0),
            (Self::Addition, 0) | (Self::None, _) => version(major, minor, patch + 1),
        }
    }

    pub(super) fn check(self, last: Version, next: Version) -> Result<String, String> {
        let needed = self.least(last);
        if next >= needed {
            Ok(format!("{last} to {next}, {self}"))
        } else {
            Err(format!("{self} since {last} ask for {needed}, not {next}"))
        }
    }
}

/// Of a list of public items, one a line.
pub(super) fn of_interface(before: &str, now: &str) -> Change {
    let (before, now) = (lines(before), lines(now));
    if before.difference(&now).next().is_some() {
        return Change::Breaking;
    }
    let mut new = now.difference(&before).peekable();
    if new.peek().is_none() {
        return Change::None;
    }
    if new.any(|line| breaks(line, &before)) {
        Change::Breaking
    } else {
        Change::Addition
    }
}

/// Whether a new item breaks those who use what was there: a part of something that they may list all parts of, or
/// have to write. What a list does not tell counts as the worst: whether a function of a trait has a body, but for
/// observers, whose functions all have one, and whether a struct has fields that are not public.
fn breaks(line: &str, before: &BTreeSet<&str>) -> bool {
    let Some(item) = line.strip_prefix("pub ") else {
        return false;
    };
    let function = item.split_once("fn ").filter(|(qualifiers, _)| {
        let is_one = |word| ["async", "const", "unsafe"].contains(&word);
        qualifiers.split_whitespace().all(is_one)
    });
    let path = function.map_or(item, |(_, path)| path);
    let path = path.split(['(', '<', ' ']).next().unwrap_or_default();
    // Any other item begins with what it is, `const` say.
    let Some((of, _)) = path.trim_end_matches(':').rsplit_once("::") else {
        return false;
    };
    let declared = |kind: &str| {
        let declaration = format!("pub {kind}{of}");
        before.iter().find_map(|line| {
            let rest = line.strip_prefix(declaration.as_str())?;
            let is_whole = rest.is_empty() || rest.starts_with(['<', '(', ' ', ':']);
            (is_whole && !rest.starts_with("::")).then_some(rest)
        })
    };
    if function.is_some() {
        let is_ours = |bounds: &str| bounds.contains("::sealed::") || of.ends_with("::Observer");
        return declared("trait ").is_some_and(|bounds| !is_ours(bounds));
    }
    // The last is a variant, of which this is a field.
    ["enum ", "struct ", ""]
        .into_iter()
        .any(|kind| declared(kind).is_some())
}

/// Of the table of metrics: each row is a name with all that a dashboard knows of it, and a text for people.
pub(super) fn of_metrics(before: &str, now: &str) -> Change {
    let rows = |text| -> BTreeSet<String> {
        lines(text)
            .into_iter()
            .filter_map(|line| {
                Some(
                    line.trim_end_matches(['|', ' '])
                        .rsplit_once('|')?
                        .0
                        .to_owned(),
                )
            })
            .collect()
    };
    let (before, now) = (rows(before), rows(now));
    if before.difference(&now).next().is_some() {
        Change::Breaking
    } else if before == now {
        Change::None
    } else {
        Change::Addition
    }
}

/// The features that a manifest had and the package has no more, or no more by default.
pub(super) fn features_gone(manifest: &str, features: &Features) -> Vec<String> {
    let before = Features::of_manifest(manifest);
    let gone = before.all.difference(&features.all);
    let not_default = before.default.difference(&features.default);
    let not_default = not_default.filter(|name| features.all.contains(*name));
    gone.map(|name| format!("- feature {name}"))
        .chain(not_default.map(|name| format!("- feature {name}, by default")))
        .collect()
}

/// The names of features.
#[derive(Debug, Default)]
pub(super) struct Features {
    pub(super) all: BTreeSet<String>,
    pub(super) default: BTreeSet<String>,
}

impl Features {
    /// As they stand under `[features]`: a name for each line that has one, and the names of those that are on by
    /// default in one line.
    fn of_manifest(manifest: &str) -> Self {
        let section = manifest.split("\n[features]\n").nth(1).unwrap_or_default();
        let section = section.split("\n[").next().unwrap_or_default();
        let mut features = Self::default();
        for (name, brings) in section.lines().filter_map(|line| line.split_once('=')) {
            let name = name.trim().trim_matches('"');
            if name == "default" {
                let quoted = brings.split('"').skip(1).step_by(2);
                features.default.extend(quoted.map(str::to_owned));
            } else if !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || "-_".contains(c))
            {
                features.all.insert(name.to_owned());
            }
        }
        features
    }
}

fn lines(text: &str) -> BTreeSet<&str> {
    text.lines().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "\
        pub enum x::Open\npub x::Open::A\n#[non_exhaustive] pub enum x::Closed\npub x::Closed::A\n\
        pub struct x::Plain\npub x::Plain::a: u8\npub trait x::Theirs: core::marker::Send\n\
        pub trait x::Ours: x::sealed::Sealed\npub trait x::Observer: core::marker::Send\npub fn x::f()\n";

    fn with(line: &str) -> Change {
        of_interface(BEFORE, &format!("{BEFORE}{line}\n"))
    }

    #[test]
    fn what_is_gone_or_different_breaks() {
        let now = BEFORE.replace("pub fn x::f()", "pub fn x::f(u8)");
        assert_eq!(of_interface(BEFORE, &now), Change::Breaking);
        let now = BEFORE.replace("pub fn x::f()\n", "");
        assert_eq!(of_interface(BEFORE, &now), Change::Breaking);
        assert_eq!(of_interface(BEFORE, BEFORE), Change::None);
    }

    #[test]
    fn what_is_new_breaks_where_all_parts_may_have_been_listed() {
        for breaking in [
            "pub x::Open::B",
            "pub x::Plain::b: u8",
            "pub fn x::Theirs::g(&self)",
            "pub async fn x::Theirs::g(&self)",
            "pub x::Closed::A::b: u8",
        ] {
            assert_eq!(with(breaking), Change::Breaking, "{breaking}");
        }
        for addition in [
            "pub x::Closed::B",
            "pub fn x::g()",
            "pub fn x::Open::g(&self)",
            "pub const x::Open::C: u8",
            "pub fn x::Ours::g(&self)",
            "pub fn x::Observer::g(&self)",
            "pub struct x::Other",
            "impl core::clone::Clone for x::Open",
        ] {
            assert_eq!(with(addition), Change::Addition, "{addition}");
        }
    }

    #[test]
    fn a_metric_may_be_described_otherwise_and_nothing_else() {
        let before = "| `a.b` | `a_b` | gauge | s | `kind` | What it is |\n";
        let described = before.replace("What it is", "Something");
        assert_eq!(of_metrics(before, &described), Change::None);
        assert_eq!(
            of_metrics(before, &before.replace("kind", "type")),
            Change::Breaking
        );
        assert_eq!(of_metrics(before, ""), Change::Breaking);
        let more = format!("{before}| `a.c` | `a_c` | gauge | s |  | Another |\n");
        assert_eq!(of_metrics(before, &more), Change::Addition);
    }

    #[test]
    fn a_feature_that_is_gone_is_found() {
        let before = "[package]\nname = \"x\"\n\n[features]\ndefault = [\"a\", \"c\"]\n# What it is.\n\
            a = [\n    \"dep:a\",\n]\nb-c = []\nc = []\n\n[dependencies]\nd = \"1\"\n";
        let of = |all: &[&str], default: &[&str]| Features {
            all: all.iter().map(|name| (*name).to_owned()).collect(),
            default: default.iter().map(|name| (*name).to_owned()).collect(),
        };
        let gone = |now| features_gone(before, &now);
        assert_eq!(gone(of(&["a", "b-c", "c", "d"], &["a", "c", "d"])), [""; 0]);
        assert_eq!(gone(of(&["a", "c"], &["a", "c"])), ["- feature b-c"]);
        let not_default = ["- feature c, by default"];
        assert_eq!(gone(of(&["a", "b-c", "c"], &["a"])), not_default);
    }

    #[test]
    fn the_least_version_is_the_one_that_cargo_takes_for_such_a_change() {
        let version = |text| Version::parse(text).unwrap();
        for (change, last, least) in [
            (Change::None, "0.1.3", "0.1.4"),
            (Change::Addition, "0.1.3", "0.1.4"),
            (Change::Breaking, "0.1.3", "0.2.0"),
            (Change::None, "1.1.3", "1.1.4"),
            (Change::Addition, "1.1.3", "1.2.0"),
            (Change::Breaking, "1.1.3", "2.0.0"),
        ] {
            assert_eq!(
                change.least(version(last)),
                version(least),
                "{change} {last}"
            );
            assert!(change.check(version(last), version(least)).is_ok());
            assert!(change.check(version(last), version(last)).is_err());
        }
    }
}
