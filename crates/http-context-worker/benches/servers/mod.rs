//! The servers of queues, each started in a folder of its own.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http_context_tests::nobody;
use http_context_tests::postgres::{initialize, start};
use http_context_worker::{PostgresAddress, QueueAddress, RedisAddress};

/// One that nobody has had for a moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Keeps nothing on the disk. With these settings of its own, `name=value`; and its URL.
pub(crate) fn redis(folder: &Path, settings: &[&str]) -> (Child, String) {
    let port = free_port();
    let mut server = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no"])
        .args(settings.iter().flat_map(|setting| {
            let (name, value) = setting.split_once('=').unwrap();
            [format!("--{name}"), value.to_owned()]
        }))
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is on the search path");
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("eady to accept connections")));
    std::thread::spawn(move || lines.for_each(drop));
    (server, format!("redis://127.0.0.1:{port}"))
}

/// With its defaults, but for commits that wait for no disk, as with the others, and these settings of its own;
/// and its URL.
pub(crate) fn postgres(folder: &Path, settings: &[&str]) -> (Child, String) {
    nobody::own(folder);
    let data = folder.join("data");
    initialize(&data);
    let port = free_port();
    let settings = [&["synchronous_commit=off"], settings].concat();
    (
        start(&data, port, &settings),
        format!("postgres://postgres@127.0.0.1:{port}/postgres"),
    )
}

/// The address of a queue of this name.
pub(crate) fn address(name: &str) -> QueueAddress {
    match name {
        "embedded" => QueueAddress::Embedded(None),
        name if name.starts_with('/') => QueueAddress::Embedded(Some(name.into())),
        name if name.starts_with("postgres:") => QueueAddress::Postgres(PostgresAddress {
            url: name.parse().unwrap(),
            name: "jobs".to_owned(),
            takeover: Duration::from_mins(1),
        }),
        name => QueueAddress::Redis(RedisAddress {
            url: name.parse().unwrap(),
            name: "jobs".to_owned(),
            takeover: Duration::from_mins(1),
        }),
    }
}
