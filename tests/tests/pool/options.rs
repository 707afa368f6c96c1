//! A session of a pool is built from the options of the pool, and from no others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_context::testing::{Fact, Recorder};
use http_context::{
    BuildError, ContextBuilder, DefaultAuth, HttpVersions, OpenError, RedirectPolicy, SessionError,
    SessionOptions, SessionPool, Tls, builder, current, http_session,
};
use http_context_tests::{Server, edits_nothing};
use reqwest::Proxy;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};

type Setter = fn(ContextBuilder) -> ContextBuilder;

struct Nowhere;

impl Resolve for Nowhere {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::empty::<SocketAddr>());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// Every option of a session, by the name of its setter.
const SETTERS: &[(&str, Setter)] = &[
    ("max_connections_per_host", |b| {
        b.max_connections_per_host(1)
    }),
    ("keep_alive", |b| b.keep_alive(Duration::from_secs(1))),
    ("http_versions", |b| b.http_versions(HttpVersions::Http1)),
    ("tls", |b| b.tls(Tls::ClientBuilder)),
    ("proxy", |b| {
        b.proxy(Proxy::all("http://127.0.0.1:1/").unwrap())
    }),
    ("without_proxies", ContextBuilder::without_proxies),
    ("redirect", |b| b.redirect(RedirectPolicy::none())),
    ("request_timeout", |b| {
        b.request_timeout(Duration::from_secs(1))
    }),
    (
        "without_request_timeout",
        ContextBuilder::without_request_timeout,
    ),
    ("read_timeout", |b| b.read_timeout(Duration::from_secs(1))),
    ("without_read_timeout", ContextBuilder::without_read_timeout),
    ("default_headers", |b| b.default_headers(HeaderMap::new())),
    ("dns_resolver", |b| b.dns_resolver(Arc::new(Nowhere))),
    ("without_dns_resolver", ContextBuilder::without_dns_resolver),
    ("connect_timeout", |b| {
        b.connect_timeout(Duration::from_secs(1))
    }),
    (
        "without_connect_timeout",
        ContextBuilder::without_connect_timeout,
    ),
    ("user_agent", |b| {
        b.user_agent(HeaderValue::from_static("x"))
    }),
    ("without_user_agent", ContextBuilder::without_user_agent),
    ("with", |b| b.with(edits_nothing())),
    ("with_arc", |b| b.with_arc(Arc::new(edits_nothing()))),
    ("without_middleware", ContextBuilder::without_middleware),
    ("configure", |b| b.configure(|client| client.referer(false))),
    ("without_configure", ContextBuilder::without_configure),
    ("session", |b| b.session(SessionOptions::new())),
];

/// The option that an error names.
fn named(error: &BuildError) -> &'static str {
    let BuildError::PooledOption { option } = error else {
        panic!("{error:?}")
    };
    let text = error.to_string();
    assert!(text.starts_with(&format!("`{option}` was set")), "{text}");
    assert!(text.contains("options of the pool"), "{text}");
    option
}

#[tokio::test]
async fn an_option_set_after_the_pool_is_an_error_that_names_it() {
    let pool = SessionPool::builder().build();
    for (name, set) in SETTERS {
        let context = set(builder().pool(pool.clone()));
        let open = context.clone().open(async { Ok::<_, OpenError>(()) });
        let OpenError::Build(error) = open.await.unwrap_err() else {
            panic!("{name}")
        };
        assert_eq!(named(&error), *name);

        let job = context.job(async { http_session().map(drop) });
        let SessionError::Build(error) = job.await.unwrap_err() else {
            panic!("{name}")
        };
        assert_eq!(named(&error), *name);
    }
    assert_eq!((pool.status().used, pool.status().idle), (0, 0));
}

#[tokio::test]
async fn an_option_set_before_the_pool_is_replaced_by_that_of_the_pool() {
    let keep_alive = Duration::from_secs(7);
    let session = SessionOptions::new().keep_alive(keep_alive);
    let pool = SessionPool::builder().session(session).build();
    for (name, set) in SETTERS {
        let open = set(builder()).pool(pool.clone()).open(async {
            http_session()?;
            let context = current().unwrap();
            let info = context.info();
            Ok::<_, OpenError>((info.is_pooled(), info.keep_alive()))
        });
        assert_eq!(open.await.unwrap(), (true, keep_alive), "{name}");
    }
    assert_eq!(pool.status().idle, 1, "all of them had the same session");
}

#[tokio::test]
async fn an_option_set_after_the_pool_is_no_error_once_the_pool_is_set_again_or_taken_back() {
    let pool = SessionPool::builder().build();
    for (name, set) in SETTERS {
        let refused = set(builder().pool(pool.clone()));
        for (context, is_pooled) in [
            (refused.clone().pool(pool.clone()), true),
            (refused.clone().without_pool(), false),
            (refused.clone().without_pool().pool(pool.clone()), true),
        ] {
            let open = context.open(async {
                http_session()?;
                Ok::<_, OpenError>(current().unwrap().info().is_pooled())
            });
            assert_eq!(open.await.unwrap(), is_pooled, "{name}");
        }
    }
}

#[tokio::test]
async fn options_of_a_context_alone_are_set_on_either_side_of_the_pool() {
    let pool = SessionPool::builder().build();
    let context = builder()
        .pool(pool)
        .name("job 7")
        .lazy()
        .queue_timeout(Duration::from_secs(1))
        .max_response_body(1)
        .base_url("http://host/")
        .auth(DefaultAuth::bearer("x"))
        .error_for_status(true)
        .cookie_store(true)
        .drain_timeout(Duration::from_secs(1))
        .verify_sockets(false);
    let open = context.open(async { Ok::<_, OpenError>(http_session().map(drop)?) });
    open.await.unwrap();
}

#[tokio::test]
async fn the_pool_of_a_builder_has_its_sessions_its_observers_and_its_drain_timeout() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static("example/1.0"))]);
    let jobs = builder()
        .default_headers(headers)
        .observer(recorder.clone())
        .drain_timeout(Duration::ZERO);
    let pool = jobs.session_pool().max_size(1).build();
    let jobs = jobs.pool(pool.clone());
    for _ in 0..2 {
        let work = jobs.clone().open(async {
            let response = http_session()?.get(server.url("/ok")).send().await.unwrap();
            response.bytes().await.unwrap();
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
    let opened = recorder.all(|fact| matches!(fact, Fact::PoolSessionCreated(..)).then_some(()));
    assert_eq!(opened.len(), 1);
    let counts = server.counts();
    assert_eq!((counts.requests, counts.accepted), (2, 1));
    let agents = server
        .seen()
        .into_iter()
        .map(|seen| seen.headers["user-agent"].clone());
    assert_eq!(agents.collect::<Vec<_>>(), ["example/1.0", "example/1.0"]);
    // A request that is under way is cut off at once, as at the exit of its contexts.
    let cut_off = jobs.open(async {
        let session = http_session()?;
        let request = http_context::spawn(session.get(server.url("/never")).send());
        server.wait_until(|counts| counts.held == 1).await;
        drop(session);
        Ok::<_, OpenError>(request)
    });
    let before = tokio::time::Instant::now();
    cut_off.await.unwrap().await.unwrap().unwrap_err();
    assert!(before.elapsed() < Duration::from_secs(4));
    pool.close().await;
    server.wait_until(|counts| counts.open() == 0).await;
}
