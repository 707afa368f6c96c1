//! `octocrab`, which takes a session as the service that it is. It calls that in a task of its own (a
//! `tower::buffer`), so it is made in each job; one that is made once for all takes
//! `AmbientSession::or` with the session of the whole service.

use axum::http::Uri;
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::BodyExt as _;
use http_context::{HttpSession, LeakKind, SessionClosed, builder, http_session};
use http_context_sdks::{BoxError, Server, accounted, impatient, leak_at};
use octocrab::service::middleware::base_uri::BaseUriLayer;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use serde_json::{Value, json};

fn github(session: HttpSession, api: Uri) -> Octocrab {
    let service = OctocrabBuilder::new_empty().with_service(session);
    let service = service.with_layer(&BaseUriLayer::new(api));
    let Ok(github) = service.with_auth(AuthState::None).build();
    github
}

async fn job(api: Uri) -> Result<(), BoxError> {
    let github = github(http_session()?, api);
    let engine = github.repos("ada", "engine").get().await?;
    assert_eq!(engine.name, "engine");
    let issue = json!({ "title": "The mill is jammed" });
    let made: Value = github
        .post("/repos/ada/engine/issues", Some(&issue))
        .await?;
    assert_eq!(made["title"], issue["title"]);
    Ok(())
}

fn server() -> Server {
    let url = "https://api.example.com/repos/ada/engine";
    let repository = Json(json!({ "id": 1, "name": "engine", "url": url }));
    let router = Router::new()
        .route("/repos/ada/engine", get(async || repository))
        .route(
            "/repos/ada/engine/issues",
            post(async |Json(issue): Json<Value>| Json(issue)),
        );
    Server::start(router.route("/archive", get(async || vec![0; 1_000_000])))
}

#[tokio::test]
async fn a_client_is_accounted_for_and_closes() {
    let server = server();
    let work = job(server.url("").parse().unwrap());
    let (result, report) = builder().open(work).with_report().await;
    result.unwrap();
    accounted(&server, report).await;
}

#[tokio::test]
async fn a_body_that_is_kept_is_a_leak_of_the_line_that_asked_for_the_session() {
    let server = server();
    let work = async {
        let github = github(http_session()?, server.url("").parse()?);
        Ok::<_, BoxError>(github._get("/archive").await?)
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(
        &report.unwrap(),
        LeakKind::ResponseBody,
        "github(http_session()?, server",
    );
    let error = kept.unwrap().into_body().collect().await.unwrap_err();
    assert!(SessionClosed::find(&error).is_some(), "{error:?}");
    server.wait_until(|counts| counts.open == 0).await;
}
