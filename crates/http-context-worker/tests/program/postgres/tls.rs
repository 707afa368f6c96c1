//! `sslmode`: a PostgreSQL behind TLS, whose certificate is of an authority of one's own.

use super::PostgresServer;
use crate::queues::{SharedServer as _, enqueue_at};
use crate::support::{Files, job_lines, nobody};

#[test]
fn a_queue_behind_tls_is_used_when_its_authority_is_trusted_and_refused_when_not() {
    let files = Files::new();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = files.write("certificate", made.cert.pem());
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let store =
        PostgresServer::start_with(&[("server.crt", &pem), ("server.key", &key)], "ssl = on\n");
    let jobs = files.write("jobs", job_lines([("a".to_owned(), nobody())]));
    let enqueue = |host: &str, mode: &str| {
        let url = store.url().replace("127.0.0.1", host);
        enqueue_at(&format!("{url}?sslmode={mode}"), &jobs, &[])
    };
    let trusting = format!("verify-full&sslrootcert={}", certificate.display());
    let done = enqueue("localhost", &trusting);
    assert_eq!(
        (done.code(), done.stderr.as_str()),
        (0, "1 job queued, 0 lines rejected\n")
    );
    // It is encrypted, whoever it is.
    assert_eq!(enqueue("127.0.0.1", "require").code(), 0);
    // The name is another one; nobody trusts it.
    for (host, mode) in [
        ("127.0.0.1", trusting.as_str()),
        ("localhost", "verify-full"),
    ] {
        let done = enqueue(host, mode);
        let sentence = done.refusal();
        assert!(
            sentence.starts_with(&format!("error: the queue at postgres://{host}:")),
            "{sentence}"
        );
        assert!(sentence.contains("certificate"), "{sentence}");
        assert_eq!(sentence.lines().count(), 1);
    }
}

#[test]
fn a_server_without_tls_is_refused_where_it_is_asked_for() {
    let (files, store) = (Files::new(), PostgresServer::start());
    let jobs = files.write("jobs", job_lines([("a".to_owned(), nobody())]));
    let done = enqueue_at(&format!("{}?sslmode=require", store.url()), &jobs, &[]);
    assert!(
        done.refusal().contains("does not support TLS"),
        "{}",
        done.stderr
    );
}
