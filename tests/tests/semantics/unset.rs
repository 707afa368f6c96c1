//! An option that was set on a builder is taken back on a clone of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::poll;
use http_context::testing::{Fact, Recorder};
use http_context::{
    BodyTooLarge, ContextBuilder, ErrorKind, LeakKind, OpenError, SessionPool, builder, current,
    http_session,
};
use http_context_tests::{Edit, FactLines as _, RefusedPort, Server};
use reqwest::Proxy;
use reqwest::dns::{Name, Resolve, Resolving};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn get(context: ContextBuilder, url: String) -> Result<String, BoxError> {
    let work = context.open(async {
        let response = http_session()?.get(url).send().await?;
        Ok::<_, BoxError>(response.text().await?)
    });
    work.await
}

#[tokio::test]
async fn without_a_queue_timeout_a_request_waits() {
    let server = Server::start();
    let limited = builder()
        .max_connections_per_host(1)
        .queue_timeout(Duration::from_millis(1));
    let unlimited = limited.clone().queue_timeout(None);
    let work = unlimited.open(async {
        let session = http_session()?;
        let body = session.get(server.url("/slow-body")).send().await?;
        let mut waiting = Box::pin(session.get(server.url("/ok")).send());
        assert!(poll!(&mut waiting).is_pending());
        // It began to wait later, and gives up first.
        let gives_up = limited.job(async {
            let session = http_session()?;
            let _body = session.get(server.url("/slow-body")).send().await?;
            let given_up = session.get(server.url("/ok")).send().await;
            Ok::<_, BoxError>(given_up.unwrap_err())
        });
        let error = gives_up.await?;
        assert!(error.kind() == ErrorKind::QueueTimeout, "{error}");
        assert!(poll!(&mut waiting).is_pending());
        drop(body);
        Ok::<_, BoxError>(waiting.await?.text().await?)
    });
    assert_eq!(work.await.unwrap(), "ok");
}

#[tokio::test]
async fn without_a_limit_of_bodies_any_is_read() {
    let server = Server::start();
    let limited = builder().max_response_body(1);
    let error = get(limited.clone(), server.url("/ok")).await.unwrap_err();
    assert!(BodyTooLarge::find(&*error).is_some(), "{error:?}");
    let unlimited = limited.max_response_body(None);
    assert_eq!(get(unlimited, server.url("/ok")).await.unwrap(), "ok");
}

#[tokio::test]
async fn without_proxies_a_request_goes_to_its_server() {
    let (server, refused) = (Server::start(), RefusedPort::new());
    let proxy = Proxy::all(format!("http://{}/", refused.addr())).unwrap();
    let proxied = builder().proxy(proxy);
    get(proxied.clone(), server.url("/ok")).await.unwrap_err();
    let direct = proxied.without_proxies();
    assert_eq!(get(direct, server.url("/ok")).await.unwrap(), "ok");
}

#[tokio::test]
async fn without_a_resolver_names_are_those_of_the_system() {
    struct KnowsNothing;
    impl Resolve for KnowsNothing {
        fn resolve(&self, _: Name) -> Resolving {
            Box::pin(std::future::ready(Err("no such name".into())))
        }
    }
    let server = Server::start();
    let url = server.url_at("localhost", "/ok");
    let lost = builder().dns_resolver(Arc::new(KnowsNothing));
    get(lost.clone(), url.clone()).await.unwrap_err();
    assert_eq!(get(lost.without_dns_resolver(), url).await.unwrap(), "ok");
}

#[tokio::test]
async fn without_middleware_and_configure_a_request_is_sent_as_it_is() {
    let server = Server::start();
    let marks = |request: &mut reqwest::Request, _: &http::Extensions| {
        let one = http::HeaderValue::from_static("1");
        request.headers_mut().insert("x-marked", one);
    };
    let marked = builder()
        .with(Edit(marks))
        .configure(|client| client.user_agent("marked"));
    for context in [
        marked.clone(),
        marked.clone().without_middleware(),
        marked.without_configure(),
    ] {
        get(context, server.url("/ok")).await.unwrap();
    }
    let has = |name| {
        server
            .seen()
            .iter()
            .map(|seen| seen.headers.contains_key(name))
            .collect::<Vec<_>>()
    };
    assert_eq!(has("x-marked"), [true, false, true]);
    assert_eq!(has("user-agent"), [true, true, false]);
}

#[tokio::test]
async fn an_eager_context_is_lazy_no_more() {
    let recorder = Arc::new(Recorder::new());
    let lazy = builder().lazy().observer(recorder.clone());
    for (context, opened) in [(lazy.clone(), 0), (lazy.eager(), 1)] {
        let work = context.open(async { Ok::<_, OpenError>(()) });
        work.await.unwrap();
        assert_eq!(recorder.count("session_opened"), opened);
    }
}

#[tokio::test]
async fn without_a_pool_a_session_is_built_from_what_was_set_here() {
    let server = Server::start();
    let pool = SessionPool::builder().build();
    let pooled = builder()
        .configure(|client| client.user_agent("its own"))
        .pool(pool.clone());
    let work = pooled.without_pool().open(async {
        assert!(!current().unwrap().info().is_pooled());
        let response = http_session()?.get(server.url("/ok")).send().await?;
        Ok::<_, BoxError>(response.bytes().await?)
    });
    work.await.unwrap();
    assert_eq!(server.seen()[0].headers["user-agent"], "its own");
    assert_eq!(pool.status().idle, 0);
}

#[tokio::test]
async fn without_a_threshold_a_context_is_never_overdue() {
    let (limited, unlimited) = (Arc::new(Recorder::new()), Arc::new(Recorder::new()));
    let overdue = builder().overdue_after(Duration::from_millis(1));
    let open = overdue
        .clone()
        .overdue_after(None)
        .observer(unlimited.clone());
    let outer = open.open(async {
        // It is younger, and reported.
        let inner = overdue.observer(limited.clone()).job(async {
            let is_overdue = |fact: &Fact| {
                matches!(fact, Fact::Leak(leak) if leak.kind == LeakKind::ContextOverdue)
            };
            limited.wait_for(is_overdue).await;
        });
        inner.await;
        Ok::<_, OpenError>(())
    });
    outer.await.unwrap();
    assert_eq!(unlimited.leaks().len(), 0);
}
