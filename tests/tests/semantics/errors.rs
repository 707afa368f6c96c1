//! What an error of a request answers.

use std::time::Duration;

use http_context::{
    BodyTooLarge, FutureExt as _, OpenError, RequestError, builder, http_session, open,
};
use http_context_tests::{RefusedPort, Server};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test]
async fn an_error_is_a_timeout_or_of_the_connect_or_of_the_end_of_the_session() {
    let (server, refused) = (Server::start(), RefusedPort::new());
    open(async {
        let session = http_session()?;
        let late = session
            .get(server.url("/never"))
            .timeout(Duration::from_millis(20));
        let lost = session.get(format!("http://{}/", refused.addr()));
        let after_close = session.get(server.url("/ok"));
        let answers = |error: RequestError| {
            (
                error.is_timeout(),
                error.is_connect(),
                error.is_session_closed(),
            )
        };
        let late = answers(late.send().await.unwrap_err());
        let lost = answers(lost.send().await.unwrap_err());
        session.close();
        let after_close = answers(after_close.send().await.unwrap_err());
        assert_eq!(late, (true, false, false));
        assert_eq!(lost, (false, true, false));
        assert_eq!(after_close, (false, false, true));
        Ok::<_, BoxError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_body_that_is_longer_than_allowed_fails_with_the_limit_in_its_error() {
    let server = Server::start();
    for (limit, is_read) in [(1, false), (2, true)] {
        let work = builder().max_response_body(limit).open(async {
            let response = http_session()?.get(server.url("/ok")).send().await?;
            Ok::<_, BoxError>(response.text().await)
        });
        match work.await.unwrap() {
            Ok(text) => assert!(is_read && text == "ok", "{limit} {text}"),
            Err(error) => assert!(!is_read && BodyTooLarge::find(&error).is_some()),
        }
    }
}

/// A function as users write it, with the error of `open` as its own.
fn ambient() -> Result<(), OpenError> {
    http_session()?;
    Ok(())
}

#[tokio::test]
async fn a_lookup_without_a_context_is_an_error_of_open_by_the_question_mark() {
    let error = ambient().unwrap_err();
    assert!(matches!(error, OpenError::NoContext(_)), "{error:?}");
    assert!(error.to_string().contains("http_context::open"), "{error}");
}

#[tokio::test]
async fn a_lookup_after_the_exit_is_an_error_of_open_by_the_question_mark() {
    let context = builder().drain_timeout(Duration::ZERO);
    let late = async { ambient() };
    let work = context.open(async { Ok::<_, OpenError>(late.in_current_http_context()) });
    let error = work.await.unwrap().await.unwrap_err();
    assert!(matches!(error, OpenError::ContextClosed(_)), "{error:?}");
    assert!(error.to_string().contains("errors.rs:"), "{error}");
}

#[tokio::test]
async fn work_that_fails_with_an_error_of_open_hands_it_out_as_it_is() {
    let work = open(async { tokio::spawn(async { ambient() }).await.unwrap() });
    let error = work.await.unwrap_err();
    assert!(matches!(error, OpenError::NoContext(_)), "{error:?}");
}
