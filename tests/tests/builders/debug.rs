//! What is shown for debugging: of what it is, and no secret.

use std::sync::{Arc, Mutex};

use http_context::{
    DefaultAuth, JoinSet, RedirectAction, RedirectPolicy, SessionOptions, SessionPool, builder,
    http_session,
};
use http_context_middleware::Instrumentation;
use http_context_tests::Server;

use crate::BoxError;

fn assert_shown(shown: &impl std::fmt::Debug, begin: &str) {
    let shown = format!("{shown:?}");
    assert!(shown.starts_with(begin), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn each_names_itself_and_no_secret() {
    let server = Server::start();
    let auth = DefaultAuth::basic("user", Some("hunter2"));
    assert_shown(&auth, "DefaultAuth");
    assert_shown(
        &SessionOptions::default(),
        "SessionOptions { max_connections_per_host: ",
    );
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let redirects = RedirectPolicy::custom(move |attempt| {
        seen.lock().unwrap().push(format!("{attempt:?}"));
        RedirectAction::Follow
    });
    let context = builder().name("debug").redirect(redirects);
    assert_shown(&context, "ContextBuilder { name: Some(\"debug\")");
    context
        .open(async {
            let session = http_session()?;
            assert_shown(&session, "HttpSession { id: ");
            let request = session.get(server.url("/redirect/1?sig=hunter2"));
            assert_shown(&request, "RequestBuilder { session: ");
            request.send().await?.bytes().await?;
            Ok::<_, BoxError>(())
        })
        .await
        .unwrap();
    let shown = attempts.lock().unwrap().join("");
    assert!(shown.starts_with("RedirectAttempt { status: "), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn what_else_there_is_names_itself() {
    let pool = SessionPool::builder();
    assert_shown(&pool, "PoolBuilder");
    let pool = pool.build();
    assert_shown(&pool, "SessionPool");
    assert_shown(&builder().layer(), "ContextLayer");
    assert_shown(&builder().http_layer(), "HttpContextLayer");
    assert_shown(&RedirectPolicy::limited(3), "RedirectPolicy");
    assert_shown(&JoinSet::<()>::new(), "JoinSet");
    assert_shown(&Instrumentation::builder(), "InstrumentationBuilder");
    let instrumentation = Instrumentation::builder().build();
    assert_shown(&instrumentation, "Instrumentation { spans: ");
    let work = builder().pool(pool).open(async {
        let context = http_context::current().unwrap();
        assert_shown(&context, "HttpContext { ");
        assert_shown(context.info(), "ContextInfo { ");
        let socket = http_session()?.websocket("ws://host/?sig=hunter2");
        assert_shown(&socket, "WebSocketBuilder { ");
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}
