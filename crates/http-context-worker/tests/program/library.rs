//! The worker of the README, whose job type is its own: what holds for the program holds for it.

use std::process::Command;

use serde_json::{Value, json};

use crate::crash::{in_a_state, killed_at_many_moments};
use crate::postgres::PostgresServer;
use crate::queues::crash::workers_killed_at_many_moments;
use crate::redis::RedisServer;
use crate::support::{Files, Server, finish, program, to_lines};

const SOURCE: &str = include_str!("../workers/mailer.rs");

fn mailer() -> Command {
    program(env!("CARGO_BIN_EXE_mailer"))
}

fn mail(id: &str, server: &Server) -> Value {
    json!({"id": id, "server": server.url("/echo"), "text": "hello"})
}

#[test]
fn it_stands_in_the_readme_as_it_is_tested() {
    let readme = include_str!("../../../../README.md");
    let (_, code) = SOURCE.split_once("\n\n").unwrap();
    assert!(readme.contains(code), "the README has another one");
    let lines = code.lines().filter(|line| !line.is_empty());
    assert!(lines.count() <= 15);
}

#[test]
fn what_it_returns_stands_in_its_results_and_what_is_no_job_of_it_is_rejected() {
    let (files, server) = (Files::new(), Server::start());
    let lines = [
        mail("a", &server),
        json!({"id": "b", "server": server.url("/unavailable-once/b"), "text": "hello"}),
        json!({"id": "c", "server": server.url("/echo"), "text": ["hunter2"]}),
        json!({"id": "d", "server": server.url("/echo")}),
        mail("a", &server),
        json!({"server": server.url("/echo"), "text": "hello"}),
    ];
    files.write("jobs", to_lines(lines));
    let mut command = files.command_of(mailer(), &[("--rejects", "rejects")]);
    let done = finish(command.arg("--json"));
    assert_eq!(done.code(), 2, "{}", done.stderr);
    assert_eq!(
        done.summary()["jobs"],
        json!({"ok": 1, "failed": 1, "retried": 0, "rejected": 4})
    );
    assert_eq!(done.summary()["requests"], 2);
    let mut results = files.json("results");
    results.sort_by_key(|line| line["id"].to_string());
    assert_eq!(
        (&results[0]["status"], &results[0]["output"]),
        (&json!("ok"), &json!(200))
    );
    assert_eq!(results[0]["exit"]["requests"], 1);
    assert_eq!(
        (&results[1]["status"], &results[1]["output"]),
        (&json!("failed"), &Value::Null)
    );
    let error = results[1]["error"].as_str().unwrap();
    assert!(error.contains("503"), "{error}");
    let rejects: Vec<Value> = files.json("rejects");
    let told = |line: u64, field: &str, error: &str| {
        let expected = json!({"line": line, "field": field, "error": error});
        assert!(
            rejects.contains(&expected),
            "{expected} is not in {rejects:?}"
        );
    };
    told(3, "text", "invalid type: sequence, expected a string");
    told(4, "text", "is missing");
    told(5, "id", "stood on line 1 already");
    told(6, "id", "is missing");
}

#[test]
fn its_help_has_its_name_and_a_line_of_its_jobs() {
    let help = finish(mailer().arg("--help"));
    assert_eq!(help.code(), 0);
    assert!(
        help.stdout.contains("Usage: mailer <COMMAND>"),
        "{}",
        help.stdout
    );
    let line = r#"{"id":"1","server":"…","text":"…"}"#;
    assert!(help.stdout.contains(line), "{}", help.stdout);
    let help = finish(mailer().args(["run", "--help"]));
    assert!(help.stdout.contains(line), "{}", help.stdout);
    assert!(!help.stdout.contains("fail-on-status"), "{}", help.stdout);
    let demo = finish(mailer().arg("demo"));
    assert_eq!(demo.code(), 2);
}

#[test]
fn killed_at_many_moments_it_loses_no_job_and_no_line_stands_twice_or_torn() {
    killed_at_many_moments(mailer, &in_a_state, mail, 0x5eed_0006);
}

#[test]
fn killed_at_many_moments_over_redis_it_loses_no_job_and_no_line_stands_twice_or_torn() {
    workers_killed_at_many_moments::<RedisServer>(mailer, mail, 0x5eed_0007);
}

#[test]
fn killed_at_many_moments_over_postgres_it_loses_no_job_and_no_line_stands_twice_or_torn() {
    workers_killed_at_many_moments::<PostgresServer>(mailer, mail, 0x5eed_0008);
}

#[test]
fn the_first_command_of_the_readme_has_one_program_to_run() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--locked", "--format-version", "1"])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let worker = packages
        .iter()
        .find(|one| one["name"] == "http-context-worker");
    assert_eq!(worker.unwrap()["default_run"], "http-context-worker");
    assert_eq!(
        metadata["workspace_default_members"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
