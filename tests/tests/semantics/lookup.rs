//! `http_session()`, with and without a context.

use http_context::{OpenError, SessionError, current, http_session, open};

#[tokio::test]
async fn without_a_context_there_is_an_error_that_names_the_ways_out() {
    let error = http_session().unwrap_err();
    assert!(matches!(error, SessionError::NoContext(_)));
    let text = error.to_string();
    for way in [
        "worker",
        "http_context::open",
        "your own client",
        "tokio::spawn",
        "http_context::spawn",
    ] {
        assert!(text.contains(way), "{way} is missing in: {text}");
    }
    assert!(current().is_none());
}

#[test]
fn outside_of_a_runtime_it_is_an_error_too() {
    assert!(matches!(http_session(), Err(SessionError::NoContext(_))));
}

#[tokio::test]
async fn inside_it_is_the_same_session_every_time() {
    async fn deep_below() -> http_context::HttpSession {
        tokio::task::yield_now().await;
        http_session().unwrap()
    }
    open(async {
        let first = http_session()?;
        tokio::task::yield_now().await;
        assert_eq!(http_session()?, first);
        assert_eq!(deep_below().await.id(), first.id());
        assert!(!first.is_closed());
        Ok::<_, Box<dyn std::error::Error>>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn two_tasks_that_each_open_have_two_sessions() {
    let session_id = || open(async { Ok::<_, OpenError>(http_session().unwrap().id()) });
    let (one, two) = (tokio::spawn(session_id()), tokio::spawn(session_id()));
    assert_ne!(one.await.unwrap().unwrap(), two.await.unwrap().unwrap());
}

#[tokio::test]
async fn futures_polled_side_by_side_in_one_task_are_isolated() {
    let context = || {
        open(async {
            let before = current().unwrap();
            tokio::task::yield_now().await;
            assert_eq!(current().unwrap(), before);
            Ok::<_, OpenError>(before)
        })
    };
    let (one, two) = tokio::join!(context(), context());
    assert_ne!(one.unwrap(), two.unwrap());
}
