//! Where a session goes when it is redirected and what it takes there, held against the rules of RFC 9110
//! and of the fetch standard, written down as a plain list of hops, with the crate `url` as the judge of
//! what a reference and an origin are.

use std::sync::{Arc, Mutex};

use http_context::{ErrorKind, OpenError, RedirectPolicy, RequestError, http_session};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Url};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::server::{self, Begun};

const METHODS: [&str; 6] = ["GET", "POST", "HEAD", "PUT", "DELETE", "QUERY"];
const STATUSES: [u16; 8] = [302, 301, 303, 307, 308, 300, 304, 200];
const BODY: &str = "of the request";
/// Redirects that are followed in a row, by default.
const MOST: usize = 10;

/// A request, and what answers it.
struct Story {
    method: Method,
    url: Url,
    has_credentials: bool,
    has_body: bool,
    answers: Vec<Answer>,
}

#[derive(Clone)]
struct Answer {
    status: u16,
    location: Option<Vec<u8>>,
    /// Whether there is another one, which differs.
    has_second: bool,
}

impl Story {
    /// The first line has the method, what the request has, and the rest of its URL; each other line the
    /// status of an answer and its `Location`.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let [method, has, rest @ ..] = lines.next()? else {
            return None;
        };
        let rest = std::str::from_utf8(rest).ok()?;
        let url = Url::parse(&format!("http://first.test{rest}")).ok()?;
        // The rest may have made another host of it; one that has user info is not asked for here.
        let is_plain = url.username().is_empty() && url.password().is_none();
        if !is_plain || url.scheme() != "http" {
            return None;
        }
        Some(Self {
            method: METHODS[usize::from(*method) % METHODS.len()].parse().ok()?,
            url,
            has_credentials: has & 1 != 0,
            has_body: has & 2 != 0,
            answers: lines.take(MOST + 3).filter_map(Answer::read).collect(),
        })
    }
}

impl Answer {
    fn read(line: &[u8]) -> Option<Self> {
        let (first, location) = line.split_first()?;
        // What no header may have in it.
        let location: Vec<u8> = location
            .iter()
            .copied()
            .filter(|byte| *byte >= b' ' && *byte != 0x7f)
            .collect();
        Some(Self {
            status: STATUSES[usize::from(*first) % STATUSES.len()],
            has_second: first & 0x40 != 0,
            location: (first & 0x80 == 0).then_some(location),
        })
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} \r\n", self.status).into_bytes();
        if let Some(location) = &self.location {
            let times = if self.has_second { 2 } else { 1 };
            for time in 0..times {
                head.extend_from_slice(b"location: ");
                head.extend_from_slice(location);
                head.extend_from_slice(&b"x"[..time]);
                head.extend_from_slice(b"\r\n");
            }
        }
        if self.status != 304 {
            head.extend_from_slice(b"content-length: 0\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// A request as a server sees it.
#[derive(Clone, Debug, PartialEq)]
enum Hop {
    Plain {
        method: String,
        target: String,
        host: String,
        /// The values of [`NAMES`].
        headers: Vec<Option<String>>,
        body: String,
    },
    /// It is behind TLS, which the server does not speak.
    Tls,
}

const NAMES: [&str; 7] = [
    "authorization",
    "cookie",
    "x-key",
    "x-secret",
    "x-plain",
    "content-type",
    "referer",
];

#[derive(Debug, PartialEq)]
enum End {
    Status(u16),
    Redirect,
    /// It could not be made, or not sent.
    Unsent,
}

/// What is to happen.
fn told(story: &Story) -> (Vec<Hop>, End) {
    let (mut method, mut url) = (story.method.as_str().to_owned(), story.url.clone());
    let mut keeps = story.has_credentials;
    let mut body = story.has_body;
    let mut referer = None;
    let mut hops = Vec::new();
    for redirects in 0.. {
        if http::Uri::try_from(url.as_str()).is_err() {
            return (hops, End::Unsent);
        }
        if url.scheme() == "https" {
            hops.push(Hop::Tls);
            return (hops, End::Unsent);
        }
        let credential = |value: &str| keeps.then(|| value.to_owned());
        let query = url.query().map(|query| format!("?{query}"));
        let port = url.port().map(|port| format!(":{port}"));
        hops.push(Hop::Plain {
            method: method.clone(),
            target: format!("{}{}", url.path(), query.unwrap_or_default()),
            host: format!(
                "{}{}",
                url.host_str().unwrap_or_default(),
                port.unwrap_or_default()
            ),
            headers: vec![
                credential("Bearer hunter2"),
                credential("hunter=2"),
                credential("hunter2"),
                credential("hunter2"),
                Some("kept".to_owned()),
                body.then(|| "text/plain".to_owned()),
                referer,
            ],
            body: if body { BODY.to_owned() } else { String::new() },
        });
        let plain = Answer {
            status: 200,
            location: None,
            has_second: false,
        };
        let answer = story.answers.get(redirects).unwrap_or(&plain);
        let location = match (&answer.location, answer.status) {
            (Some(location), 301 | 302 | 303 | 307 | 308) => location,
            (_, status) => return (hops, End::Status(status)),
        };
        if answer.has_second {
            return (hops, End::Redirect);
        }
        let text = match std::str::from_utf8(location) {
            Ok(text) => text.to_owned(),
            Err(_) => location.iter().copied().map(char::from).collect(),
        };
        // Around the value of a header there is white space.
        let Ok(mut next) = url.join(text.trim_matches([' ', '\t'])) else {
            return (hops, End::Redirect);
        };
        let _ = (next.set_username(""), next.set_password(None));
        if next.fragment().is_none() {
            next.set_fragment(url.fragment());
        }
        if redirects == MOST || !["http", "https"].contains(&next.scheme()) {
            return (hops, End::Redirect);
        }
        let is_same = next.origin() == url.origin();
        keeps &= is_same;
        // The policy `strict-origin-when-cross-origin`; from http nothing leads to less.
        let mut from = url.clone();
        from.set_fragment(None);
        referer = Some(if is_same {
            from.to_string()
        } else {
            format!("{}/", from.origin().ascii_serialization())
        });
        let becomes_get = match answer.status {
            301 | 302 => method == "POST",
            303 => method != "GET" && method != "HEAD",
            _ => false,
        };
        if becomes_get {
            "GET".clone_into(&mut method);
            body = false;
        }
        url = next;
    }
    unreachable!("the tenth redirect is the last")
}

/// Reads a story, lets a session live it, and holds what the server saw against what is to happen.
pub(crate) fn check(bytes: &[u8]) {
    let Some(story) = Story::read(bytes) else {
        return;
    };
    let (expected, end) = told(&story);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (answers, noting) = (Arc::new(story.answers.clone()), Arc::clone(&seen));
    let serve = move |stream| serve(stream, Arc::clone(&answers), Arc::clone(&noting));
    let ended = server::run(
        |context| {
            let policy = RedirectPolicy::default();
            let context =
                context.redirect(policy.credential_headers([HeaderName::from_static("x-key")]));
            let work = async {
                let mut request = http_session()?
                    .request(story.method.clone(), story.url.clone())
                    .header("x-plain", "kept");
                if story.has_credentials {
                    let mut secret = HeaderValue::from_static("hunter2");
                    secret.set_sensitive(true);
                    request = request
                        .bearer_auth("hunter2")
                        .header("cookie", "hunter=2")
                        .header("x-key", "hunter2")
                        .header("x-secret", secret);
                }
                if story.has_body {
                    request = request.header("content-type", "text/plain").body(BODY);
                }
                Ok::<_, OpenError>(request.send().await.map(|response| response.status()))
            };
            context.open(work)
        },
        serve,
    );
    let ended = match ended.expect("nothing refuses it") {
        Ok(status) => End::Status(status.as_u16()),
        Err(error) => {
            shows_no_secret(&error);
            match error.kind() {
                ErrorKind::Redirect => End::Redirect,
                _ => End::Unsent,
            }
        }
    };
    let mut seen = seen.lock().expect("nobody panicked").clone();
    // There are hosts that URLs may have and TLS may not.
    if expected.last() == Some(&Hop::Tls) && seen.last() != Some(&Hop::Tls) {
        seen.push(Hop::Tls);
    }
    assert_eq!((seen, ended), (expected, end));
}

fn shows_no_secret(error: &RequestError) {
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("hunter"), "{shown}");
}

async fn serve(mut stream: UnixStream, answers: Arc<Vec<Answer>>, seen: Arc<Mutex<Vec<Hop>>>) {
    loop {
        let head = match server::read_head(&mut stream).await {
            Begun::Head(head) => head,
            Begun::Tls => {
                seen.lock().expect("nobody panicked").push(Hop::Tls);
                return;
            }
            Begun::End => return,
        };
        let length = server::header(&head, "content-length").map_or(0, |length| {
            length.parse::<usize>().expect("a length is a number")
        });
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let line: Vec<_> = head.lines().next().unwrap_or_default().split(' ').collect();
        let header = |name: &&str| server::header(&head, name).map(str::to_owned);
        let answer = {
            let mut seen = seen.lock().expect("nobody panicked");
            seen.push(Hop::Plain {
                method: line[0].to_owned(),
                target: line[1].to_owned(),
                host: header(&"host").unwrap_or_default(),
                headers: NAMES.iter().map(header).collect(),
                body: String::from_utf8_lossy(&body).into_owned(),
            });
            answers.get(seen.len() - 1).cloned()
        };
        let head = answer.map_or(
            b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n".to_vec(),
            |a| a.head(),
        );
        // The client may be gone.
        let _ = stream.write_all(&head).await;
    }
}
