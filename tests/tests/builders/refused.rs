//! What cannot be is an error at open, or in a lazy context where the session is asked for.

use std::sync::Arc;

use http_context::{
    BuildError, ContextBuilder, CookieJar, DefaultAuth, OpenError, SessionError, SessionOptions,
    SessionPool, builder, http_session,
};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue};

type Is = fn(&BuildError) -> bool;

#[tokio::test]
async fn options_that_cannot_be_are_refused_whoever_opens() {
    let nobody = || DefaultAuth::bearer("x");
    let store = |context: ContextBuilder| context.configure(|client| client.cookie_store(true));
    let is_base: Is = |error| matches!(error, BuildError::BaseUrl { .. });
    let is_cookies: Is = |error| matches!(error, BuildError::ConfiguredCookies);
    let user_info = || builder().base_url("http://me:pw@host/");
    let is_twice: Is = |error| matches!(error, BuildError::AuthTwice);
    let cookie = || HeaderMap::from_iter([(COOKIE, HeaderValue::from_static("a=b"))]);
    let is_header: Is = |error| matches!(error, BuildError::CookieHeader);
    let pool = SessionOptions::new().default_headers(cookie());
    let pool = SessionPool::builder().session(pool).build();
    let all: [(ContextBuilder, Is); 15] = [
        (
            builder().base_url("http://me@host/").auth(nobody()),
            is_twice,
        ),
        (
            builder().base_url("http://:pw@host/").auth(nobody()),
            is_twice,
        ),
        (user_info().auth(nobody()), is_twice),
        (
            user_info().auth(nobody().for_origin("http://host:80/x")),
            is_twice,
        ),
        (
            builder().default_headers(cookie()).cookie_store(true),
            is_header,
        ),
        (builder().cookie_store(true).pool(pool), is_header),
        (builder().base_url("/v1/"), is_base),
        (builder().base_url("mailto:me@host"), is_base),
        (builder().base_url("ftp://host/"), is_base),
        (builder().auth(nobody().for_origin("host")), is_base),
        (builder().auth(nobody()), |error| {
            matches!(error, BuildError::AuthForNobody)
        }),
        (
            builder()
                .base_url("http://host/")
                .auth(DefaultAuth::bearer("a\nb")),
            |error| matches!(error, BuildError::InvalidAuth),
        ),
        (store(builder().cookie_store(true)), is_cookies),
        (store(builder()).cookie_store(true), is_cookies),
        (
            store(builder().cookie_provider(Arc::new(CookieJar::new()))),
            is_cookies,
        ),
    ];
    for (context, is_it) in all {
        let open = context.clone().open(async { Ok::<_, OpenError>(()) });
        let OpenError::Build(error) = open.await.unwrap_err() else {
            panic!("{context:?}")
        };
        assert!(is_it(&error), "{error:?}");
        let job = context.job(async { http_session().map(drop) });
        let SessionError::Build(error) = job.await.unwrap_err() else {
            panic!("lazy")
        };
        assert!(is_it(&error), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_taken_back_is_not_refused() {
    for context in [
        builder().base_url("/v1/").without_base_url(),
        builder()
            .base_url("http://me:pw@host/")
            .auth(DefaultAuth::bearer("x").for_origin("https://host/")),
        builder().auth(DefaultAuth::bearer("x")).without_auth(),
        builder()
            .cookie_store(true)
            .configure(|client| client.cookie_store(true))
            .cookie_store(false),
        builder()
            .cookie_store(true)
            .configure(|client| client.cookie_store(true))
            .without_configure(),
        builder()
            .cookie_store(true)
            .configure(|client| client.referer(false)),
    ] {
        let open = context.open(async { Ok::<_, OpenError>(http_session()?.id()) });
        open.await.unwrap();
    }
}

#[tokio::test]
async fn a_client_may_keep_cookies_where_its_context_keeps_none() {
    let context = builder()
        .base_url("http://host/")
        .configure(|client| client.cookie_store(true));
    let open = context.open(async { Ok::<_, OpenError>(http_session()?.id()) });
    open.await.unwrap();
}

#[tokio::test]
async fn a_base_url_that_cannot_be_is_refused_with_what_is_wrong_with_it() {
    for (url, wrong) in [
        ("/v1/", "it is relative itself"),
        ("http://[", "it is no URL"),
        ("ftp://host/", "its scheme is neither http nor https"),
    ] {
        let context = builder().base_url(url);
        let open = context.open(async { Ok::<_, OpenError>(()) });
        let OpenError::Build(error) = open.await.unwrap_err() else {
            panic!("{url}")
        };
        let error = error.to_string();
        assert!(error.contains(wrong), "{url}: {error}");
    }
}

#[tokio::test]
async fn what_takes_one_option_back_leaves_the_others() {
    let named = || builder().name("kept");
    for context in [named().without_observers(), named().without_base_url()] {
        assert!(format!("{context:?}").contains("kept"), "{context:?}");
    }
}
