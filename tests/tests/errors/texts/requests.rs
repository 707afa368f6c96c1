//! Requests that get no response.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_context::{
    ContextBuilder, HttpSession, OpenError, RedirectAction, RedirectPolicy, RequestBuilder,
    RequestError, Tls, builder, http_session,
};
use http_context_tests::tls::Leaf;
use http_context_tests::{RefusedPort, Server, SilentPort, empty_body, tls};

use super::row_of;
use crate::middleware::{NoNames, Refuse, Wrap, retries};
use crate::{BoxError, SECRET};

/// Long enough that a busy machine has connected before, and short enough to wait for.
const SOON: Duration = Duration::from_secs(1);

/// The error of one request in a context of its own.
async fn fails(
    context: ContextBuilder,
    request: impl FnOnce(HttpSession) -> RequestBuilder,
) -> RequestError {
    let work = context
        .configure(reqwest::ClientBuilder::no_proxy)
        .open(async {
            let request = request(http_session()?);
            Ok::<_, OpenError>(request.send().await.unwrap_err())
        });
    work.await.unwrap()
}

async fn get_fails(context: ContextBuilder, url: String) -> RequestError {
    fails(context, |session| session.get(url)).await
}

fn at(authority: impl std::fmt::Display) -> String {
    format!("http://{authority}/x?page=2&sig={SECRET}")
}

/// Where one connection is accepted, read from, answered with this, and closed.
fn answers(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = at(listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 1024]).unwrap();
        socket.write_all(answer).unwrap();
    });
    url
}

/// Where one connection is accepted, and closed with its request unread, which resets it.
fn resets() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = at(listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let _ = socket.peek(&mut [0; 1]).unwrap();
    });
    url
}

/// A server that sends on to this URL.
fn leads_to(url: &'static str) -> Server {
    let away = move |_| async move {
        let answer = http::Response::builder().status(302);
        answer.header("location", url).body(empty_body()).unwrap()
    };
    Server::builder().handler("/x", away).start()
}

pub(super) async fn rows() -> Vec<String> {
    let mut rows = not_connected().await;
    rows.extend(not_answered().await);
    rows.extend(of_the_session().await);
    rows.extend(not_redirected().await);
    rows.extend(not_sent().await);
    rows.extend(by_middleware().await);
    rows
}

async fn not_connected() -> Vec<String> {
    let refused = RefusedPort::new();
    let silent = SilentPort::new();
    let untrusted = Server::builder().http1().tls_with(Leaf::UnknownIssuer);
    let untrusted = untrusted.start();
    let distrusted = untrusted.url(&format!("/x?page=2&sig={SECRET}"));
    let short = builder().configure(|client| client.connect_timeout(SOON));
    let distrusts = builder().tls(Tls::Config(tls::client_config()));
    let said = "failed to lookup address information: Name or service not known";
    let no_names = builder().dns_resolver(Arc::new(NoNames(said)));
    let late = get_fails(short, at(silent.addr())).await;
    let late = row_of("the connect takes too long for `configure`", &late);
    // The timer of the connector and that of the client run out at once, and either may win.
    let connector = "`` tcp connect error `` ← `` deadline has elapsed ``";
    let late = late.replace(connector, "`` operation timed out ``");
    vec![
        row_of(
            "the connect is refused",
            &get_fails(builder(), at(refused.addr())).await,
        ),
        row_of(
            "the connect takes too long",
            &get_fails(builder().connect_timeout(SOON), at(silent.addr())).await,
        ),
        late,
        row_of(
            "there is no such name",
            &get_fails(no_names, at("host")).await,
        ),
        row_of(
            "the certificate is not trusted",
            &get_fails(distrusts, distrusted).await,
        ),
    ]
}

async fn not_answered() -> Vec<String> {
    let server = Server::start();
    let never = server.url(&format!("/never?page=2&sig={SECRET}"));
    let never = fails(builder(), |session| session.get(never).timeout(SOON)).await;
    let url = server.url(&format!("/never?page=2&sig={SECRET}"));
    let silent = fails(builder(), |session| session.get(url).read_timeout(SOON)).await;
    let garbage = get_fails(builder(), answers(b"what is this\r\n\r\n")).await;
    let ended = get_fails(builder(), answers(b"")).await;
    let reset = get_fails(builder(), resets()).await;
    let failing = futures_util::stream::iter([Err::<Bytes, BoxError>("the disk is gone".into())]);
    let failing = reqwest::Body::wrap_stream(failing);
    let url = server.url(&format!("/upload?page=2&sig={SECRET}"));
    let upload = fails(builder(), |session| session.post(url).body(failing)).await;
    vec![
        row_of("its time is over before the response", &never),
        row_of("nothing comes of the response for too long", &silent),
        row_of("what comes is not HTTP", &garbage),
        row_of("the connection ends before the response", &ended),
        row_of("the connection is reset before the response", &reset),
        row_of("the body of the request fails", &upload),
    ]
}

async fn of_the_session() -> Vec<String> {
    let server = Server::start();
    let context = builder()
        .max_connections_per_host(1)
        .queue_timeout(Duration::from_millis(1));
    let work = context.open(async {
        let session = http_session()?;
        let url = |path: &str| server.url(&format!("{path}?page=2&sig={SECRET}"));
        let held = tokio::spawn(session.get(url("/slow-head")).send());
        server.wait_until(|counts| counts.held == 1).await;
        let queued = session.get(url("/x")).send().await.unwrap_err();
        session.close();
        let cut_off = held.await.unwrap().unwrap_err();
        let refused = session.get(url("/x")).send().await.unwrap_err();
        Ok::<_, OpenError>([queued, cut_off, refused])
    });
    let [queued, cut_off, refused] = work.await.unwrap();
    vec![
        row_of("no slot at its host comes free in time", &queued),
        row_of("the session closes under it", &cut_off),
        row_of("the session was closed before", &refused),
    ]
}

async fn not_redirected() -> Vec<String> {
    let limited = builder().redirect(RedirectPolicy::limited(0));
    let here = leads_to("/x?sig=S3CRET");
    let elsewhere = leads_to("ftp://user:S3CRET@host/?sig=S3CRET");
    let refusing = builder().redirect(RedirectPolicy::custom(|attempt| {
        RedirectAction::Refuse(format!("not to {}", attempt.url()).into())
    }));
    let x = |server: &Server| server.url(&format!("/x?page=2&sig={SECRET}"));
    let too_many = get_fails(limited, x(&here)).await;
    let ftp = get_fails(builder(), x(&elsewhere)).await;
    let refused = get_fails(refusing, x(&here)).await;
    vec![
        row_of("it is redirected too often", &too_many),
        row_of("it is redirected to no HTTP", &ftp),
        row_of(
            "the policy refuses the redirect, and shows where to",
            &refused,
        ),
    ]
}

async fn not_sent() -> Vec<String> {
    let only_https = builder().configure(|client| client.https_only(true));
    let not_https = get_fails(only_https, at("127.0.0.1:1")).await;
    let invalid = fails(builder(), |session| {
        session.get(format!("http://user:{SECRET}@host:99999/x"))
    });
    let header = fails(builder(), |session| {
        session
            .get("http://host/x")
            .header("x", format!("{SECRET}\n"))
    });
    vec![
        row_of("`https_only`, and the URL is not", &not_https),
        row_of("the URL is invalid", &invalid.await),
        row_of("a header is invalid", &header.await),
    ]
}

async fn by_middleware() -> Vec<String> {
    let own = |text: fn(&reqwest::Request) -> String| builder().with(Refuse(text));
    let refuses = get_fails(own(|_| "no token for it".to_owned()), at("127.0.0.1:1")).await;
    let shows = get_fails(
        own(|request| format!("no token for {}", request.url())),
        at("127.0.0.1:1"),
    );
    let dead = RefusedPort::new();
    let retried = get_fails(builder().with(retries(1)), at(dead.addr())).await;
    let wrapped = builder().with(Wrap(|error| {
        reqwest_middleware::Error::middleware(std::io::Error::other(error))
    }));
    let wrapped = get_fails(wrapped, at(dead.addr())).await;
    vec![
        row_of("a middleware refuses it", &refuses),
        row_of("a middleware refuses it, and shows its URL", &shows.await),
        row_of("`reqwest-retry` gives up connecting", &retried),
        row_of("a middleware boxes the error of the connect", &wrapped),
    ]
}
