//! A library that depends on the core alone (`library/`), and how it is tested.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use http_context::{LeakKind, SessionError, builder};
use http_context_sdks::{BoxError, Server, accounted, impatient};

fn server() -> Server {
    let router = Router::new()
        .route("/london", get(async || "rain"))
        .route("/sahara", get(async || vec![b'.'; 1_000_000]));
    Server::start(router.fallback(async || StatusCode::NOT_FOUND))
}

/// It fails when anything is left behind: a handle, a request, a body that nobody reads, a socket.
#[http_context::test]
async fn the_weather_is_fetched_and_nothing_is_left_behind() -> Result<(), BoxError> {
    let server = server();
    assert_eq!(forecast::tomorrow(&server.url(""), "london").await?, "rain");
    assert!(
        forecast::tomorrow(&server.url(""), "atlantis")
            .await
            .is_err()
    );
    Ok(())
}

#[tokio::test]
async fn a_library_goes_by_the_session_of_its_caller() {
    let server = server();
    let url = server.url("");
    let work = async { forecast::tomorrow(&url, "london").await };
    let (weather, report) = builder().open(work).with_report().await;
    assert_eq!(weather.unwrap(), "rain");
    accounted(&server, report).await;
    let error = forecast::tomorrow(&url, "london").await.unwrap_err();
    assert!(error.is::<SessionError>(), "{error:?}");
}

#[tokio::test]
async fn what_a_caller_keeps_is_a_leak_of_the_line_in_the_library() {
    let server = server();
    let url = server.url("");
    let work = async { forecast::ask(&url, "sahara").await };
    let (kept, report) = impatient().open(work).with_report().await;
    let report = report.unwrap();
    assert_eq!(report.leaks.len(), 1, "{report}");
    assert_eq!(report.leaks[0].kind, LeakKind::ResponseBody);
    let place = report.leaks[0].acquired_at.unwrap();
    assert!(place.file().ends_with("library/src/lib.rs"), "{report}");
    assert!(kept.unwrap().bytes().await.is_err());
}
