//! The trait of `opentelemetry-http`.

use std::pin::pin;

use async_trait::async_trait;
use http_body_util::LengthLimitError;
use http_context::bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, ResponseBodyTooLarge};
use tokio::runtime::Handle;

use crate::adapter::SessionAdapter;
use crate::error::SendError;
use crate::whole::read_whole;

/// What the clients of that crate allow.
const MAX_RESPONSE_BODY: usize = 4 * 1024 * 1024;

/// For `with_http_client` of the exporters of `opentelemetry-otlp` and its like (feature
/// `opentelemetry-http`).
///
/// The processors and readers of the SDK export on threads of their own, which stand under no context
/// and in no runtime. So it takes the session of a context that is open until the provider has shut
/// down, captured or to fall back to, and does its work in the runtime in which the adapter was made.
/// That runtime must go on meanwhile: flush and shut down in `spawn_blocking`.
///
/// Where that context is observed, the exports are in its metrics, and in its spans unless the SDK
/// suppresses them: [`with_extension`](SessionAdapter::with_extension) keeps them out. A response of
/// more than 4 MiB is an error, as with the clients of that crate.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context::{http_session, open};
/// use http_context_adapters::SessionAdapter;
/// use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// // Around the whole service:
/// open(async || {
///     let adapter = SessionAdapter::captured(http_session()?);
///     let exporter = SpanExporter::builder()
///         .with_http()
///         .with_endpoint("http://localhost:4318/v1/traces")
///         .with_http_client(adapter)
///         .build()?;
///     let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
///     // … jobs, each in a context of its own, and then:
///     tokio::task::spawn_blocking(move || provider.shutdown()).await??;
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })
/// .await
/// # }
/// ```
#[async_trait]
impl HttpClient for SessionAdapter {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let sent = self.send(request.map(reqwest::Body::from));
        let mut sent = pin!(async { read_whole(sent.await?, MAX_RESPONSE_BODY).await });
        let response = std::future::poll_fn(|cx| {
            let runtime = match Handle::try_current() {
                Ok(_) => None,
                Err(_) => self.runtime.as_ref(),
            };
            let _entered = runtime.map(Handle::enter);
            sent.as_mut().poll(cx)
        });
        response.await.map_err(|error| match error {
            SendError::Body(error) if error.is::<LengthLimitError>() => {
                ResponseBodyTooLarge::new().into()
            }
            error => error.into_source(),
        })
    }
}
