//! Links: every one in the Markdown of the repository and in the built documentation leads somewhere, down to its
//! anchor. Those to other servers are left out, so that the check needs no network and says the same everywhere.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command::run,
    tools::{self, Toolbox},
    workspace::Workspace,
};

/// What `rustdoc` makes of documentation that is inherited from another crate, where that has links which only
/// its own pages know. Nobody here can mend them.
const FOREIGN: [&str; 5] = [
    "/doc/.*/Context$",
    "/doc/.*/dispatcher#setting-the-default-subscriber$",
    "/doc/.*/futures_core::[a-z]+::[A-Za-z]+$",
    "/doc/.*/fn@crate::task::JoinError::id$",
    "/doc/.*/fn@Self::(abort_all|join_next)$",
];

/// Takes the pages of an earlier build away: `rustdoc` leaves those of what there is no longer. The folders are
/// there again before any page is made, since a link to another crate becomes one only where its folder is.
pub(crate) fn forget_pages(workspace: &Workspace) -> Result<(), String> {
    Documentation::of(workspace).forget()
}

/// The documentation of what is published.
struct Documentation {
    root: PathBuf,
    /// Where `rustdoc` writes.
    folder: PathBuf,
    packages: Vec<String>,
}

impl Documentation {
    fn of(workspace: &Workspace) -> Self {
        let published = workspace.published().into_iter();
        Self {
            root: workspace.root.clone(),
            folder: workspace.target.join("doc"),
            packages: published.map(|package| package.name.clone()).collect(),
        }
    }

    /// A folder for each crate.
    fn folders(&self) -> impl Iterator<Item = PathBuf> {
        let names = self.packages.iter().map(|name| name.replace('-', "_"));
        names.map(|name| self.folder.join(name))
    }

    fn forget(&self) -> Result<(), String> {
        for folder in self.folders() {
            let removed = match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => fs::create_dir_all(&folder),
            };
            removed.map_err(|error| format!("{} cannot be emptied: {error}", folder.display()))?;
        }
        Ok(())
    }

    fn pages(&self) -> Result<Vec<Page>, String> {
        let mut found = Vec::new();
        for folder in self.folders() {
            collect(&folder, &mut found)
                .map_err(|error| format!("{} cannot be read: {error}", folder.display()))?;
        }
        Ok(found)
    }
}

/// Asks `lychee`, of the documentation that was built by then.
pub(crate) fn check(workspace: &Workspace, toolbox: &Toolbox) -> Result<(), String> {
    let program = toolbox.require(&tools::LYCHEE)?;
    let written = |path: &Path, text: &str| {
        fs::write(path, text)
            .map_err(|error| format!("{} cannot be written: {error}", path.display()))
    };
    let documentation = Documentation::of(workspace);
    let pages = documentation.pages()?;
    let config = workspace.target.join("xtask-links.toml");
    written(&config, &settings(&documentation, &pages))?;
    let markdown = workspace.files()?.into_iter().filter(|file| {
        let is_markdown = file.extension().is_some_and(|extension| extension == "md");
        // A part of a page, whose links only `rustdoc` knows.
        is_markdown && !file.starts_with("crates/http-context/src")
    });
    let inputs: Vec<String> = markdown
        .map(|file| workspace.root.join(file))
        .chain(pages.into_iter().map(|page| page.path))
        .map(|path| path.display().to_string())
        .collect();
    let list = workspace.target.join("xtask-links.txt");
    written(&list, &inputs.join("\n"))?;
    let lychee = || {
        let mut command = Command::new(&program);
        command.args([
            "--offline",
            "--no-progress",
            "--format",
            "compact",
            "--config",
        ]);
        command.arg(&config);
        command
    };
    let canary = workspace.target.join("xtask-links-canary.md");
    written(&canary, CANARY)?;
    finds_all_of_the_canary(lychee().arg(canary))?;
    run(lychee().arg("--files-from").arg(list))
}

/// Links that lead nowhere, one of each kind. With a version of `lychee` that takes its settings otherwise, they
/// would lead nowhere unseen, and so would all others.
const CANARY: &str = "# Canary

[a file](canary/nothing-1)
[an anchor](#nothing-2)
[a page](https://docs.rs/http-context/latest/http_context/nothing-3.html)
[an anchor of a page](https://docs.rs/http-context/latest/http_context/index.html#nothing-4)
[a source](https://docs.rs/crate/http-context/latest/source/nothing-5.rs)
";

fn finds_all_of_the_canary(lychee: &mut Command) -> Result<(), String> {
    let output = lychee
        .output()
        .map_err(|error| format!("lychee does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let unseen: Vec<&str> = [
        "nothing-1",
        "nothing-2",
        "nothing-3",
        "nothing-4",
        "nothing-5",
    ]
    .into_iter()
    .filter(|link| {
        !said
            .lines()
            .any(|line| line.starts_with("[ERROR]") && line.contains(link))
    })
    .collect();
    if unseen.is_empty() {
        return Ok(());
    }
    let unseen = unseen.join(", ");
    Err(format!(
        "lychee does not find {unseen}, which lead nowhere:\n{said}"
    ))
}

/// A page of the documentation.
struct Page {
    path: PathBuf,
    /// Where it only leads on to.
    leads_to: Option<String>,
}

fn collect(folder: &Path, into: &mut Vec<Page>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "html")
        {
            let leads_to = leads_to(&fs::read_to_string(&path)?);
            into.push(Page { path, leads_to });
        }
    }
    Ok(())
}

/// Where a page leads on to that stands for an item at a path of its own crate which nobody else sees. The page
/// takes the anchor along.
fn leads_to(page: &str) -> Option<String> {
    let (_, after) = page.split_once("http-equiv=\"refresh\" content=\"0;URL=")?;
    let (target, _) = after.split_once('"')?;
    Some(target.to_owned())
}

/// What `lychee` reads. A string of JSON is one of TOML.
fn settings(documentation: &Documentation, pages: &[Page]) -> String {
    let list = |items: &mut dyn Iterator<Item = String>| {
        let items: Vec<String> = items.map(|item| format!("  {item:?},\n")).collect();
        format!("[\n{}]\n", items.concat())
    };
    let folder = format!("file://{}", documentation.folder.display());
    let root = format!("file://{}", documentation.root.display());
    // The documentation and the sources of a release, which are checked as they are here.
    let of_release = documentation.packages.iter().flat_map(|name| {
        let pages = format!("^https://docs\\.rs/{name}/latest/ {folder}/");
        let sources = format!("^https://docs\\.rs/crate/{name}/latest/source/");
        [pages, format!("{sources} {root}/crates/{name}/")]
    });
    let mut remap: Vec<String> = of_release.collect();
    // A page of source has an anchor for each line; a script makes those of more than one.
    remap.push(format!("^({folder}/src/.*)#([0-9]+)-[0-9]+$ $1#$2"));
    remap.extend(pages.iter().filter_map(|page| {
        let there = fs::canonicalize(page.path.parent()?.join(page.leads_to.as_ref()?)).ok()?;
        let from = page.path.display().to_string().replace('.', "\\.");
        Some(format!("^file://{from}# file://{}#", there.display()))
    }));
    format!(
        "include_fragments = \"anchor-only\"\nindex_files = [\"index.html\", \".\"]\nexclude = {}remap = {}",
        list(&mut FOREIGN.iter().map(|pattern| (*pattern).to_owned())),
        list(&mut remap.into_iter()),
    )
}

#[cfg(test)]
mod tests;
