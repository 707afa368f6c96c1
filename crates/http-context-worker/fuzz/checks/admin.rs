//! Whatever comes over a connection to the admin endpoint: each answer is one that its list of routes has,
//! none shows the token, and nobody does anything without it. What a request asks for is said by a reader
//! of heads that knows nothing of the endpoint.

use std::cell::RefCell;
use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use http_context_worker::{Admin, AdminToken};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;
use tower_service::Service as _;

const TOKEN: &str = "hunter2-hunter2-hunter2";

thread_local! {
    static RIG: RefCell<Option<(Runtime, Admin)>> = const { RefCell::new(None) };
}

/// Sends bytes, and looks at what comes back.
pub(crate) fn check(bytes: &[u8]) {
    let mut head = answer(bytes);
    let first = told(bytes);
    let mut is_first = true;
    while !head.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&head).expect("an answer is one");
        let httparse::Status::Complete(length) = parsed else {
            panic!("half an answer: {:?}", String::from_utf8_lossy(&head));
        };
        let status = response.code.expect("it has a status");
        let header = |name: &str| {
            let mut headers = response.headers.iter();
            let header = headers.find(|header| header.name.eq_ignore_ascii_case(name));
            header.map(|header| String::from_utf8_lossy(header.value).into_owned())
        };
        let is_of_server = header("x-content-type-options").is_none();
        // What is no request is answered by the server, and by nobody else.
        assert!(
            !is_of_server || matches!(status, 400 | 414 | 431 | 100),
            "{status}"
        );
        if !is_of_server {
            let known = [200, 400, 401, 404, 405, 408, 409, 413, 415, 421];
            assert!(known.contains(&status), "{status}");
            assert_eq!(header("cache-control").as_deref(), Some("no-store"));
            let allowed = header("allow");
            assert_eq!(status == 405, allowed.is_some());
            assert_eq!(status == 401, header("www-authenticate").is_some());
        }
        if let Some(first) = first.as_ref().filter(|_| is_first && status != 100) {
            first.check(status, is_of_server);
        }
        is_first &= status == 100;
        let of_body = header("content-length").map_or(0, |length| {
            length.parse::<usize>().expect("a length is a number")
        });
        let is_head = first.as_ref().is_some_and(|first| first.is_head);
        // Without the lengths of all requests it is not known which answer has no body.
        if is_head || bytes.windows(4).any(|word| word == b"HEAD") {
            return;
        }
        head.drain(..length + of_body);
    }
}

/// What the first request asks for, where it is one.
struct Asked {
    is_head: bool,
    is_ours: Option<bool>,
    path: String,
    method: String,
    has_token: bool,
}

impl Asked {
    fn check(&self, status: u16, is_of_server: bool) {
        if is_of_server {
            return;
        }
        let routes = || Admin::routes();
        let route = routes().find(|(path, _)| *path == self.path);
        match self.is_ours {
            Some(false) => assert_eq!(status, 421, "another host"),
            Some(true) => assert_ne!(status, 421, "this host"),
            None => {}
        }
        if status == 421 {
            return;
        }
        let Some((path, methods)) = route else {
            assert_eq!(status, 404, "{}", self.path);
            return;
        };
        if !methods.split(", ").any(|method| method == self.method) {
            assert_eq!(status, 405, "{} {path}", self.method);
            return;
        }
        match (methods, self.has_token) {
            ("POST", false) => assert_eq!(status, 401),
            // There is no worker.
            ("POST", true) => assert!([400, 408, 409, 413, 415].contains(&status), "{status}"),
            _ => assert_eq!(status, 200),
        }
    }
}

fn told(bytes: &[u8]) -> Option<Asked> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut headers);
    if !request.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let target = request.path?;
    let path = target.split(['?', '#']).next()?;
    let named = |name: &'static str| {
        let headers = request.headers.iter();
        headers.filter(move |header| header.name.eq_ignore_ascii_case(name))
    };
    let hosts: Vec<_> = named("host").map(|header| header.value).collect();
    let is_ours = match hosts[..] {
        // Another one may stand in the target.
        _ if !target.starts_with('/') => None,
        [host] => is_loopback(host),
        _ => Some(false),
    };
    let credentials: Vec<_> = named("authorization").collect();
    Some(Asked {
        is_head: request.method? == "HEAD",
        is_ours,
        path: if target.starts_with('/') {
            path
        } else {
            return None;
        }
        .to_owned(),
        method: request.method?.to_owned(),
        has_token: match credentials[..] {
            [one] => is_token(one.value),
            [] => false,
            _ => return None,
        },
    })
}

fn is_token(credentials: &[u8]) -> bool {
    let Some((scheme, token)) = std::str::from_utf8(credentials)
        .ok()
        .and_then(|credentials| credentials.split_once(' '))
    else {
        return false;
    };
    scheme.eq_ignore_ascii_case("bearer") && token.trim() == TOKEN
}

/// Whether this names loopback, by the plain ways to write it; none where it is written in another way.
fn is_loopback(host: &[u8]) -> Option<bool> {
    let host = std::str::from_utf8(host).ok()?;
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return None;
    }
    if name == "localhost" {
        return Some(true);
    }
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Some(address.is_loopback());
    }
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    if let Some(address) = address.and_then(|address| address.parse::<Ipv6Addr>().ok()) {
        return Some(address.to_canonical().is_loopback());
    }
    let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    is_plain.then_some(false)
}

/// What the endpoint says to these bytes, until both ends have ended.
fn answer(bytes: &[u8]) -> Vec<u8> {
    RIG.with_borrow_mut(|rig| {
        let (runtime, admin) = rig.get_or_insert_with(|| {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_time().start_paused(false).build();
            let token = TOKEN.parse::<AdminToken>().expect("it is long enough");
            let admin = Admin::new("fuzzed", || "a_metric 1\n".to_owned()).token(token);
            (runtime.expect("a runtime can be built"), admin)
        });
        runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(64 * 1024);
            let service = admin.service();
            let service = service_fn(move |request| service.clone().call(request));
            let serving = http1::Builder::new().serve_connection(TokioIo::new(server), service);
            let asking = async {
                let mut all = Vec::new();
                let said = client.write_all(bytes).await.is_ok();
                let _ = client.shutdown().await;
                let _ = client.read_to_end(&mut all).await;
                assert!(said || !all.is_empty() || bytes.len() > 64 * 1024);
                all
            };
            // An error is of a client that sent what is no request.
            let (all, ()) = tokio::join!(asking, async { drop(serving.await) });
            let shown = Bytes::from(all);
            let is_shown = shown
                .windows(TOKEN.len())
                .any(|shown| shown == TOKEN.as_bytes());
            assert!(!is_shown, "the token is shown");
            shown.to_vec()
        })
    })
}
