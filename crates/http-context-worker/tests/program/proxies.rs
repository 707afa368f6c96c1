//! The variables of the environment that name proxies.

use serde_json::json;

use crate::support::{Files, Server, finish, nobody, to_lines};

/// The hosts of requests that reach the proxy. It answers all of them; without it nobody does.
fn through_the_proxy(variables: &[(&str, &str)]) -> Vec<String> {
    let (files, proxy) = (Files::new(), Server::start());
    let port = nobody().rsplit(':').next().unwrap().to_owned();
    let port = port.trim_end_matches('/');
    let hosts = ["127.0.0.1", "[::1]", "localhost"];
    files.write(
        "jobs",
        to_lines(
            hosts.map(|host| json!({"id": host, "url": format!("http://{host}:{port}/item/1")})),
        ),
    );
    let mut command = files.command(&[]);
    command.args(["--max-attempts", "1"]);
    for (name, value) in variables {
        command.env(name, value.replace("PROXY", &proxy.url("")));
    }
    finish(&mut command);
    let lines = files.json("results");
    assert_eq!(lines.len(), hosts.len());
    let through = lines.iter().filter(|line| line["status"] == "ok");
    let mut through: Vec<_> = through
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect();
    through.sort();
    through
}

#[test]
fn no_proxy_holds_for_everything_names_addresses_and_networks() {
    let (v4, v6, name) = ("127.0.0.1", "[::1]", "localhost");
    for (exceptions, expected) in [
        ("", vec![v4, v6, name]),
        ("*", vec![]),
        (" elsewhere.test , * ", vec![]),
        ("127.0.0.1", vec![v6, name]),
        ("127.0.0.0/8", vec![v6, name]),
        ("::1", vec![v4, name]),
        ("[::1]", vec![v4, name]),
        ("::/16", vec![v4, name]),
        ("[::]/16", vec![v4, name]),
        ("LocalHost", vec![v4, v6]),
        ("*.localhost", vec![v4, v6, name]),
        ("localhost,127.0.0.1,[::1]", vec![]),
    ] {
        let through = through_the_proxy(&[("HTTP_PROXY", "PROXY"), ("NO_PROXY", exceptions)]);
        assert_eq!(through, expected, "NO_PROXY={exceptions:?}");
    }
}

#[test]
fn a_variable_that_is_empty_is_as_one_that_is_not_set() {
    let all = ["127.0.0.1", "[::1]", "localhost"];
    for (variables, expected) in [
        ([("HTTP_PROXY", ""), ("http_proxy", "PROXY")], &all[..]),
        ([("HTTP_PROXY", " "), ("ALL_PROXY", "PROXY")], &all),
        ([("ALL_PROXY", ""), ("all_proxy", "PROXY")], &all),
        ([("HTTPS_PROXY", "PROXY"), ("HTTP_PROXY", "")], &[]),
        ([("HTTP_PROXY", "PROXY"), ("REQUEST_METHOD", "")], &all),
        ([("HTTP_PROXY", "PROXY"), ("REQUEST_METHOD", "GET")], &[]),
    ] {
        let through = through_the_proxy(&variables);
        assert_eq!(through, expected, "{variables:?}");
    }
    let both = [("http_proxy", "PROXY"), ("NO_PROXY", ""), ("no_proxy", "*")];
    assert!(through_the_proxy(&both).is_empty());
}
