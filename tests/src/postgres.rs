//! The programs of PostgreSQL, whose server refuses to be root's.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::nobody;

/// One of them, by its name.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command
        .current_dir("/")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    nobody::run(&mut command);
    command
}

/// Makes the data of a new server in a folder that is to be made.
///
/// # Panics
///
/// When `initdb` is not on the search path, or fails.
pub fn initialize(data: &Path) {
    let mut initdb = program("initdb");
    initdb.args(["--no-sync", "--username=postgres", "--auth=trust"]);
    initdb.args(["--encoding=UTF8", "--locale=C", "-D"]);
    let made = initdb.arg(data).output();
    let made = made.expect("initdb is on the search path: `cargo xtask test` installs it");
    assert!(made.status.success(), "{made:?}");
}

/// Starts a server on this data, with settings of the form `name=value`, and waits until it says that it is ready.
///
/// # Panics
///
/// When it does not start.
pub fn start(data: &Path, port: u16, settings: &[&str]) -> Child {
    let mut command = program("postgres");
    command
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string()])
        .args(["-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "unix_socket_directories="]);
    command.args(settings.iter().flat_map(|setting| ["-c", setting]));
    let started = command.stderr(Stdio::piped()).spawn();
    let mut server = started.expect("postgres is where initdb is");
    let said = server.stderr.take().expect("it was piped");
    let mut lines = BufReader::new(said).lines();
    let is_ready = lines.any(|line| line.is_ok_and(|line| line.contains("ready to accept")));
    assert!(is_ready, "postgres ended");
    // It must not meet a closed pipe.
    thread::spawn(move || lines.for_each(drop));
    server
}
