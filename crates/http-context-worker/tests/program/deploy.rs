//! The deployment example asks for what the program has.

use std::path::Path;

use crate::support::{finish, worker};

#[test]
fn every_flag_of_the_compose_file_is_one_of_the_program() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/compose.yaml");
    let compose = std::fs::read_to_string(file).unwrap();
    let (_, command) = compose.split_once("    command:\n").unwrap();
    let mut words = command.lines().map_while(|line| {
        let line = line.trim_start();
        let is_comment = line.starts_with('#');
        is_comment.then_some("").or(line.strip_prefix("- "))
    });
    let subcommand = words.next().unwrap();
    let help = finish(worker().args(["help", subcommand])).stdout;
    let mut flags = 0;
    for word in words.filter(|word| !word.is_empty()) {
        let flag = word.split('=').next().unwrap();
        let known = help.split_whitespace().any(|word| word == flag);
        assert!(known, "{subcommand} has no {flag}\n{help}");
        flags += 1;
    }
    assert!(flags > 3, "the command was not found");
}
