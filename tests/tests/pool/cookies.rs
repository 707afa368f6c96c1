//! A pool shares no cookies: sessions whose client has a cookie store are not built in one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_context::{BuildError, OpenError, SessionOptions, SessionPool, builder, http_session};
use http_context_tests::Server;
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue};
use reqwest::{ClientBuilder, Url};

use crate::BoxError;

/// A store of one's own, which counts how often it is asked.
#[derive(Default)]
struct Asked(AtomicUsize);

impl CookieStore for Asked {
    fn set_cookies(&self, _: &mut dyn Iterator<Item = &HeaderValue>, _: &Url) {}

    fn cookies(&self, _: &Url) -> Option<HeaderValue> {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }
}

fn configured(
    configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
) -> SessionOptions {
    SessionOptions::new().configure(configure)
}

async fn open_pooled(session: SessionOptions) -> Result<(), OpenError> {
    let pool = SessionPool::builder().session(session).build();
    let pooled = builder().pool(pool);
    pooled.open(async { Ok::<_, OpenError>(()) }).await
}

#[tokio::test]
async fn a_store_is_refused_however_it_is_set() {
    for session in [
        configured(|client| client.cookie_store(true)),
        configured(|client| client.cookie_provider(Arc::<Jar>::default())),
        configured(|client| client.cookie_provider(Arc::<Asked>::default())),
        configured(|client| client.cookie_store(true)).configure(|client| client.referer(false)),
    ] {
        let alone = builder().session(session.clone());
        alone.open(async { Ok::<_, OpenError>(()) }).await.unwrap();
        let error = open_pooled(session).await.unwrap_err();
        let is_it = matches!(error, OpenError::Build(BuildError::PooledCookies));
        assert!(is_it, "{error:?}");
    }
}

#[tokio::test]
async fn what_is_no_store_is_not_refused() {
    let cookie = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static("cookie_store=true"))]);
    for session in [
        SessionOptions::new(),
        configured(|client| client.cookie_store(true)).without_configure(),
        configured(|client| client.cookie_store(true).cookie_store(false)),
        configured(move |client| client.default_headers(cookie.clone())),
        configured(|client| client.user_agent("cookie_store: true")),
    ] {
        open_pooled(session).await.unwrap();
    }
}

#[tokio::test]
async fn a_session_of_its_own_asks_the_store_that_it_was_given() {
    let (server, store) = (Server::start(), Arc::<Asked>::default());
    let work = builder().cookie_provider(Arc::clone(&store)).open(async {
        let response = http_session()?.get(server.url("/ok")).send().await?;
        Ok::<_, BoxError>(response.bytes().await?)
    });
    work.await.unwrap();
    assert_eq!(store.0.load(Ordering::Relaxed), 1);
}
