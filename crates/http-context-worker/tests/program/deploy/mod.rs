//! The deployment examples ask for what the program has, and their parts fit each other.

mod collector;
mod compose;
mod kubernetes;
#[cfg(feature = "external-tools")]
mod tools;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Finished, finish, worker};

fn deploy_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(deploy_folder().join(file)).unwrap()
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array();
    let list = list.unwrap_or_else(|| panic!("no list: {value}"));
    list.iter().map(|text| text.as_str().unwrap()).collect()
}

/// The value of a flag that is written `--flag=value`.
fn flag<'a>(command: &[&'a str], name: &str) -> &'a str {
    let value = |word: &&'a str| word.strip_prefix(name)?.strip_prefix('=');
    command.iter().find_map(value).unwrap()
}

/// What follows the last colon.
fn port(address: &str) -> &str {
    address.rsplit_once(':').unwrap().1
}

/// Runs a command of an example, with a queue that nobody keeps, and an admin page that is in nobody's
/// way. It gets as far as to ask the queue, and so beyond every flag and value.
fn is_taken(command: &[&str]) {
    let adapted = command.iter().map(|word| match word.split_once('=') {
        Some(("--queue", _)) => "--queue=redis://127.0.0.1:1",
        Some(("--admin", _)) => "--admin=127.0.0.1:0",
        _ => word,
    });
    let run: Finished = finish(worker().args(adapted));
    assert!(run.stderr.contains("does not answer"), "{}", run.stderr);
    assert_eq!(run.code(), 2);
}

/// `--admin` of the command is on the port that the program has by default; which one that is.
fn admin_port<'a>(command: &[&'a str]) -> &'a str {
    let port = port(flag(command, "--admin"));
    let help = finish(worker().args(["help", command[0]])).stdout;
    let by_default = format!("127.0.0.1:{port}");
    assert!(help.contains(&by_default), "{port} is not the default");
    port
}
