//! The error of a request holds no secret, whoever made it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_context::{
    ConnectFailure, ContextBuilder, ErrorKind, FutureExt as _, Observer, OpenError, Redaction,
    RequestError, RequestInfo, Tls, builder, current, http_session,
};
use http_context_tests::{RefusedPort, Server, empty_body, shown, tls};
use reqwest::{Method, Request, Url};

use crate::SECRET;
use crate::middleware::{NoNames, Refuse, Wrap, retries};

/// The error of one request.
async fn fails(context: ContextBuilder, request: Request) -> RequestError {
    let work = context
        .configure(reqwest::ClientBuilder::no_proxy)
        .open(async { Ok::<_, OpenError>(http_session()?.execute(request).await.unwrap_err()) });
    work.await.unwrap()
}

fn get(url: &str) -> Request {
    Request::new(Method::GET, Url::parse(url).unwrap())
}

#[track_caller]
fn assert_keeps_its_secrets(error: &RequestError) {
    let text = shown(error);
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_retry_that_gives_up_shows_no_secret_of_its_url() {
    let dead = RefusedPort::new();
    for times in [0, 1] {
        let url = format!("http://me:{SECRET}@{}/x?sig={SECRET}", dead.addr());
        let error = fails(builder().with(retries(times)), get(&url)).await;
        assert_keeps_its_secrets(&error);
        assert!(shown(&error).contains("refused"), "{error:?}");
    }
}

#[tokio::test]
async fn an_error_inside_that_of_a_refused_redirect_shows_no_secret_of_the_target() {
    let target = format!("http://user:{SECRET}@127.0.0.1:1/?sig={SECRET}");
    let away = move |_| {
        let target = target.clone();
        async move {
            let answer = http::Response::builder().status(302);
            answer
                .header("location", target)
                .body(empty_body())
                .unwrap()
        }
    };
    let server = Server::builder().http1().tls().handler("/away", away);
    let server = server.start();
    let context = builder()
        .tls(Tls::Config(tls::client_config()))
        .configure(|client| client.https_only(true));
    let error = fails(context, get(&server.url("/away"))).await;
    assert_keeps_its_secrets(&error);
}

#[tokio::test]
async fn the_own_text_of_a_middleware_shows_no_secret() {
    let texts: [fn(&Request) -> String; 6] = [
        |request| format!("cannot send {request:?}"),
        |request| format!("cannot send {:?}", request.url()),
        |request| format!("cannot send to ({})", request.url()),
        |request| format!("no such key: {}", request.url().query().unwrap()),
        |request| format!("bad password: {}", request.url().password().unwrap()),
        |_| format!("see https://else:{SECRET}@host/?a=1&X-Amz-Signature={SECRET}#x."),
    ];
    for text in texts {
        let url = format!("http://user:{SECRET}@127.0.0.1/x?sig={SECRET}&b=2");
        let error = fails(builder().with(Refuse(text)), get(&url)).await;
        assert_keeps_its_secrets(&error);
        assert!(shown(&error).contains("REDACTED"), "{error:?}");
    }
}

#[tokio::test]
async fn a_secret_is_known_percent_encoded_and_decoded() {
    let texts: [fn(&Request) -> String; 2] = [
        |_| format!("what was given: {SECRET}/+=\"x"),
        |request| format!("what was given: {}", request.url().query().unwrap()),
    ];
    for text in texts {
        let url = format!("http://127.0.0.1/x?sig={SECRET}%2F%2B%3D%22x");
        let error = fails(builder().with(Refuse(text)), get(&url)).await;
        assert_keeps_its_secrets(&error);
    }
}

#[tokio::test]
async fn the_credentials_in_the_headers_of_a_request_are_secrets_too() {
    let texts: [fn(&Request) -> String; 4] = [
        |request| format!("cannot send {request:?}"),
        |request| format!("cannot send {:#?}", request.headers()),
        |_| format!("the token {SECRET}-token has run out"),
        |_| format!("no such session: {SECRET}-session"),
    ];
    for text in texts {
        let mut request = get("http://127.0.0.1/x");
        let headers = request.headers_mut();
        let bearer = format!("Bearer {SECRET}-token").parse().unwrap();
        headers.insert("authorization", bearer);
        let cookie = format!("a=b; session={SECRET}-session").parse().unwrap();
        headers.insert("cookie", cookie);
        let error = fails(builder().with(Refuse(text)), request).await;
        assert_keeps_its_secrets(&error);
        assert!(shown(&error).contains("REDACTED"), "{error:?}");
    }
}

#[tokio::test]
async fn an_error_of_a_resolver_shows_no_secret_of_what_it_asks() {
    let seen = Arc::new(Failures::default());
    let observer = Arc::<Failures>::clone(&seen);
    let asked = "no answer from https://me:S3CRET@dns/?name=a-name&sig=S3CRET";
    let context = builder()
        .dns_resolver(Arc::new(NoNames(asked)))
        .observer(observer);
    let error = fails(context, get("http://a-name/")).await;
    assert_keeps_its_secrets(&error);
    assert_eq!(error.kind(), ErrorKind::NameResolution);
    let seen = seen.0.lock().unwrap();
    let asked = "no answer from https://REDACTED:REDACTED@dns/?name=a-name&sig=REDACTED";
    assert!(seen.contains(asked), "{seen}");
    assert!(seen.contains("name_resolution_error"), "{seen}");
    assert!(!seen.contains(SECRET), "{seen}");
}

/// What an observer is shown of connects that failed.
#[derive(Default)]
struct Failures(Mutex<String>);

impl Observer for Failures {
    fn connect_failed(&self, _: &RequestInfo, failure: &ConnectFailure<'_>) {
        let text = format!("{failure:?} {} {}", shown(failure.error), failure.kind());
        self.0.lock().unwrap().push_str(&text);
    }
}

#[tokio::test]
async fn what_a_context_adds_to_its_secrets_is_kept_behind_a_middleware_too() {
    let dead = RefusedPort::new();
    for redaction in [
        Redaction::default().also(["api_key"]),
        Redaction::default().all_query_values(),
    ] {
        let context = builder().redaction(redaction).with(retries(1));
        let url = format!("http://{}/x?api_key={SECRET}", dead.addr());
        assert_keeps_its_secrets(&fails(context, get(&url)).await);
    }
}

#[tokio::test]
async fn an_error_of_a_middleware_that_holds_no_secret_is_handed_out_as_it_is() {
    let context = builder().with(Wrap(|_| reqwest_middleware::Error::middleware(Mine(7))));
    let dead = RefusedPort::new();
    let url = format!("http://{}/x?sig={SECRET}", dead.addr());
    let error = fails(context, get(&url)).await;
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.downcast_ref::<Mine>().map(|mine| mine.0), Some(7));
}

#[derive(Debug, PartialEq)]
struct Mine(u32);

impl std::fmt::Display for Mine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("mine")
    }
}

impl std::error::Error for Mine {}

#[tokio::test]
async fn a_request_that_cannot_be_built_shows_nothing_of_what_it_was_to_be_built_from() {
    let work = builder().open(async {
        let session = http_session()?;
        let mut errors = Vec::new();
        for url in [
            format!("http://user:{SECRET}@host:99999/"),
            format!("http://user:{SECRET}@ho st/"),
            format!("the-user:{SECRET}@host/path"),
            format!("user:{SECRET}@host/path?sig={SECRET}"),
            format!("file:///x?sig={SECRET}"),
            format!("/only/a/path?sig={SECRET}"),
        ] {
            errors.push(session.get(&url).build().unwrap_err());
            errors.push(session.get(&url).send().await.unwrap_err());
        }
        let header = session.get("http://host/?sig=x");
        let header = header.header("authorization", format!("{SECRET}\n"));
        errors.push(header.build().unwrap_err());
        let name = session
            .get("http://host/")
            .header(format!("{SECRET} x"), "");
        errors.push(name.build().unwrap_err());
        let opaque = get(&format!("the-user:{SECRET}@host/path"));
        errors.push(session.execute(opaque).await.unwrap_err());
        let scheme = get(&format!("htp://user:{SECRET}@host/path"));
        errors.push(session.execute(scheme).await.unwrap_err());
        Ok::<_, OpenError>(errors)
    });
    for error in work.await.unwrap() {
        assert_keeps_its_secrets(&error);
        assert!(!shown(&error).contains("the-user"), "{error:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_refused_or_waits_in_vain_shows_no_secret() {
    let server = Server::start();
    let url = |path: &str| {
        let (authority, path) = (server.addr(), path.to_owned());
        format!("http://user:{SECRET}@{authority}{path}?sig={SECRET}")
    };
    let work = builder()
        .max_connections_per_host(1)
        .queue_timeout(Duration::from_millis(1))
        .open(async {
            let session = http_session()?;
            let held = tokio::spawn(session.execute(get(&url("/slow-head"))));
            server.wait_until(|counts| counts.held == 1).await;
            let queued = session.execute(get(&url("/ok"))).await.unwrap_err();
            session.close();
            let cut_off = held.await.unwrap().unwrap_err();
            let refused = session.execute(get(&url("/ok"))).await.unwrap_err();
            Ok::<_, OpenError>([queued, cut_off, refused])
        });
    for error in work.await.unwrap() {
        assert_keeps_its_secrets(&error);
        let said = error.to_string();
        assert!(said.starts_with("GET http://REDACTED:REDACTED@"), "{said}");
    }
}

#[tokio::test]
async fn a_context_that_is_named_after_a_url_keeps_the_secrets_of_it() {
    let name = format!("fetch https://me:{SECRET}@host/?sig={SECRET}");
    let work = builder().name(name).open(async {
        let named = current().unwrap().name().unwrap().to_owned();
        Ok::<_, OpenError>((named, async { http_session() }.in_current_http_context()))
    });
    let (named, late) = work.await.unwrap();
    assert_eq!(named, "fetch https://REDACTED:REDACTED@host/?sig=REDACTED");
    let error = late.await.unwrap_err();
    assert!(error.to_string().contains(&named), "{error}");
    assert!(!shown(&error).contains(SECRET), "{error:?}");
}
