//! The traits of `aws-smithy-runtime-api`, which all SDKs of AWS take.

use std::time::Duration;

use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_context::ErrorKind;

use crate::adapter::SessionAdapter;
use crate::error::SendError;

/// For `http_client` of `aws_config` and of the configuration of each SDK (feature `aws-smithy`).
///
/// An SDK makes each request in the task that calls it, retries and the refresh of credentials
/// included, so that a client that is made once is ambient. The Transfer Manager for S3 is another
/// matter: it sends in tasks of its own, and wants a session to fall back to.
///
/// The read timeout of the SDK is applied, which ends when the head of the response is there. Its
/// connect timeout is not: set that of the session. A redirect is followed where the session does so,
/// which the client of the SDKs themselves never does.
///
/// ```no_run
/// # fn example() {
/// use aws_smithy_runtime_api::client::http::SharedHttpClient;
/// use http_context_adapters::SessionAdapter;
///
/// let client = SharedHttpClient::new(SessionAdapter::ambient());
/// // let config = aws_config::from_env().http_client(client).load().await;
/// # drop(client);
/// # }
/// ```
impl HttpClient for SessionAdapter {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(LimitedConnector {
            adapter: self.clone(),
            read_timeout: settings.read_timeout(),
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        let version = env!("CARGO_PKG_VERSION");
        Some(ConnectorMetadata::new("http-context", Some(version.into())))
    }
}

/// A timeout and a broken connection are told as such, which is what retries go by. A session that is
/// closed, or none, a request that cannot be made and one whose body failed are errors of the user,
/// which are not retried.
impl HttpConnector for SessionAdapter {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let sent = self.send(request);
        HttpConnectorFuture::new(async move {
            let response = sent.await.map_err(of_request)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// A connector with the read timeout of an SDK.
#[derive(Debug)]
struct LimitedConnector {
    adapter: SessionAdapter,
    read_timeout: Option<Duration>,
}

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let response = self.adapter.call(request);
        let Some(limit) = self.read_timeout else {
            return response;
        };
        HttpConnectorFuture::new(async move {
            tokio::time::timeout(limit, response)
                .await
                .unwrap_or_else(|_| Err(ConnectorError::timeout(NoResponse(limit).into())))
        })
    }
}

/// The read timeout of the SDK ran out.
#[derive(Debug, thiserror::Error)]
#[error("no response within the read timeout of {0:?}")]
struct NoResponse(Duration);

fn of_request(error: SendError) -> ConnectorError {
    let (kind, is_connect) = (error.kind(), error.is_connect());
    let is_request = match &error {
        SendError::Request(error) => !error.as_reqwest().is_some_and(reqwest::Error::is_builder),
        _ => false,
    };
    let source = error.into_source();
    let error = match kind {
        _ if !is_request => ConnectorError::user(source),
        ErrorKind::Timeout | ErrorKind::QueueTimeout => ConnectorError::timeout(source),
        ErrorKind::SessionClosed | ErrorKind::RequestBody => ConnectorError::user(source),
        ErrorKind::Connection | ErrorKind::ResponseEnded => ConnectorError::io(source),
        _ if is_connect => ConnectorError::io(source),
        _ => ConnectorError::other(source, None),
    };
    if is_connect || !is_request || kind == ErrorKind::QueueTimeout {
        error.never_connected()
    } else {
        error
    }
}
