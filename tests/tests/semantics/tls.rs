//! Trust roots: the environment first, then the system, then what is bundled.
//!
//! The environment is read once in a process, so each case is one: this test
//! starts itself again.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use http::{HeaderValue, Response, StatusCode, header};
use http_context::{ErrorKind, builder, http_session};
use http_context_tests::{Server, full_body, tls};

/// Set in the child: the URLs to ask.
const URLS: &str = "TEST_TLS_URLS";

type Variables<'v> = &'v [(&'v str, &'v Path)];

#[tokio::test]
async fn child() {
    let Ok(urls) = std::env::var(URLS) else {
        return;
    };
    if let Err(error) = http_context::warm_up() {
        println!("not warm: {error}");
    }
    let work = builder().open(async {
        let session = http_session()?;
        for url in urls.split(' ') {
            match session.get(url).send().await {
                Ok(response) => println!("status {}", response.status()),
                Err(error) => println!("{}: {}", ErrorKind::of(&error), shown(&error)),
            }
        }
        Ok::<_, Box<dyn Error>>(())
    });
    if let Err(error) = work.await {
        println!("not open: {}", shown(&*error));
    }
}

/// An error with its causes.
fn shown(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// What a process with these variables says of the URLs.
fn run_child(variables: Variables<'_>, urls: &[String]) -> Vec<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["tls::child", "--exact", "--nocapture"])
        // With one, as on one core, the first line would begin with the name of the test.
        .arg("--test-threads=2")
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR")
        .env(URLS, urls.join(" "))
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let said = |line: &&str| {
        let starts = ["status", "not ", "secure", "connection"];
        starts.iter().any(|start| line.starts_with(start))
    };
    output.lines().filter(said).map(str::to_owned).collect()
}

/// What is said of a URL over TLS, by a process with these variables.
fn over_tls(server: &Server, variables: Variables<'_>) -> String {
    run_child(variables, &[server.url("/ok")]).join("\n")
}

/// A directory with one file.
fn directory_with(name: &str, content: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(name), content).unwrap();
    directory
}

#[test]
fn the_file_and_the_directory_of_the_environment_come_first() {
    let server = Server::builder().tls().start();
    let directory = directory_with("0123abcd.0", &tls::ca_pem());
    let file = directory.path().join("0123abcd.0");
    for variables in [
        [("SSL_CERT_FILE", &*file)],
        [("SSL_CERT_DIR", directory.path())],
    ] {
        assert_eq!(
            over_tls(&server, &variables),
            "status 200 OK",
            "{variables:?}"
        );
    }
}

#[test]
fn one_that_is_empty_is_as_one_that_is_not_set() {
    let server = Server::builder().tls().start();
    let directory = directory_with("0123abcd.0", &tls::ca_pem());
    let (file, empty) = (directory.path().join("0123abcd.0"), Path::new(""));
    let untrusted = over_tls(&server, &[]);
    assert!(untrusted.contains("UnknownIssuer"), "{untrusted}");
    for variables in [
        &[("SSL_CERT_FILE", empty)][..],
        &[("SSL_CERT_DIR", empty)],
        &[("SSL_CERT_DIR", Path::new(":"))],
        &[("SSL_CERT_FILE", empty), ("SSL_CERT_DIR", empty)],
    ] {
        assert_eq!(over_tls(&server, variables), untrusted, "{variables:?}");
    }
    for variables in [
        [("SSL_CERT_FILE", &*file), ("SSL_CERT_DIR", empty)],
        [("SSL_CERT_FILE", empty), ("SSL_CERT_DIR", directory.path())],
    ] {
        assert_eq!(
            over_tls(&server, &variables),
            "status 200 OK",
            "{variables:?}"
        );
    }
}

#[test]
fn a_store_that_cannot_be_read_fails_what_needs_it_and_nothing_else() {
    let secure = Server::builder().tls().start();
    let target = secure.url("/ok");
    let to_secure = target.clone();
    let plain = Server::builder().handler("/to-secure", move |_| {
        let location = HeaderValue::from_str(&to_secure).unwrap();
        async move {
            let mut response = Response::new(full_body(""));
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
    });
    let plain = plain.start();
    let urls = [plain.url("/ok"), target, plain.url("/to-secure")];

    let missing = Path::new("/nonexistent/roots");
    let nothing = tempfile::tempdir().unwrap();
    let texts = directory_with("roots.pem", "no certificate\n");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = directory_with("roots.pem", broken);
    let empty = directory_with("roots.pem", "");
    let file_in = |directory: &tempfile::TempDir| directory.path().join("roots.pem");
    for (variable, path) in [
        ("SSL_CERT_FILE", missing.to_owned()),
        ("SSL_CERT_FILE", nothing.path().to_owned()),
        ("SSL_CERT_FILE", file_in(&empty)),
        ("SSL_CERT_FILE", file_in(&texts)),
        ("SSL_CERT_FILE", file_in(&broken)),
        ("SSL_CERT_DIR", missing.to_owned()),
        ("SSL_CERT_DIR", nothing.path().to_owned()),
        ("SSL_CERT_DIR", empty.path().to_owned()),
        ("SSL_CERT_DIR", texts.path().to_owned()),
        ("SSL_CERT_DIR", broken.path().to_owned()),
        ("SSL_CERT_DIR", file_in(&texts)),
    ] {
        let said = run_child(&[(variable, &path)], &urls);
        let [warm_up, plain, secure, redirected] = &said[..] else {
            panic!("{variable} {}: {said:?}", path.display())
        };
        let names = format!("{variable} is set, but no certificate can be read from ");
        let names = format!("{names}{}: ", path.display());
        assert!(
            warm_up.starts_with(&format!("not warm: {names}")),
            "{said:?}"
        );
        assert_eq!(plain, "status 200 OK");
        for refused in [secure, redirected] {
            assert!(
                refused.starts_with("secure_connection_error: "),
                "{refused}"
            );
            assert!(refused.contains(&names), "{refused}");
        }
    }
}

#[test]
fn of_two_stores_one_that_can_be_read_is_enough() {
    let server = Server::builder().tls().start();
    let directory = directory_with("0123abcd.0", &tls::ca_pem());
    let (file, missing) = (
        directory.path().join("0123abcd.0"),
        Path::new("/nonexistent"),
    );
    for variables in [
        [("SSL_CERT_FILE", &*file), ("SSL_CERT_DIR", missing)],
        [
            ("SSL_CERT_FILE", missing),
            ("SSL_CERT_DIR", directory.path()),
        ],
    ] {
        assert_eq!(
            over_tls(&server, &variables),
            "status 200 OK",
            "{variables:?}"
        );
    }
}
