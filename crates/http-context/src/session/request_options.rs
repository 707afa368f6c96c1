//! What one request has in place of what its session, or its context, has.

use std::time::Duration;

use super::request::RequestBuilder;

impl RequestBuilder {
    /// Limits the time from one read of the response to the next, however long all of it takes: for
    /// streams, which [`timeout`](Self::timeout) would end. Default: that of the session,
    /// [`ContextBuilder::read_timeout`](crate::ContextBuilder::read_timeout).
    ///
    /// As that of `reqwest`, it begins when the request is sent, or a redirect of it, and ends it when
    /// the head has not come by then; whatever is read gives it the whole limit again. Of the body it
    /// counts only the time in which somebody waits for it, so that a slow reader does not end it.
    /// What fails by it has a [`ReadTimeout`](crate::ReadTimeout) as its source. A connection that
    /// was upgraded has no such limit, and what [`build`](Self::build) gives has that of the session.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// // As long as it likes, with a sign of life twice a minute.
    /// let request = http_context::http_session()?.get("https://example.com/events");
    /// let response = request.read_timeout(Duration::from_secs(30)).send().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.draft.own.read_timeout = Some(limit);
        self
    }

    /// Limits the time that making a connection for it takes, where one is made: the lookup of its
    /// host's name, a proxy and TLS included. Default: that of the session,
    /// [`ContextBuilder::connect_timeout`](crate::ContextBuilder::connect_timeout).
    ///
    /// What fails by it has a [`ConnectTimeout`](crate::ConnectTimeout) as a source. The wait for a slot
    /// of the host has a limit of its own,
    /// [`queue_timeout`](crate::ContextBuilder::queue_timeout). Over HTTP/2 requests share a
    /// connection, which is made within the limit of the one that makes it, and fails those that wait
    /// for it with that one. What [`build`](Self::build) gives has the limit of the session.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.draft.own.connect_timeout = Some(limit);
        self
    }

    /// Gives a redirect as the response that it is, whatever the
    /// [policy](crate::ContextBuilder::redirect) of the session says.
    ///
    /// What [`build`](Self::build) gives follows those that the policy follows.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let request = http_context::http_session()?.get("https://example.com/latest");
    /// let response = request.without_redirects().send().await?;
    /// println!("{:?}", response.headers().get("location"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn without_redirects(mut self) -> Self {
        self.draft.own.ignores_redirects = true;
        self
    }

    /// Whether [`send`](Self::send) fails where the status of the response is 4xx or 5xx. Default: as
    /// [`ContextBuilder::error_for_status`](crate::ContextBuilder::error_for_status) says of the
    /// context, which is `false`.
    ///
    /// [`RequestError::status`](crate::RequestError::status) has the status then, and the body is
    /// dropped unread. For observers it is a response as any other. It does not concern
    /// [`upgrade`](Self::upgrade), nor what [`build`](Self::build) gives.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let request = http_context::http_session()?.get("https://example.com/items/7");
    /// match request.error_for_status(true).send().await {
    ///     Ok(response) => println!("{}", response.text().await?),
    ///     Err(error) if error.status().is_some_and(|status| status == 404) => println!("none"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn error_for_status(mut self, fails: bool) -> Self {
        self.draft.own.fails_on_status = Some(fails);
        self
    }
}
