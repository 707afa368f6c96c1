//! Trust roots: the environment first, then the system, then what is bundled.
//!
//! The environment is read once in a process, so each case is one: this test
//! starts itself again.

use std::process::Command;

use http_context::{builder, http_session};
use http_context_tests::{Server, tls};

/// Set in the child: the URL to ask.
const URL: &str = "TEST_TLS_URL";

#[tokio::test]
async fn child() {
    let Ok(url) = std::env::var(URL) else { return };
    if let Err(error) = http_context::warm_up() {
        println!("not warm: {error}");
    }
    let work = builder().open(async {
        let status = http_session()?.get(url).send().await?.status();
        Ok::<_, Box<dyn std::error::Error>>(status)
    });
    match work.await {
        Ok(status) => println!("status {status}"),
        Err(error) => {
            let mut text = format!("error {error}");
            let mut source = error.source();
            while let Some(error) = source {
                text = format!("{text}: {error}");
                source = error.source();
            }
            println!("{text}");
        }
    }
}

fn run_child(server: &Server, variable: &str, value: &std::path::Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["tls::child", "--exact", "--nocapture"])
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR")
        .env(URL, server.url("/ok"))
        .env(variable, value)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_file_and_the_directory_of_the_environment_come_first() {
    let server = Server::builder().tls().start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("0123abcd.0");
    std::fs::write(&file, tls::ca_pem()).unwrap();
    let output = run_child(&server, "SSL_CERT_FILE", &file);
    assert!(output.contains("status 200"), "{output}");
    let output = run_child(&server, "SSL_CERT_DIR", directory.path());
    assert!(output.contains("status 200"), "{output}");
    let output = run_child(&server, "UNRELATED", &file);
    assert!(
        output.contains("certificate"),
        "not trusted otherwise: {output}"
    );
}

#[test]
fn a_store_that_cannot_be_read_is_an_error_that_names_its_variable() {
    let server = Server::builder().tls().start();
    let missing = std::path::Path::new("/nonexistent/roots.pem");
    let output = run_child(&server, "SSL_CERT_FILE", missing);
    assert!(
        output.contains("not warm: SSL_CERT_FILE is set"),
        "{output}"
    );
    assert!(output.contains("error"), "remembered: {output}");
    assert!(output.contains("/nonexistent/roots.pem"), "{output}");
}
