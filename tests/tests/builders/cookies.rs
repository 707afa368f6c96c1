//! Cookies are the context's: kept over redirects and sessions, readable, and nobody else's.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use http_context::{
    ContextBuilder, CookieJar, HttpSession, SessionPool, builder, http_session, open,
};
use http_context_tests::{Edit, Server, ServerBuilder, empty_body};
use reqwest::cookie::Jar;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, Request, Url};

use crate::{BoxError, expected, sent};

/// Answers a path by setting this cookie, and by a redirect where there is one.
fn sets(server: ServerBuilder, path: &str, cookie: &str, location: Option<&str>) -> ServerBuilder {
    let (cookie, location) = (cookie.to_owned(), location.map(str::to_owned));
    server.handler(path, move |_| {
        let response = http::Response::builder().header(SET_COOKIE, &*cookie);
        let response = match &location {
            Some(location) => response.status(302).header("location", &**location),
            None => response,
        };
        std::future::ready(response.body(empty_body()).unwrap())
    })
}

/// Sets the cookie that its query names.
fn login() -> Server {
    let server = Server::builder().handler("/login", |request| {
        let cookie = request.uri().query().unwrap().to_owned();
        let response = http::Response::builder().header(SET_COOKIE, cookie);
        std::future::ready(response.body(empty_body()).unwrap())
    });
    server.start()
}

async fn get(session: &HttpSession, url: String) -> Result<(), BoxError> {
    session.get(url).send().await?.bytes().await?;
    Ok(())
}

fn values(session: &HttpSession) -> Vec<(String, String)> {
    let all = session.cookies().unwrap().all();
    let mut all: Vec<_> = all.into_iter().map(|one| (one.name, one.value)).collect();
    all.sort();
    all
}

#[tokio::test]
async fn each_hop_sets_cookies_and_has_those_of_its_url() {
    for with_middleware in [false, true] {
        let b = sets(Server::builder(), "/b", "of_b=2; Path=/", None).start();
        let to_b = b.url_at("localhost", "/b");
        let a = sets(Server::builder(), "/1", "first=1; Path=/", Some("/2"));
        let a = sets(a, "/2", "second=1; Path=/2", Some("/3"));
        let a = sets(a, "/3", "third=1; Path=/", Some(&to_b)).start();
        let mut context = builder().cookie_store(true);
        if with_middleware {
            context = context.with(Edit(|_: &mut Request, _: &http::Extensions| {}));
        }
        let work = context.open(async {
            let session = http_session()?;
            get(&session, a.url("/1")).await?;
            get(&session, a.url("/ok")).await?;
            get(&session, b.url_at("localhost", "/ok")).await?;
            let names = values(&session).into_iter().map(|(name, _)| name);
            assert_eq!(
                names.collect::<Vec<_>>(),
                ["first", "of_b", "second", "third"]
            );
            Ok::<_, BoxError>(())
        });
        work.await.unwrap();
        let mut to_a = sent(&a, &COOKIE);
        // Which of two comes first is nobody's business.
        for (_, cookies) in &mut to_a {
            let sorted = cookies.as_ref().map(|cookies| {
                let mut all: Vec<_> = cookies.split("; ").collect();
                all.sort_unstable();
                all.join("; ")
            });
            *cookies = sorted;
        }
        let all = [
            ("/1", None),
            ("/2", Some("first=1")),
            ("/3", Some("first=1")),
            ("/ok", Some("first=1; third=1")),
        ];
        assert_eq!(to_a, expected(&all));
        let all = [("/b", None), ("/ok", Some("of_b=2"))];
        assert_eq!(sent(&b, &COOKIE), expected(&all));
    }
}

#[tokio::test]
async fn jobs_on_one_pooled_connection_never_see_each_other_s_cookies() {
    let server = login();
    let pool = SessionPool::builder().max_size(1).build();
    let jobs = builder().pool(pool).cookie_store(true);
    for job in ["id=1", "id=2"] {
        let work = jobs.clone().open(async {
            let session = http_session()?;
            assert_eq!(values(&session), []);
            get(&session, server.url("/ok")).await?;
            get(&session, server.url(&format!("/login?{job}"))).await?;
            get(&session, server.url("/ok")).await?;
            Ok::<_, BoxError>(values(&session))
        });
        let found = work.await.unwrap();
        assert_eq!(found, [("id".to_owned(), job.replace("id=", ""))]);
    }
    let all = [
        ("/ok", None),
        ("/login", None),
        ("/ok", Some("id=1")),
        ("/ok", None),
        ("/login", None),
        ("/ok", Some("id=2")),
    ];
    assert_eq!(sent(&server, &COOKIE), expected(&all));
    assert_eq!(server.counts().accepted, 1);
}

#[tokio::test]
async fn jobs_at_the_same_time_on_one_pool_have_each_their_own() {
    let server = login();
    let pool = SessionPool::builder().build();
    let jobs = (0..8).map(|job| {
        let context = builder().pool(pool.clone()).cookie_store(true);
        let server = &server;
        context.open(async move {
            let session = http_session()?;
            get(&session, server.url(&format!("/login?id={job}"))).await?;
            for _ in 0..4 {
                let request = session.get(server.url("/ok"));
                request.header("x-job", job).send().await?.bytes().await?;
            }
            Ok::<_, BoxError>(())
        })
    });
    futures_util::future::try_join_all(jobs).await.unwrap();
    for seen in server.seen().iter().filter(|seen| seen.uri == "/ok") {
        let job = seen.headers["x-job"].to_str().unwrap();
        assert_eq!(seen.headers["cookie"], format!("id={job}"));
    }
    assert_eq!(server.counts().requests, 8 * 5);
}

#[tokio::test]
async fn they_outlast_a_session_that_is_closed_early() {
    let server = login();
    let work = builder().cookie_store(true).open(async {
        let session = http_session()?;
        get(&session, server.url("/login?id=1")).await?;
        session.close();
        get(&http_session()?, server.url("/ok")).await?;
        Ok::<_, BoxError>(session.cookies().unwrap())
    });
    let jar = work.await.unwrap();
    let all = [("/login", None), ("/ok", Some("id=1"))];
    assert_eq!(sent(&server, &COOKIE), expected(&all));
    assert_eq!(jar.all().len(), 1, "they are readable past the exit");
}

#[tokio::test]
async fn a_context_within_has_its_own_unless_it_passes_through() {
    let server = login();
    let work = builder().cookie_store(true).open(async {
        get(&http_session()?, server.url("/login?id=1")).await?;
        let through = open(async {
            get(&http_session()?, server.url("/ok")).await?;
            Ok::<_, BoxError>(())
        });
        through.await?;
        let job = builder().cookie_store(true).job(async {
            get(&http_session()?, server.url("/upload")).await?;
            Ok::<_, BoxError>(())
        });
        job.await
    });
    work.await.unwrap();
    let all = [("/login", None), ("/ok", Some("id=1")), ("/upload", None)];
    assert_eq!(sent(&server, &COOKIE), expected(&all));
}

#[tokio::test]
async fn whoever_makes_the_request_has_them_unless_it_has_its_own() {
    let server = login();
    let work = builder().cookie_store(true).open(async {
        let session = http_session()?;
        let get = |url: String| Request::new(Method::GET, url.parse().unwrap());
        session
            .client()
            .execute(get(server.url("/login?id=1")))
            .await?;
        session.execute(get(server.url("/ok"))).await?;
        session
            .get(server.url("/ok"))
            .header(COOKIE, "own=1")
            .send()
            .await?;
        let upgrade = session.get(server.url("/status/404"));
        upgrade
            .header("upgrade", "any")
            .upgrade()
            .await
            .unwrap_err();
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let all = [
        ("/login", None),
        ("/ok", Some("id=1")),
        ("/ok", Some("own=1")),
        ("/status/404", Some("id=1")),
    ];
    assert_eq!(sent(&server, &COOKIE), expected(&all));
}

#[tokio::test]
async fn a_store_of_one_s_own_is_shared_by_all_who_are_given_it() {
    let server = login();
    let url: Url = server.url("/").parse().unwrap();
    let (jar, of_reqwest) = (Arc::new(CookieJar::new()), Arc::new(Jar::default()));
    jar.set("before=1", &url);
    of_reqwest.add_cookie_str("before=1", &url);
    let pool = SessionPool::builder().build();
    let readable = builder().cookie_provider(Arc::clone(&jar));
    for (context, is_readable) in [
        (readable.clone().pool(pool), true),
        (readable, true),
        (builder().cookie_provider(of_reqwest), false),
    ] {
        let work = context.open(async {
            let session = http_session()?;
            get(&session, server.url("/ok")).await?;
            get(&session, server.url("/login?after=1")).await?;
            Ok::<_, BoxError>(session.cookies().is_some())
        });
        assert_eq!(work.await.unwrap(), is_readable);
    }
    let oks = server.seen().into_iter().filter(|seen| seen.uri == "/ok");
    let cookies = oks.map(|seen| seen.headers["cookie"].len());
    let (one, two) = ("before=1".len(), "before=1; after=1".len());
    assert_eq!(cookies.collect::<Vec<_>>(), [one, two, one]);
    assert_eq!(jar.get("after", &url).as_deref(), Some("1"));
}

#[tokio::test]
async fn a_context_that_keeps_none_has_none() {
    let server = login();
    let off: fn(ContextBuilder) -> ContextBuilder = |context| context.cookie_store(false);
    for context in [builder(), off(builder().cookie_store(true))] {
        let work = context.open(async {
            let session = http_session()?;
            get(&session, server.url("/login?id=1")).await?;
            get(&session, server.url("/ok")).await?;
            Ok::<_, BoxError>(session.cookies().is_none())
        });
        assert!(work.await.unwrap());
    }
    assert!(
        sent(&server, &COOKIE)
            .iter()
            .all(|(_, cookie)| cookie.is_none())
    );
}

#[tokio::test]
async fn no_text_and_no_middleware_has_their_values() {
    let server = login();
    let checks = Edit(|request: &mut Request, _: &http::Extensions| {
        assert!(!request.headers().contains_key(COOKIE));
    });
    let work = builder().cookie_store(true).with(checks).open(async {
        let session = http_session()?;
        get(&session, server.url("/login?id=hunter2")).await?;
        get(&session, server.url("/ok")).await?;
        let jar = session.cookies().unwrap();
        Ok::<_, BoxError>(format!("{jar:?} {:?}", jar.all()))
    });
    let text = work.await.unwrap();
    assert!(text.contains("id") && !text.contains("hunter"), "{text}");
    let all = [("/login", None), ("/ok", Some("id=hunter2"))];
    assert_eq!(sent(&server, &COOKIE), expected(&all));
}

#[tokio::test]
async fn a_jar_shows_what_a_url_gets_and_when_that_ends_and_is_emptied_for_all() {
    let server = login();
    let work = builder().cookie_store(true).open(async {
        let session = http_session()?;
        get(&session, server.url("/login?brief=1")).await?;
        let jar = session.cookies().unwrap();
        let url: Url = server.url("/login/again").parse()?;
        jar.set(
            "lasting=2; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
            &url,
        );
        jar.set(
            "ended=3; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT",
            &url,
        );
        jar.set("elsewhere=4; Path=/else", &url);
        let mut there = jar.of_url(&url);
        there.sort_by(|one, other| one.name.cmp(&other.name));
        let names: Vec<_> = there.iter().map(|one| &*one.name).collect();
        assert_eq!(names, ["brief", "lasting"]);
        assert_eq!(there[0].expires, None);
        let end = there[1].expires.unwrap().duration_since(UNIX_EPOCH)?;
        assert_eq!(end.as_secs(), 4_102_444_800);
        assert_eq!(jar.of_url(&server.url("/else/where").parse()?).len(), 3);
        jar.clear();
        assert!(jar.all().is_empty() && jar.of_url(&url).is_empty());
        get(&session, server.url("/ok")).await
    });
    work.await.unwrap();
    assert_eq!(
        sent(&server, &COOKIE).last(),
        expected(&[("/ok", None)]).last()
    );
}

#[test]
fn a_jar_has_each_cookie_by_its_name_and_shows_none_of_their_values() {
    let (jar, url) = (CookieJar::new(), "http://host/".parse().unwrap());
    jar.set("one=secret", &url);
    jar.set("other=word", &url);
    assert_eq!(jar.get("one", &url).as_deref(), Some("secret"));
    assert_eq!(jar.get("other", &url).as_deref(), Some("word"));
    assert_eq!(jar.get("third", &url), None);
    assert_eq!(format!("{jar:?}"), "CookieJar { cookies: 2 }");
}
