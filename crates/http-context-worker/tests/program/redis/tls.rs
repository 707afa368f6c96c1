//! `rediss://`: a Redis behind TLS, whose certificate is of an authority of one's own.

use std::process::Command;

use crate::support::{Files, finish, job_lines, nobody, worker};

use super::{RedisServer, launch_with};
use crate::queues::SharedServer as _;

#[test]
fn a_queue_behind_tls_is_used_when_its_authority_is_trusted_and_refused_when_not() {
    let files = Files::new();
    let names = vec!["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (certificate, key) = (files.path("certificate"), files.path("key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let redis = RedisServer::start_with(|port, dir| {
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--tls-port", &port.to_string()]);
        command.args(["--tls-auth-clients", "no", "--tls-cert-file"]);
        command.arg(&certificate).arg("--tls-key-file").arg(&key);
        launch_with(&mut command, dir)
    });
    let url = redis
        .url()
        .replace("redis://127.0.0.1", "rediss://localhost");
    let jobs = files.write("jobs", job_lines([("a".to_owned(), nobody())]));
    let enqueue = || {
        let mut command = worker();
        command
            .args(["enqueue", "--queue", &url, "--jobs"])
            .arg(&jobs);
        command
    };
    let trusting = finish(enqueue().env("SSL_CERT_FILE", &certificate));
    assert_eq!(trusting.code(), 0, "{}", trusting.stderr);
    assert_eq!(trusting.stderr, "1 job queued, 0 lines rejected\n");
    let done = finish(&mut enqueue());
    let sentence = done.refusal();
    assert!(
        sentence.starts_with("error: the queue at rediss://localhost:"),
        "{sentence}"
    );
    assert_eq!(sentence.lines().count(), 1);
}
