//! Default credentials go to one origin, and nowhere else.

use http_context::{
    AmbientSession, ContextBuilder, DefaultAuth, SessionPool, builder, http_session,
};
use http_context_tests::{Edit, Server};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Request};
use tower::ServiceExt as _;

use crate::{BoxError, expected, sent};

const BASIC: Option<&str> = Some("Basic bWU6cHc=");
const BEARER: Option<&str> = Some("Bearer the-token");

async fn get(context: ContextBuilder, urls: &[String]) {
    let work = context.open(async {
        let session = http_session()?;
        for url in urls {
            session.get(url).send().await?.bytes().await?;
        }
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn they_go_to_the_origin_of_the_base_url_and_to_no_other() {
    let (server, other) = (Server::start(), Server::start());
    let urls = ["ok".to_owned(), server.url("/upload"), other.url("/ok")];
    let base = server.url("/");
    let elsewhere = server.url_at("localhost", "/ok");
    get(
        builder()
            .base_url(&base)
            .auth(DefaultAuth::bearer("the-token")),
        &urls,
    )
    .await;
    // Another name of the same server is another origin.
    get(
        builder()
            .base_url(&base)
            .auth(DefaultAuth::basic("me", Some("pw"))),
        &["ok".to_owned(), elsewhere],
    )
    .await;
    let sent_there = expected(&[
        ("/ok", BEARER),
        ("/upload", BEARER),
        ("/ok", BASIC),
        ("/ok", None),
    ]);
    assert_eq!(sent(&server, &AUTHORIZATION), sent_there);
    assert_eq!(sent(&other, &AUTHORIZATION), expected(&[("/ok", None)]));
}

#[tokio::test]
async fn they_go_to_the_origin_that_they_name() {
    let (server, base) = (Server::start(), Server::start());
    let auth = DefaultAuth::bearer("the-token").for_origin(server.url("/any?path"));
    let context = builder().base_url(base.url("/")).auth(auth);
    get(context, &[server.url("/ok"), "ok".to_owned()]).await;
    assert_eq!(sent(&server, &AUTHORIZATION), expected(&[("/ok", BEARER)]));
    assert_eq!(sent(&base, &AUTHORIZATION), expected(&[("/ok", None)]));
}

#[tokio::test]
async fn those_of_a_request_win_and_those_of_default_headers_do_not() {
    let (server, other) = (Server::start(), Server::start());
    let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("of all"))]);
    let context = builder()
        .default_headers(headers)
        .base_url(server.url("/"))
        .auth(DefaultAuth::bearer("the-token"));
    let work = context.open(async {
        let session = http_session()?;
        session.get("ok").bearer_auth("own").send().await?;
        session.get("ok").send().await?;
        session.get(other.url("/ok")).send().await?;
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let to_server = expected(&[("/ok", Some("Bearer own")), ("/ok", BEARER)]);
    assert_eq!(sent(&server, &AUTHORIZATION), to_server);
    assert_eq!(
        sent(&other, &AUTHORIZATION),
        expected(&[("/ok", Some("of all"))])
    );
}

#[tokio::test]
async fn a_redirect_takes_them_along_at_home_and_never_abroad_nor_back() {
    for with_middleware in [false, true] {
        let home = Server::builder()
            .handler("/out", |request| async move {
                let to = request.uri().query().unwrap().to_owned();
                let response = http::Response::builder().status(302).header("location", to);
                response.body(http_context_tests::empty_body()).unwrap()
            })
            .redirect("/near", 302, "/ok")
            .start();
        let away = Server::builder()
            .redirect("/", 302, home.url("/near"))
            .start();
        let context = builder()
            .base_url(home.url("/"))
            .auth(DefaultAuth::bearer("the-token"));
        let context = if with_middleware {
            context.with(Edit(|_: &mut Request, _: &http::Extensions| {}))
        } else {
            context
        };
        get(
            context,
            &["near".to_owned(), format!("out?{}", away.url("/"))],
        )
        .await;
        let at_home = [
            ("/near", BEARER),
            ("/ok", BEARER),
            ("/out", BEARER),
            ("/near", None),
            ("/ok", None),
        ];
        assert_eq!(sent(&home, &AUTHORIZATION), expected(&at_home));
        assert_eq!(sent(&away, &AUTHORIZATION), expected(&[("/", None)]));
    }
}

#[tokio::test]
async fn whoever_makes_the_request_has_them() {
    let server = Server::start();
    let context = builder()
        .base_url(server.url("/"))
        .auth(DefaultAuth::bearer("the-token"));
    let work = context.open(async {
        let get = || Request::new(Method::GET, server.url("/ok").parse().unwrap());
        let session = http_session()?;
        session.execute(get()).await?;
        session.client().execute(get()).await?;
        AmbientSession::new().oneshot(get()).await?;
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    assert_eq!(
        sent(&server, &AUTHORIZATION),
        expected(&[("/ok", BEARER); 3])
    );
}

#[tokio::test]
async fn they_are_the_context_s_and_not_the_pool_s() {
    let server = Server::start();
    let pool = SessionPool::builder().max_size(1).build();
    let pooled = builder().pool(pool).base_url(server.url("/"));
    let ok = ["ok".to_owned()];
    get(pooled.clone().auth(DefaultAuth::bearer("the-token")), &ok).await;
    get(
        pooled.clone().auth(DefaultAuth::basic("me", Some("pw"))),
        &ok,
    )
    .await;
    get(pooled.auth(DefaultAuth::bearer("x")).without_auth(), &ok).await;
    let all = expected(&[("/ok", BEARER), ("/ok", BASIC), ("/ok", None)]);
    assert_eq!(sent(&server, &AUTHORIZATION), all);
    assert_eq!(server.counts().accepted, 1);
}

#[tokio::test]
async fn no_middleware_and_no_text_has_them() {
    let server = Server::start();
    let auth = DefaultAuth::bearer("the-token");
    let mut texts = vec![format!("{auth:?}")];
    let context = builder().base_url(server.url("/")).auth(auth).with(Edit(
        |request: &mut Request, _: &http::Extensions| {
            assert!(!request.headers().contains_key(AUTHORIZATION));
        },
    ));
    texts.push(format!("{context:?}"));
    get(context, &["ok".to_owned()]).await;
    assert_eq!(sent(&server, &AUTHORIZATION), expected(&[("/ok", BEARER)]));
    for text in texts {
        assert!(!text.contains("the-token"), "{text}");
    }
}
