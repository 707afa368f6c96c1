//! Random secrets in random places: whatever fails shows none of them.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::StreamExt as _;
use http::Extensions;
use http_context::{ContextBuilder, OpenError, Redaction, RedirectPolicy, builder, http_session};
use http_context_tests::{Random, RefusedPort, Server, empty_body, full_body, shown};
use reqwest::{Method, Request, Response, Url};
use reqwest_middleware::{Middleware, Next};

use crate::BoxError;
use crate::middleware::{Wrap, retries};

/// Every secret begins with it, and nothing else has it.
const MARK: &str = "QZQ";

/// How many requests there are, each with its own.
const REQUESTS: u64 = 1_500;

/// What a secret is made of beside its mark.
const CHARACTERS: [char; 22] = [
    'a', 'B', '7', '-', '_', '.', '~', '+', '/', '=', '%', '&', '#', '?', ':', '@', '"', '\'',
    '\\', ' ', ')', 'é',
];

/// Where the server answers, each in a way that something fails of.
const PATHS: [&str; 5] = ["/long", "/away", "/status/404", "/status/500", "/cut/2"];

fn pick<'t, T>(random: &mut Random, from: &'t [T]) -> &'t T {
    let at = random.below(from.len() as u64);
    &from[usize::try_from(at).unwrap()]
}

fn secret(random: &mut Random) -> String {
    let rest = (0..random.below(10)).map(|_| *pick(random, &CHARACTERS));
    let rest: String = rest.collect();
    format!("{MARK}{rest}")
}

/// As it stands in a URL: every character that is no letter may be escaped, and some must be.
fn escaped(random: &mut Random, secret: &str) -> String {
    let mut text = String::new();
    for c in secret.chars() {
        if c.is_ascii_alphanumeric() || ("-_.~".contains(c) && random.one_in(2)) {
            text.push(c);
            continue;
        }
        for byte in c.to_string().bytes() {
            match random.below(2) {
                0 => write!(text, "%{byte:02X}").unwrap(),
                _ => write!(text, "%{byte:02x}").unwrap(),
            }
        }
    }
    text
}

const PARAMETERS: [&str; 8] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "s%69G",
    "api_key",
];

/// A URL at this place with secrets in it, and the secrets as they are without escapes.
fn url(random: &mut Random, authority: &str, path: &str) -> (String, Vec<String>) {
    let mut secrets = Vec::new();
    let mut drawn = |random: &mut Random| {
        let secret = secret(random);
        let text = escaped(random, &secret);
        secrets.push(secret);
        text
    };
    let user_info = match random.below(4) {
        0 => format!("{}@", drawn(random)),
        1 => format!(":{}@", drawn(random)),
        2 => format!("{}:{}@", drawn(random), drawn(random)),
        _ => String::new(),
    };
    let mut text = format!("http://{user_info}{authority}{path}?page=2");
    for _ in 0..random.below(3) {
        let name = pick(random, &PARAMETERS);
        write!(text, "&{name}={}", drawn(random)).unwrap();
    }
    if random.one_in(3) {
        write!(text, "#sig={}", drawn(random)).unwrap();
    }
    (text, secrets)
}

/// What a middleware writes about a request, and its secrets.
#[derive(Clone)]
struct Says {
    how: u64,
    secrets: Vec<String>,
}

/// Fails, or answers with a body that fails, and writes about the request in many ways.
struct Writes;

#[async_trait::async_trait]
impl Middleware for Writes {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let Some(says) = extensions.get::<Says>().cloned() else {
            return next.run(request, extensions).await;
        };
        let url = request.url();
        let plain = says.secrets.join(" and ");
        let text = match says.how % 8 {
            0 => format!("cannot send {request:?}"),
            1 => format!("cannot send {url:?}"),
            2 => format!("cannot send ({url})."),
            3 => format!("what is `{}`?", url.query().unwrap_or_default()),
            4 => format!("no such user: {}, {:?}", url.username(), url.password()),
            5 => format!("these are wrong: {plain}"),
            6 => format!("these are wrong: {plain:?}"),
            _ => {
                let inside = [("url", url.as_str())];
                let around = Url::parse_with_params("https://host/", inside).unwrap();
                format!("see {around}")
            }
        };
        if says.how % 3 > 0 {
            let error: BoxError = text.into();
            let error = std::io::Error::other(error);
            return Err(reqwest_middleware::Error::middleware(error));
        }
        let failing = futures_util::stream::iter([Err::<bytes::Bytes, BoxError>(text.into())]);
        Ok(http::Response::new(reqwest::Body::wrap_stream(failing)).into())
    }
}

/// Looks for the mark of secrets, and where there is one says whose it is.
#[track_caller]
fn assert_keeps(url: &str, error: &(dyn std::error::Error + 'static)) {
    let text = shown(error);
    assert!(!text.to_uppercase().contains(MARK), "{url} gives\n{text}");
}

fn contexts() -> Vec<ContextBuilder> {
    let boxed = Wrap(|error| reqwest_middleware::Error::middleware(std::io::Error::other(error)));
    let context = || {
        builder()
            .redaction(Redaction::default().also(["api_key"]))
            .max_response_body(3)
            .redirect(RedirectPolicy::limited(1))
            .configure(reqwest::ClientBuilder::no_proxy)
    };
    vec![
        context(),
        context().with(Writes),
        context().with(retries(0)).with(Writes),
        context().with(retries(1)).with(boxed).with(Writes),
    ]
}

/// Does something with a response, which may fail.
async fn use_up(how: u64, response: Response) -> Result<(), reqwest::Error> {
    match how % 6 {
        0 => response.error_for_status().map(drop),
        1 => response.error_for_status_ref().map(drop),
        2 => response.json::<u8>().await.map(drop),
        3 => response.text().await.map(drop),
        4 => response.bytes().await.map(drop),
        _ => match response.bytes_stream().next().await {
            Some(chunk) => chunk.map(drop),
            None => Ok(()),
        },
    }
}

#[tokio::test]
async fn nothing_that_fails_shows_a_secret() {
    let dead = RefusedPort::new();
    let mut random = Random::new(15);
    // Where a redirect leads is asked of the server in a header.
    let away = |request: http::Request<_>| async move {
        let answer = http::Response::builder().status(302);
        let location = request.headers()["x-location"].clone();
        answer
            .header("location", location)
            .body(empty_body())
            .unwrap()
    };
    let long = |_| async { http::Response::new(full_body("not what was asked for")) };
    let server = Server::builder()
        .handler("/away", away)
        .handler("/long", long)
        .start();
    let (live, dead) = (server.addr().to_string(), dead.addr().to_string());
    let mut failed = 0;
    for context in contexts() {
        let work = context.open(async {
            let session = http_session()?;
            let mut failed = 0;
            for _ in 0..REQUESTS / 4 {
                let authority = pick(&mut random, &[&live, &live, &dead]).as_str();
                let path = *pick(&mut random, &PATHS);
                let (text, secrets) = url(&mut random, authority, path);
                let (location, _) = url(&mut random, &dead, "/x");
                if random.one_in(2) {
                    // As it is: a builder makes a header of user info.
                    let mut request = Request::new(Method::GET, Url::parse(&text).unwrap());
                    let location = location.parse().unwrap();
                    request.headers_mut().insert("x-location", location);
                    match session.execute(request).await {
                        Err(error) => assert_keeps(&text, &error),
                        Ok(response) => assert!(!format!("{response:?}").contains(MARK)),
                    }
                    continue;
                }
                let mut builder = session.get(&text);
                builder = builder.timeout(Duration::from_mins(1));
                if random.one_in(2) {
                    let how = random.below(24);
                    builder = builder.with_extension(Says { how, secrets });
                }
                match builder.header("x-location", location).send().await {
                    Err(error) => {
                        failed += 1;
                        assert_keeps(&text, &error);
                    }
                    Ok(response) => {
                        let shows = format!("{response:?}");
                        assert!(!shows.contains(MARK), "{text} gives {shows}");
                        if let Err(error) = use_up(random.below(6), response).await {
                            failed += 1;
                            assert_keeps(&text, &error);
                        }
                    }
                }
            }
            Ok::<_, OpenError>(failed)
        });
        failed += work.await.unwrap();
    }
    assert!(failed > REQUESTS / 3, "{failed} of {REQUESTS}");
}
