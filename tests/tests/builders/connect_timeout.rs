//! A connection is made in time, or not.

use std::sync::Arc;
use std::time::Duration;

use http_context::testing::{Fact, Recorder};
use http_context::{
    ConnectTimeout, ErrorKind, HttpVersions, OpenError, RequestError, SessionPool, builder,
    http_session,
};
use http_context_tests::{Server, SilentPort, edits_nothing};

use crate::BoxError;

const LIMIT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_mins(5);

fn is_it(error: &RequestError) {
    assert_eq!(
        ConnectTimeout::find(error).unwrap().limit,
        LIMIT,
        "{error:?}"
    );
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.is_timeout() && error.is_connect(), "{error:?}");
    assert!(error.as_reqwest().unwrap().is_timeout(), "{error:?}");
}

#[tokio::test]
async fn a_connect_that_hangs_fails_with_the_limit_of_its_request_or_its_session() {
    let silent = SilentPort::new();
    let url = format!("http://{}/", silent.addr());
    for (of_session, of_request) in [
        (None, Some(LIMIT)),
        (Some(LIMIT), None),
        (Some(LONG), Some(LIMIT)),
    ] {
        for with_middleware in [false, true] {
            let recorder = Arc::new(Recorder::new());
            let mut context = builder().observer(recorder.clone());
            if let Some(limit) = of_session {
                context = context.connect_timeout(limit);
            }
            if with_middleware {
                context = context.with(edits_nothing());
            }
            let work = context.open(async {
                let mut request = http_session()?.get(&url);
                if let Some(limit) = of_request {
                    request = request.connect_timeout(limit);
                }
                is_it(&request.send().await.unwrap_err());
                Ok::<_, OpenError>(())
            });
            let report = work.with_report().await.1.unwrap();
            assert!(report.is_clean(), "{report}");
            let failed = recorder.all(|fact| match fact {
                Fact::ConnectFailed { kind, .. } => Some(*kind),
                _ => None,
            });
            assert_eq!(failed, [ErrorKind::Timeout]);
        }
    }
}

#[tokio::test]
async fn the_limit_of_a_request_is_its_own_on_a_session_of_a_pool() {
    let silent = SilentPort::new();
    let url = format!("http://{}/", silent.addr());
    let pool = SessionPool::builder().build();
    let work = builder().pool(pool).open(async {
        let session = http_session()?;
        let patient = session.get(&url).connect_timeout(LONG).send();
        let hasty = session.get(&url).connect_timeout(LIMIT).send();
        tokio::select! {
            _ = patient => panic!("it has no answer"),
            hasty = hasty => is_it(&hasty.unwrap_err()),
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn what_takes_long_afterwards_is_not_late() {
    let server = Server::start();
    let work = builder().connect_timeout(LIMIT).open(async {
        let session = http_session()?;
        let held = session.get(server.url("/slow-head")).send();
        // By when that runs out, the other one has waited for as long.
        let meanwhile = async {
            server.wait_until(|counts| counts.held == 1).await;
            let silent = SilentPort::new();
            let late = session.get(format!("http://{}/", silent.addr()));
            is_it(&late.send().await.unwrap_err());
            server.gate().open();
        };
        let (held, ()) = tokio::join!(held, meanwhile);
        assert_eq!(held?.text().await?, "ok");
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn over_http2_those_who_wait_for_a_connection_fail_with_the_one_that_makes_it() {
    let silent = SilentPort::new();
    let url = format!("http://{}/", silent.addr());
    let work = builder().http_versions(HttpVersions::Http2).open(async {
        let session = http_session()?;
        let makes = session.get(&url).connect_timeout(LIMIT).send();
        let waits = session.get(&url).connect_timeout(LONG).send();
        let (makes, waits) = tokio::join!(makes, waits);
        is_it(&makes.unwrap_err());
        let error = waits.unwrap_err();
        assert!(
            error.is_connect() && ConnectTimeout::find(&error).is_none(),
            "{error:?}"
        );
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}
