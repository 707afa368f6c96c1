//! What the requests of a context get by default: options of the context, and of no session.

#[cfg(feature = "cookies")]
use std::sync::Arc;

use super::builder::ContextBuilder;
#[cfg(feature = "cookies")]
use crate::defaults::CookieOption;
use crate::defaults::DefaultAuth;

/// What its requests get that have it not themselves. It is the context's own, also where the session
/// is one of a pool; an `open` that passes through to a context has what that one has.
impl ContextBuilder {
    /// The URL that relative ones are joined to, as [`Url::join`](reqwest::Url::join) does it and as a
    /// page's links are: what is after the last `/` of its path is replaced, so that it ends with one
    /// where all of it is meant to stay. Default: none, and a relative URL is an error of its request.
    ///
    /// | base | `get("items")` | `get("/items")` | `get("https://b.example/")` |
    /// |---|---|---|---|
    /// | `https://a.example/v1/` | `https://a.example/v1/items` | `https://a.example/items` | `https://b.example/` |
    /// | `https://a.example/v1` | `https://a.example/items` | `https://a.example/items` | `https://b.example/` |
    ///
    /// It holds for the requests that are begun on a session of the context, WebSockets included, and
    /// for no request that is built elsewhere. User info in it goes with each request that is joined
    /// to it, as basic authentication; where errors show the URL it is redacted, as anywhere. A query
    /// of it goes with nothing but the reference to the base itself, `""`.
    ///
    /// It belongs to the context, whether or not its session is one of a pool. One that is relative
    /// itself, or no `http` or `https` URL, is [`BuildError::BaseUrl`](crate::BuildError::BaseUrl): of
    /// `open`, and in a lazy context of `http_session()`.
    ///
    /// ```
    /// # use http_context::{OpenError, builder, http_session};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), OpenError> {
    /// let job = builder().base_url("https://api.example.com/v1/").open(async {
    ///     let request = http_session()?.get("items/7").build().expect("it is valid");
    ///     assert_eq!(request.url().as_str(), "https://api.example.com/v1/items/7");
    ///     Ok::<_, OpenError>(())
    /// });
    /// job.await
    /// # }
    /// ```
    pub fn base_url(self, url: impl Into<String>) -> Self {
        self.set(|options| options.defaults.base_url = Some(url.into()))
    }

    /// Joins relative URLs to nothing. This is the default.
    pub fn without_base_url(self) -> Self {
        self.set(|options| options.defaults.base_url = None)
    }

    /// Credentials for the requests to one origin that have no `Authorization` of their own:
    /// whoever makes them, by the session, by a client or a service of it. A
    /// [plain client](crate::HttpSession::reqwest_client) has none. Default: none.
    ///
    /// They go to the origin of the [`base_url`](Self::base_url), or to the one that
    /// [`DefaultAuth`] names, and nowhere else: see there. They win over what
    /// [`default_headers`](Self::default_headers) have, which go to every host. No middleware of the
    /// session sees them.
    ///
    /// It belongs to the context, whether or not its session is one of a pool. Without an origin it is
    /// [`BuildError::AuthForNobody`](crate::BuildError::AuthForNobody), with what no header can have
    /// [`BuildError::InvalidAuth`](crate::BuildError::InvalidAuth), and beside user info of `base_url`
    /// for the same origin [`BuildError::AuthTwice`](crate::BuildError::AuthTwice): of `open`, and in a
    /// lazy context of `http_session()`.
    pub fn auth(self, auth: DefaultAuth) -> Self {
        self.set(|options| options.defaults.auth = Some(auth))
    }

    /// Sends no credentials by default. This is the default.
    pub fn without_auth(self) -> Self {
        self.set(|options| options.defaults.auth = None)
    }

    /// Whether [`RequestBuilder::send`](crate::RequestBuilder::send) fails where the status of the
    /// response is 4xx or 5xx, as
    /// [`RequestBuilder::error_for_status`](crate::RequestBuilder::error_for_status), which is for one
    /// request, says. Default: `false`.
    ///
    /// It does not concern what is sent in another way, since SDKs read such responses:
    /// [`execute`](crate::HttpSession::execute), clients and services of the session, upgrades.
    pub fn error_for_status(self, fails: bool) -> Self {
        self.set(|options| options.defaults.fails_on_status = fails)
    }

    /// Whether each context keeps cookies, in a jar of its own, which
    /// [`HttpSession::cookies`](crate::HttpSession::cookies) shows. Default: `false`.
    ///
    /// The jar is the context's and not its session's: a session that was closed early and one of a
    /// pool make no difference to it, and one job never sees the cookies of another. Cookies are set
    /// and sent on each hop of a redirect, by the URL of that hop, and for whatever makes the request:
    /// the session, a client or a service of it, a plain client, a WebSocket. A request with a header `Cookie` of its
    /// own gets no others, and no middleware of the session sees those of the jar.
    ///
    /// A cookie store that [`configure`](Self::configure) sets beside it is
    /// [`BuildError::ConfiguredCookies`](crate::BuildError::ConfiguredCookies), and a `Cookie` of
    /// [`default_headers`](Self::default_headers)
    /// [`BuildError::CookieHeader`](crate::BuildError::CookieHeader).
    ///
    /// ```no_run
    /// # use http_context::{builder, http_session};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let job = builder().cookie_store(true).open(async {
    ///     let session = http_session()?;
    ///     session.post("https://example.com/login").send().await?;
    ///     let cookies = session.cookies().expect("the context keeps cookies");
    ///     println!("{:?}", cookies.all());
    ///     Ok::<_, Box<dyn std::error::Error>>(())
    /// });
    /// # job.await
    /// # }
    /// ```
    #[cfg(feature = "cookies")]
    pub fn cookie_store(self, keeps: bool) -> Self {
        let option = if keeps {
            CookieOption::OwnJar
        } else {
            CookieOption::Nowhere
        };
        self.set(|options| options.defaults.cookies = option)
    }

    /// Where cookies are kept and taken from, by all contexts that are opened from this builder and
    /// its clones, as [`cookie_store`](Self::cookie_store) does in a jar for each. For one that is
    /// kept beyond a job, such as a [`CookieJar`](crate::CookieJar) that is filled beforehand.
    #[cfg(feature = "cookies")]
    pub fn cookie_provider(
        self,
        provider: Arc<impl reqwest::cookie::CookieStore + 'static>,
    ) -> Self {
        self.set(|options| options.defaults.cookies = CookieOption::shared(provider))
    }
}
