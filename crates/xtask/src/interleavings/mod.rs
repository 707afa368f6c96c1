//! Every interleaving of what threads share in the core: its models, which `loom` runs, and weaker code that they
//! have to fail with.

mod weaker;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{run, run_tests};
use crate::workspace::Workspace;
use crate::wrapper::Wrapper;
use weaker::{WEAKER, Weaker};

/// The models as they are committed.
const MODELS: Wrapper = Wrapper {
    name: "interleavings",
    line: "\"$@\" --cfg http_context_loom",
};

/// Weaker code, which is never to be taken for what is committed.
const WEAKER_MODELS: Wrapper = Wrapper {
    name: "interleavings-weaker",
    ..MODELS
};

/// Where the weaker code is.
const SOURCES: &str = "crates/http-context/src";

/// How often a model may stop a thread that could go on, in the form that takes little time. The faults that were found
/// so far show with two, and all of the weaker code with three.
const FEW: &str = "3";

/// All of it that `cargo` is told: the tests of the core whose path has this word in it.
fn models(
    workspace: &Workspace,
    wrapper: Wrapper,
    folder: &Path,
    more: &[&str],
) -> Result<Command, String> {
    let mut command = wrapper.cargo(workspace, &["test", "--package", "http-context", "--lib"])?;
    command.args(["--no-default-features", "--features", "ring,websocket"]);
    command.arg("--target-dir").arg(&workspace.target);
    command.current_dir(folder).args(more);
    Ok(command)
}

pub(crate) fn build(workspace: &Workspace) -> Result<(), String> {
    for weaker in WEAKER {
        weaker.in_text_of(&workspace.root)?;
    }
    run(&mut models(
        workspace,
        MODELS,
        &workspace.root,
        &["--no-run"],
    )?)
}

/// With few preemptions.
pub(crate) fn test(workspace: &Workspace) -> Result<(), String> {
    let mut command = models(workspace, MODELS, &workspace.root, &["models::"])?;
    run_tests(command.env("LOOM_MAX_PREEMPTIONS", FEW))
}

/// At length: with as many preemptions as are asked for, or with weaker code, each of which has to make its model fail.
pub(crate) fn at_length(workspace: &Workspace, options: &[&str]) -> Result<(), String> {
    match options {
        ["--preemptions", most] => {
            let more = ["models::", "--", "--show-output"];
            let mut command = models(workspace, MODELS, &workspace.root, &more)?;
            run(command.env("LOOM_MAX_PREEMPTIONS", most))
        }
        ["--weaker"] => all_fail(workspace, ""),
        ["--weaker", of] => all_fail(workspace, of),
        _ => Err(
            "`cargo xtask interleavings` takes `--preemptions N` or `--weaker [FILE]`".to_owned(),
        ),
    }
}

/// In a copy of the workspace.
fn all_fail(workspace: &Workspace, of: &str) -> Result<(), String> {
    let copy = workspace.target.join("weaker");
    copy_to(workspace, &copy)?;
    let mut held = Vec::new();
    for weaker in WEAKER.iter().filter(|one| one.file.contains(of)) {
        let text = weaker.in_text_of(&workspace.root)?;
        let path = copy.join(SOURCES).join(weaker.file);
        let write = |text: &str| fs::write(&path, text).map_err(|error| error.to_string());
        println!("\n=== {weaker}");
        write(&text.replacen(weaker.code, weaker.instead, 1))?;
        let in_copy = |more: &[&str]| models(workspace, WEAKER_MODELS, &copy, more);
        let built = run(&mut in_copy(&["--no-run", "--quiet"])?);
        let mut command = in_copy(&["--quiet", weaker.model])?;
        let tested = run(command
            .env("LOOM_MAX_PREEMPTIONS", FEW)
            .env("RUST_BACKTRACE", "0"));
        write(&text)?;
        if built.is_err() || tested.is_ok() {
            held.push(weaker.to_string());
        }
    }
    if held.is_empty() {
        println!("\neach of them makes its model fail");
        Ok(())
    } else {
        Err(format!(
            "its model holds, or is not built, with:\n{}",
            held.join("\n")
        ))
    }
}

/// Only what has changed, so that the rest is not built again.
fn copy_to(workspace: &Workspace, copy: &Path) -> Result<(), String> {
    for file in workspace.files()? {
        let (from, to) = (workspace.root.join(&file), copy.join(&file));
        let Ok(bytes) = fs::read(&from) else { continue };
        if fs::read(&to).is_ok_and(|known| known == bytes) {
            continue;
        }
        let folder = to.parent().unwrap_or(copy);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&to, bytes))
            .map_err(|error| format!("{}: {error}", to.display()))?;
    }
    Ok(())
}

impl Weaker {
    /// The text of its file, which has its code once.
    fn in_text_of(&self, root: &Path) -> Result<String, String> {
        let text = fs::read_to_string(root.join(SOURCES).join(self.file)).unwrap_or_default();
        match text.matches(self.code).count() {
            1 => Ok(text),
            times => Err(format!("{} has {times} times: {}", self.file, self.code)),
        }
    }
}
