//! The servers of queues, each started in a folder of its own.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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
    if is_root() {
        std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let data = folder.join("data");
    let made = unprivileged("initdb")
        .args([
            "--no-sync",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
        ])
        .args(["--locale=C", "-D"])
        .arg(&data)
        .output();
    assert!(made.expect("initdb is on the search path").status.success());
    let port = free_port();
    let mut server = unprivileged("postgres")
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
        .args([
            "-c",
            "unix_socket_directories=",
            "-c",
            "synchronous_commit=off",
        ])
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready to accept")));
    std::thread::spawn(move || lines.for_each(drop));
    (
        server,
        format!("postgres://postgres@127.0.0.1:{port}/postgres"),
    )
}

/// A user whom every system has.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program of PostgreSQL, whose server does not run as root.
fn unprivileged(program: &str) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(program);
    command
        .current_dir("/")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
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
