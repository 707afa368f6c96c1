//! The trait of `oauth2`.

use std::pin::Pin;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};

use crate::adapter::SessionAdapter;
use crate::error::SendError;
use crate::whole::read_whole;

/// For `request_async` of `oauth2`, and of `openidconnect`, which has its trait (feature `oauth2`).
///
/// Each request is made in the task that calls it, also those by which a device code is polled for;
/// the crate has no tasks and no retries. So a client that is made once is ambient.
///
/// A response is read to its end, up to
/// [`max_response_body`](http_context::ContextBuilder::max_response_body). Whoever does not trust the
/// server lets the session follow no redirects
/// ([`RedirectPolicy::none`](http_context::RedirectPolicy::none)), as that crate advises: a token request
/// that is led elsewhere has secrets in it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context_adapters::SessionAdapter;
/// use oauth2::{ClientId, ClientSecret, TokenResponse as _, TokenUrl, basic::BasicClient};
///
/// let client = BasicClient::new(ClientId::new("mailer".into()))
///     .set_client_secret(ClientSecret::new("secret".into()))
///     .set_token_uri(TokenUrl::new("https://login.example.com/token".into())?);
/// let http = SessionAdapter::ambient();
///
/// http_context::open(async || {
///     let token = client.exchange_client_credentials().request_async(&http).await?;
///     println!("valid for {:?}", token.expires_in());
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })
/// .await
/// # }
/// ```
impl<'c> AsyncHttpClient<'c> for SessionAdapter {
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SendError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let sent = self.send(request.map(reqwest::Body::from));
        Box::pin(async {
            let response = read_whole(sent.await?, usize::MAX).await?;
            Ok(response.map(Vec::from))
        })
    }
}
