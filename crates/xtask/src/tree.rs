//! What a program is built of that depends on one crate, from `cargo tree`.

use crate::command::{cargo, output};

/// The names and versions of what is built with these features and no others, for any of these platforms:
/// the crate itself, and what it, its macros and its build scripts need. Not what its tests need.
pub(crate) fn dependencies(
    package: &str,
    features: &[&str],
    targets: &[&str],
) -> Result<Vec<(String, String)>, String> {
    let mut tree = cargo(&["tree", "--no-default-features"]);
    tree.args(["--edges", "normal,build", "--prefix", "none"]);
    tree.args(["--package", package, "--features", &features.join(",")]);
    for target in targets {
        tree.args(["--target", target]);
    }
    let mut found: Vec<_> = output(&mut tree)?.lines().filter_map(parse).collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// `serde v1.0.228 (proc-macro) (*)`.
fn parse(line: &str) -> Option<(String, String)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    Some((name.to_owned(), version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_name_a_version_and_sometimes_more() {
        let found = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        assert_eq!(parse("ring v0.17.14"), found("ring", "0.17.14"));
        assert_eq!(
            parse("string-parts v1.0.0-rc.1 (proc-macro) (*)"),
            found("string-parts", "1.0.0-rc.1")
        );
        assert_eq!(parse(""), None);
    }
}
