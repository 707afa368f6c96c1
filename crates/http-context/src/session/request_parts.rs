//! A request and its session, put together and taken apart.

use std::panic::Location;

use reqwest::Request;

use super::handle::HttpSession;
use super::request::RequestBuilder;
use crate::error::RequestError;

impl RequestBuilder {
    /// Goes on with a request that was built elsewhere, on a session.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use http_context::reqwest::{Method, Request};
    /// use http_context::{RequestBuilder, http_session};
    ///
    /// let built = Request::new(Method::GET, "https://example.com/".parse()?);
    /// let request = RequestBuilder::from_parts(http_session()?, built);
    /// let response = request.header("x-request-id", "7").send().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "as `reqwest` takes its client: who needs the session further clones it"
    )]
    pub fn from_parts(session: HttpSession, request: Request) -> Self {
        let hold = session.hold(Location::caller());
        Self::of(hold, request)
    }

    /// The session that it is to be sent by, and the request as of [`build`](Self::build).
    ///
    /// The session is one more handle of it, acquired where the request was begun.
    pub fn build_split(self) -> (HttpSession, Result<Request, RequestError>) {
        let session = HttpSession::acquired_by(self.hold());
        (session, self.build())
    }
}
