//! What a plain client has of all that.

use std::time::Duration;

use http_context::{ConnectTimeout, DefaultAuth, OpenError, SessionPool, builder, http_session};
use http_context_tests::{Server, SilentPort, full_body};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderValue, SET_COOKIE, USER_AGENT};

use crate::{BoxError, expected, sent};

#[tokio::test]
async fn it_has_the_cookies_of_its_context_and_no_credentials() {
    let server = Server::builder().handler("/login", |_| async {
        let response = http::Response::builder().header(SET_COOKIE, "id=1");
        response.body(full_body("in")).unwrap()
    });
    let server = server.start();
    let pool = SessionPool::builder().max_size(1).build();
    let context = builder()
        .pool(pool)
        .cookie_store(true)
        .base_url(server.url("/"))
        .auth(DefaultAuth::bearer("the-token"));
    for _ in 0..2 {
        let work = context.clone().open(async {
            let session = http_session()?;
            let client = session.reqwest_client()?;
            client
                .get(server.url("/upload"))
                .send()
                .await?
                .bytes()
                .await?;
            client
                .get(server.url("/login"))
                .send()
                .await?
                .bytes()
                .await?;
            session.get("/ok").send().await?.bytes().await?;
            client.get(server.url("/ok")).send().await?.bytes().await?;
            Ok::<_, BoxError>(session.cookies().unwrap().all().len())
        });
        assert_eq!(work.await.unwrap(), 1);
    }
    let job = [
        ("/upload", None),
        ("/login", None),
        ("/ok", Some("id=1")),
        ("/ok", Some("id=1")),
    ];
    assert_eq!(sent(&server, &COOKIE), expected(&[job, job].concat()));
    let bearer = Some("Bearer the-token");
    let job = [
        ("/upload", None),
        ("/login", None),
        ("/ok", bearer),
        ("/ok", None),
    ];
    assert_eq!(
        sent(&server, &AUTHORIZATION),
        expected(&[job, job].concat())
    );
}

#[tokio::test]
async fn it_has_the_user_agent_and_the_connect_timeout_of_its_session() {
    let (server, silent) = (Server::start(), SilentPort::new());
    let limit = Duration::from_millis(150);
    let context = builder()
        .connect_timeout(limit)
        .user_agent(HeaderValue::from_static("sdk"));
    let work = context.open(async {
        let client = http_session()?.reqwest_client()?;
        client.get(server.url("/ok")).send().await.unwrap();
        let late = client
            .get(format!("http://{}/", silent.addr()))
            .send()
            .await;
        let error = late.unwrap_err();
        assert_eq!(
            ConnectTimeout::find(&error).unwrap().limit,
            limit,
            "{error:?}"
        );
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    assert_eq!(
        sent(&server, &USER_AGENT),
        expected(&[("/ok", Some("sdk"))])
    );
}
