//! A gRPC service without a queue, by tonic: each call to it runs in an HTTP context of its own, its telemetry
//! is the worker's, and the admin page is on the same port.
//!
//! ```console
//! $ cargo run --example tonic_service -- https://example.com/
//! $ grpcurl -plaintext -proto pages.proto 127.0.0.1:8080 shop.Pages/Get
//! $ curl http://127.0.0.1:8080/admin/metrics
//! ```

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_context::http_session;
use http_context_worker::{Admin, Failure, LogFormat, Signals, Telemetry};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::service::Routes;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

/// What the server answers: calls of [`Pages`], and the admin page. Calls come over HTTP/2, and a browser
/// comes over HTTP/1.1.
pub(crate) fn router(upstream: String, admin: &Admin) -> Router {
    let calls = Routes::new(Pages { upstream }).into_axum_router();
    // The context ends with the body of the response, and with the status that comes behind it.
    let calls = calls.layer(http_context::builder().http_layer());
    calls.nest_service("/admin", admin.service())
}

/// `rpc Get(google.protobuf.StringValue) returns (google.protobuf.StringValue)`: a page of the upstream, by
/// its path. What stands below is what `tonic-build` makes of a `.proto`.
#[derive(Clone)]
struct Pages {
    upstream: String,
}

impl Pages {
    async fn get(&self, path: &str) -> Result<String, Status> {
        let session = http_session().map_err(|error| Status::internal(error.to_string()))?;
        let answer = session.get(format!("{}{path}", self.upstream)).send().await;
        let answer = answer.map_err(|error| Status::unavailable(error.to_string()))?;
        let text = answer.text().await;
        text.map_err(|error| Status::unavailable(error.to_string()))
    }
}

impl NamedService for Pages {
    const NAME: &'static str = "shop.Pages";
}

impl UnaryService<String> for Pages {
    type Response = String;
    type Future = BoxFuture<'static, Result<tonic::Response<String>, Status>>;

    fn call(&mut self, request: tonic::Request<String>) -> Self::Future {
        let pages = self.clone();
        Box::pin(async move {
            let page = pages.get(request.get_ref()).await?;
            Ok(tonic::Response::new(page))
        })
    }
}

impl Service<Request<Body>> for Pages {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let pages = self.clone();
        Box::pin(async move {
            if request.uri().path() != "/shop.Pages/Get" {
                return Ok(Status::new(Code::Unimplemented, "there is only Get").into_http());
            }
            let mut grpc = Grpc::new(ProstCodec::<String, String>::default());
            Ok(grpc.unary(pages, request).await)
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let upstream = std::env::args().nth(1);
    let upstream = upstream.unwrap_or_else(|| "https://example.com".to_owned());
    let telemetry = Telemetry::builder("tonic-service")
        .logs(
            LogFormat::Text,
            "tonic_service=info,http_context=warn".parse()?,
        )
        .install()?;
    let admin = Admin::new("tonic-service", telemetry.metrics());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    let signals = Signals::listen()?;
    let server = axum::serve(listener, router(upstream, &admin));
    server.with_graceful_shutdown(ended(signals, admin)).await?;
    if let Some(lost) = telemetry.flush(Duration::from_secs(5)).await {
        return Err(Failure::Otlp(lost).into());
    }
    Ok(())
}

/// Waits for a signal, and says at once that the service is not ready any more.
async fn ended(signals: Signals, admin: Admin) {
    signals.first().await;
    admin.set_ready(false);
}
