//! `oauth2`, by the feature of that name of `http-context-adapters`: a client that is made once goes by
//! the session of each job.

use axum::routing::post;
use axum::{Form, Json, Router};
use http_context::{LeakKind, builder, http_session};
use http_context_adapters::SessionAdapter;
use http_context_sdks::{BoxError, Server, accounted, impatient, leak_at};
use oauth2::basic::BasicClient;
use oauth2::{ClientId, ClientSecret, RefreshToken, TokenResponse as _, TokenUrl};
use serde_json::{Value, json};

async fn job(http: &SessionAdapter, url: String) -> Result<(), BoxError> {
    let client = BasicClient::new(ClientId::new("mailer".into()))
        .set_client_secret(ClientSecret::new("secret".into()))
        .set_token_uri(TokenUrl::new(url)?);
    let token = client.exchange_client_credentials();
    let token = token.request_async(http).await?;
    assert_eq!(token.access_token().secret(), "client_credentials");

    let refresh = RefreshToken::new("refresh".into());
    let token = client.exchange_refresh_token(&refresh);
    let token = token.request_async(http).await?;
    assert_eq!(token.access_token().secret(), "refresh_token");
    Ok(())
}

/// Gives the kind of the grant as the token.
async fn token(Form(form): Form<Value>) -> Json<Value> {
    Json(json!({ "access_token": form["grant_type"], "token_type": "bearer", "expires_in": 60 }))
}

fn server() -> Server {
    Server::start(Router::new().route("/token", post(token)))
}

#[tokio::test]
async fn tokens_are_accounted_for() {
    let (server, http) = (server(), SessionAdapter::ambient());
    let work = job(&http, server.url("/token"));
    let (result, report) = builder().open(work).with_report().await;
    result.unwrap();
    let report = report.unwrap();
    assert_eq!(report.connections_opened, 1);
    accounted(&server, [report]).await;
}

#[tokio::test]
async fn a_client_that_keeps_a_session_is_a_leak_of_the_line_that_asked_for_it() {
    let server = server();
    let work = async {
        let http = SessionAdapter::captured(http_session()?);
        job(&http, server.url("/token")).await?;
        Ok::<_, BoxError>(http)
    };
    let (kept, report) = impatient().open(work).with_report().await;
    leak_at(&report.unwrap(), LeakKind::SessionHandle, "let http = ");
    let error = job(&kept.unwrap(), server.url("/token")).await.unwrap_err();
    assert!(
        http_context::SessionClosed::find(&*error).is_some(),
        "{error:?}"
    );
}
