//! What is kept past the exit gives errors: never a hang, never a new connection.

use std::sync::Arc;

use http_context::testing::Recorder;
use http_context::{FutureExt, OpenError, SessionError, builder, current, http_session, open};
use http_context_tests::{FactLines as _, Server};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test(start_paused = true)]
async fn a_child_that_uses_its_context_after_the_exit_learns_where_and_when() {
    let recorder = Arc::new(Recorder::new());
    let (exited, exits) = tokio::sync::oneshot::channel::<()>();
    let (mut child, mut spawned_at) = (None, 0);
    let context = builder().name("job 7").observer(recorder.clone());
    let opened_at = line!() + 1;
    let opened = context.open(async {
        spawned_at = line!() + 1;
        child = Some(http_context::spawn(async {
            exits.await.unwrap();
            tokio::time::advance(std::time::Duration::from_secs(3)).await;
            (http_session(), current().unwrap().has_exited())
        }));
        Ok::<_, OpenError>(())
    });
    opened.await.unwrap();
    exited.send(()).unwrap();
    let (session, has_exited) = child.unwrap().await.unwrap();
    assert!(has_exited);
    let error = session.unwrap_err();
    let SessionError::ContextClosed(closed) = &error else {
        panic!("not {error:?}")
    };
    assert_eq!(closed.opened_at.line(), opened_at);
    assert_eq!(closed.spawned_at.unwrap().line(), spawned_at);
    assert!(closed.closed_ago >= std::time::Duration::from_secs(3));
    let text = error.to_string();
    for part in [
        "job 7",
        &format!(":{opened_at}:"),
        &format!(":{spawned_at}:"),
        "ago",
    ] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    assert_eq!(recorder.count("leak use_after_exit"), 1);
    assert_eq!(
        recorder.count("session_opened created"),
        1,
        "no new session"
    );
}

#[tokio::test]
async fn a_stale_handle_gives_session_closed_for_every_call() {
    let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
    let stale = builder()
        .observer(recorder.clone())
        .open(async { Ok::<_, BoxError>(http_session()?) })
        .await
        .unwrap();
    assert!(stale.is_closed());
    for _ in 0..3 {
        let error = stale.get(server.url("/ok")).send().await.unwrap_err();
        assert!(error.is_session_closed());
        let request = stale.get(server.url("/ok")).build().unwrap();
        assert!(
            stale
                .execute(request)
                .await
                .unwrap_err()
                .is_session_closed()
        );
        assert!(stale.client().get(server.url("/ok")).send().await.is_err());
    }
    stale.close();
    assert_eq!(
        (server.counts().accepted, recorder.count("request_started")),
        (0, 0)
    );
    assert_eq!(recorder.count("leak session_handle"), 1);
}

#[tokio::test]
async fn a_request_built_inside_and_sent_outside_is_refused() {
    let server = Server::start();
    let url = server.url("/ok");
    let built = open(async { Ok::<_, BoxError>(http_session()?.get(url)) })
        .await
        .unwrap();
    assert!(built.send().await.unwrap_err().is_session_closed());
    assert_eq!(server.counts().accepted, 0);
}

#[tokio::test]
async fn an_open_in_a_child_that_outlived_its_context_is_a_fresh_one() {
    let orphan = open(async {
        let orphan = async {
            assert!(http_session().is_err());
            open(async { Ok::<_, OpenError>(http_session().is_ok()) })
                .await
                .unwrap()
        };
        Ok::<_, OpenError>(orphan.in_current_http_context())
    });
    let orphan = builder()
        .drain_timeout(std::time::Duration::ZERO)
        .open(orphan)
        .await
        .unwrap();
    assert!(orphan.await);
}
