//! Circular dependencies among the modules of a crate.
//!
//! A module is a file or folder directly under `src`. It depends on another module by a path that
//! begins with `crate`, or with enough `super` to leave the module. A re-export of `lib.rs` stands
//! for the module of the item. Tests are left out.
//!
//! Among single files, each file of a folder is a module of its own, with the same rules. A
//! re-export of a folder's `mod.rs` belongs to that `mod.rs`.

mod graph;
mod paths;
mod tokens;
mod tree;
mod use_tree;

use std::{fmt::Write as _, path::Path};

use self::{graph::Circle, tree::Tree};
use crate::workspace::Workspace;

/// A crate to check.
struct Compared {
    name: &'static str,
    /// Whether its single files are checked as well.
    files: bool,
    /// Accepted circles of single files.
    defended: &'static [Defended],
}

/// An accepted circle of files, in alphabetical order, and the reason.
#[derive(Clone, Copy)]
struct Defended {
    files: &'static [&'static str],
    reason: &'static str,
}

const COMPARED: [Compared; 4] = [
    Compared {
        name: "http-context",
        files: true,
        defended: &[],
    },
    Compared {
        name: "http-context-adapters",
        files: true,
        defended: &[],
    },
    Compared {
        name: "http-context-middleware",
        files: false,
        defended: &[],
    },
    Compared {
        name: "http-context-worker",
        files: false,
        defended: &[],
    },
];

/// Fails with every circle, and the dependencies that close it.
pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let files = workspace.files()?;
    let mut report = String::new();
    for compared in &COMPARED {
        let source = Path::new("crates").join(compared.name).join("src");
        let mut tree = Tree::default();
        for file in &files {
            if let Ok(name) = file.strip_prefix(&source)
                && let Some(text) = workspace.text(file)
            {
                tree.add(name, text);
            }
        }
        report += &compare(compared, &tree);
    }
    if report.is_empty() {
        Ok(())
    } else {
        Err(format!("circular dependencies:\n{report}"))
    }
}

/// The report of one crate; empty without circles.
fn compare(compared: &Compared, tree: &Tree) -> String {
    let mut report = String::new();
    let name = compared.name;
    for circle in graph::circles(&tree.uses_of_modules()) {
        describe(&mut report, name, "modules", &circle);
    }
    if !compared.files {
        return report;
    }
    let circles = graph::circles(&tree.uses_of_files());
    let is = |defended: &Defended, circle: &Circle| circle.members == defended.files;
    for circle in &circles {
        if !compared.defended.iter().any(|d| is(d, circle)) {
            describe(&mut report, name, "files", circle);
        }
    }
    for defended in compared.defended {
        if !circles.iter().any(|circle| is(defended, circle)) {
            let files = defended.files.join(" ");
            let _ = writeln!(
                report,
                "{name}: no circle of {files} any more, which is defended with: {}",
                defended.reason
            );
        }
    }
    report
}

fn describe(report: &mut String, name: &str, of: &str, circle: &Circle) {
    let members = circle.members.join(" ");
    let count = circle.members.len();
    let _ = writeln!(report, "{name}: a circle of {count} {of}: {members}");
    for (from, to, place) in &circle.uses {
        let _ = writeln!(report, "  {from} uses {to} (src/{place})");
    }
}

#[cfg(test)]
mod tests;
