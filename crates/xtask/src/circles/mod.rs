//! Circles among the modules of a crate: a module that uses what uses it.
//!
//! A module is a file or folder right below `src`; it uses another one by a path that begins with
//! `crate`, or with enough `super` to leave it. What `lib.rs` exports by a shorter path counts as a
//! use of the module that it comes from. Tests may use what they like.
//!
//! Where single files are compared too, a file in a folder is one of its own, by the same paths. What
//! a folder's `mod.rs` exports counts as its own there.

mod graph;
mod paths;
mod tokens;
mod tree;
mod use_tree;

use std::{fmt::Write as _, path::Path};

use self::{graph::Circle, tree::Tree};
use crate::workspace::Workspace;

/// A crate whose modules are compared.
struct Compared {
    name: &'static str,
    /// Whether its single files are, too.
    files: bool,
    /// Circles of single files that are as they should be.
    defended: &'static [Defended],
}

/// A circle of files, in their order, and why it is as it should be.
#[derive(Clone, Copy)]
struct Defended {
    files: &'static [&'static str],
    reason: &'static str,
}

const COMPARED: [Compared; 3] = [
    Compared {
        name: "http-context",
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

/// Fails with every circle, and with the uses that close it.
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
        Err(format!("what uses what goes round in circles:\n{report}"))
    }
}

/// What is wrong with one crate; nothing, when all is well.
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
