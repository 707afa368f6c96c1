//! Credentials stay where they belong, and what was removed stays removed.

use std::error::Error as _;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_context::{
    ContextBuilder, ErrorKind, OpenError, RedirectError, RedirectPolicy, builder, http_session,
};
use http_context_tests::{Server, tls};
use reqwest::cookie::Jar;

/// What a chain A → B → B → A → A asks for, and what came to each.
struct Chain {
    a: Server,
    b: Server,
}

const STEPS: [(char, &str); 5] = [
    ('a', "/1"),
    ('b', "/2"),
    ('b', "/3"),
    ('a', "/4"),
    ('a', "/ok"),
];

impl Chain {
    fn start() -> Self {
        // Each has to know the port of the other one, so the first one learns it from the query.
        let a = Server::builder()
            .handler("/1", |request| async move {
                let to = request.uri().query().unwrap().to_owned();
                let response = http::Response::builder().status(302).header("location", to);
                response.body(http_context_tests::empty_body()).unwrap()
            })
            .redirect("/4", 302, "/ok")
            .start();
        let b = Server::builder()
            .redirect("/2", 302, "/3")
            .redirect("/3", 302, a.url("/4"))
            .start();
        Self { a, b }
    }

    /// Whether each step had a header, in their order.
    async fn had(
        &self,
        builder: ContextBuilder,
        name: &HeaderName,
        url: impl Fn(String) -> String,
        headers: HeaderMap,
    ) -> Vec<bool> {
        let start = url(self.a.url(&format!("/1?{}", self.b.url("/2"))));
        let work = builder.open(async {
            let request = http_session()?.get(start).headers(headers);
            assert_eq!(request.send().await.unwrap().text().await.unwrap(), "ok");
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        let (a, b) = (self.a.seen(), self.b.seen());
        let steps = STEPS.iter().map(|(server, path)| {
            let seen = if *server == 'a' { &a } else { &b };
            let step = seen.iter().rfind(|seen| seen.uri.path() == *path).unwrap();
            step.headers.contains_key(name)
        });
        steps.collect()
    }
}

const NEVER_AGAIN: [bool; 5] = [true, false, false, false, false];

#[tokio::test]
async fn credentials_that_a_redirect_has_removed_never_come_back() {
    let chain = Chain::start();
    for name in [
        header::AUTHORIZATION,
        header::COOKIE,
        header::PROXY_AUTHORIZATION,
        header::WWW_AUTHENTICATE,
    ] {
        let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static("S3CRET"))]);
        let had = chain.had(builder(), &name, |url| url, headers).await;
        assert_eq!(had, NEVER_AGAIN, "{name}");
    }
}

#[tokio::test]
async fn the_user_info_of_a_url_goes_to_its_host_alone() {
    let chain = Chain::start();
    let with_user_info = |url: String| url.replace("http://127", "http://me:S3CRET@127");
    let had = chain
        .had(
            builder(),
            &header::AUTHORIZATION,
            with_user_info,
            HeaderMap::new(),
        )
        .await;
    assert_eq!(had, NEVER_AGAIN);
}

#[tokio::test]
async fn the_user_info_of_a_location_goes_nowhere() {
    let target = Server::start();
    let location = target.url("/ok").replace("http://", "http://me:S3CRET@");
    let front = Server::builder().redirect("/away", 302, location).start();
    let work = builder().open(async {
        let response = http_session()?
            .get(front.url("/away"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.url().as_str(), target.url("/ok"));
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    assert!(!format!("{:?}", target.seen()).contains("S3CRET"));
    assert!(!target.seen()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn headers_that_are_marked_as_sensitive_or_named_are_credentials_too() {
    let chain = Chain::start();
    let name = HeaderName::from_static("x-api-key");
    let mut sensitive = HeaderValue::from_static("S3CRET");
    sensitive.set_sensitive(true);
    let sensitive = HeaderMap::from_iter([(name.clone(), sensitive)]);
    let plain = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static("S3CRET"))]);
    let had = chain.had(builder(), &name, |url| url, sensitive).await;
    assert_eq!(had, NEVER_AGAIN);
    let policy = RedirectPolicy::default().credential_headers([name.clone()]);
    let naming = builder().redirect(policy);
    let had = chain.had(naming, &name, |url| url, plain.clone()).await;
    assert_eq!(had, NEVER_AGAIN);
    let had = chain.had(builder(), &name, |url| url, plain).await;
    assert_eq!(had, [true; 5], "nothing says that it is one");
}

#[tokio::test]
async fn a_host_header_of_the_caller_is_for_the_host_that_it_was_made_for() {
    let chain = Chain::start();
    let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("virtual.test"))]);
    chain
        .had(builder(), &header::HOST, |url| url, headers)
        .await;
    assert_eq!(chain.a.seen()[0].headers["host"], "virtual.test");
    for seen in chain.b.seen() {
        assert_eq!(seen.headers["host"], chain.b.addr().to_string());
    }
}

#[tokio::test]
async fn default_headers_of_the_session_are_removed_like_the_callers() {
    let chain = Chain::start();
    let secret = HeaderValue::from_static("S3CRET");
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, secret)]);
    let had = chain
        .had(
            builder().default_headers(headers),
            &header::AUTHORIZATION,
            |url| url,
            HeaderMap::new(),
        )
        .await;
    assert_eq!(had, NEVER_AGAIN);
}

#[tokio::test]
async fn credentials_that_reqwest_would_send_to_anybody_stop_a_redirect_to_another_origin() {
    let chain = Chain::start();
    let secret = HeaderValue::from_static("S3CRET");
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, secret)]);
    let configured = builder().configure(move |client| client.default_headers(headers.clone()));
    let work = configured.open(async {
        let session = http_session()?;
        let same_origin = session.get(chain.a.url("/4")).send().await.unwrap();
        assert_eq!(same_origin.text().await.unwrap(), "ok");
        let start = chain.a.url(&format!("/1?{}", chain.b.url("/2")));
        let error = session.get(start).send().await.unwrap_err();
        let refused = error.as_redirect();
        assert!(
            matches!(refused, Some(RedirectError::DefaultCredentials)),
            "{error:?}"
        );
        assert_eq!(error.kind(), ErrorKind::Redirect);
        assert!(
            error
                .source()
                .unwrap()
                .to_string()
                .contains("`default_headers`")
        );
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    assert_eq!(chain.b.counts().requests, 0);
}

#[tokio::test]
async fn cookies_of_a_jar_go_by_their_own_rules() {
    let chain = Chain::start();
    let jar = Arc::new(Jar::default());
    // Hosts of cookies have no port.
    let url = format!("http://{}/", chain.a.addr()).parse().unwrap();
    jar.add_cookie_str("id=1", &url);
    let with_jar = builder().configure(move |client| client.cookie_provider(Arc::clone(&jar)));
    let had = chain
        .had(with_jar, &header::COOKIE, |url| url, HeaderMap::new())
        .await;
    assert_eq!(had, [true; 5]);
}

#[tokio::test]
async fn a_cookie_that_a_redirect_sets_goes_with_the_next_hop() {
    let server = Server::builder()
        .handler("/login", |_| async {
            let response = http::Response::builder()
                .status(303)
                .header("location", "/ok")
                .header("set-cookie", "id=1");
            response.body(http_context_tests::empty_body()).unwrap()
        })
        .start();
    let work = builder()
        .configure(|client| client.cookie_store(true))
        .open(async {
            http_session()?
                .get(server.url("/login"))
                .send()
                .await
                .unwrap();
            Ok::<_, OpenError>(())
        });
    work.await.unwrap();
    assert_eq!(server.seen()[1].headers["cookie"], "id=1");
}

#[tokio::test]
async fn the_referer_is_no_more_than_an_origin_may_know() {
    let (plain, other) = (Server::start(), Server::builder().tls().start());
    let within = Server::builder()
        .redirect("/here", 302, "/there?b=2#f")
        .redirect("/there", 302, "/ok")
        .start();
    let redirecting = |to: String| Server::builder().tls().redirect("/away", 302, to).start();
    let (down, across) = (redirecting(plain.url("/ok")), redirecting(other.url("/ok")));
    let run = async |policy: RedirectPolicy| {
        let work = builder()
            .tls(http_context::Tls::Config(tls::client_config()))
            .redirect(policy)
            .open(async {
                for url in [
                    within
                        .url("/here?sig=S3CRET")
                        .replace("http://", "http://me:pw@"),
                    down.url("/away?a=1"),
                    across.url("/away?sig=S3CRET"),
                ] {
                    let request = http_session()?
                        .get(url)
                        .header("referer", "https://mine.test/a");
                    request.send().await.unwrap();
                }
                Ok::<_, OpenError>(())
            });
        work.await.unwrap();
    };
    run(RedirectPolicy::default()).await;
    let referer = |server: &Server, nth: usize| {
        let seen = &server.seen()[nth];
        let value = seen.headers.get("referer");
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(referer(&within, 0).as_deref(), Some("https://mine.test/a"));
    assert_eq!(referer(&within, 1), Some(within.url("/here?sig=S3CRET")));
    assert_eq!(referer(&within, 2), Some(within.url("/there?b=2")));
    assert_eq!(referer(&plain, 0), None, "from https to http");
    assert_eq!(
        referer(&other, 0),
        Some(across.url("/")),
        "the origin alone"
    );
    run(RedirectPolicy::default().without_referer()).await;
    assert_eq!(referer(&within, 4), None);
    assert_eq!(referer(&other, 1), None);
}

#[tokio::test]
async fn a_client_that_was_told_to_send_no_referer_sends_none() {
    let server = Server::start();
    let work = builder()
        .configure(|client| client.referer(false))
        .open(async {
            http_session()?
                .get(server.url("/redirect/1"))
                .send()
                .await
                .unwrap();
            Ok::<_, OpenError>(())
        });
    work.await.unwrap();
    assert!(!server.seen()[1].headers.contains_key("referer"));
}
