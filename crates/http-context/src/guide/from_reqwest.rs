//! From a global `reqwest::Client`: what becomes of it, and of each of its options.
//!
//! ```
//! use std::sync::OnceLock;
//!
//! // Before: one for all, which nobody closes, limits or blames.
//! fn client() -> &'static reqwest::Client {
//!     static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
//!     CLIENT.get_or_init(reqwest::Client::new)
//! }
//!
//! async fn before(url: &str) -> reqwest::Result<String> {
//!     client().get(url).send().await?.text().await
//! }
//!
//! // After: the session of whatever job is running.
//! async fn after(url: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
//!     Ok(http_context::http_session()?.get(url).send().await?.text().await?)
//! }
//! ```
//!
//! Step by step:
//!
//! 1. Open a context where a job, a command or a test begins: [`open`](crate::open),
//!    [`job`](crate::job), or a tower layer ([`layer`](crate::ContextBuilder::layer),
//!    [`http_layer`](crate::ContextBuilder::http_layer)). What was set on the client is set on its
//!    [`builder`](crate::builder), once.
//! 2. Let the function that gave the client out return [`http_session()`](crate::http_session)`?`. It is
//!    asked for where a request is made, and kept in no `static` and no struct.
//! 3. Replace `tokio::spawn` by [`spawn`](crate::spawn) where tasks make requests. One that was
//!    forgotten says so: [`NoContext`](crate::NoContext).
//! 4. Turn [`LeakPolicy::Panic`](crate::LeakPolicy::Panic) on in tests, or use `#[http_context::test]`.
//!
//! Connections that outlive a job, which is what a global client is for, are those of a
//! [`SessionPool`](crate::SessionPool): the next job has them warm, and nothing else of the one before.
//!
//! ```
//! # use std::time::Duration;
//! use http_context::{OpenError, SessionOptions, SessionPool, builder, http_session};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), OpenError> {
//! // Once, where the client was made:
//! let options = SessionOptions::new().request_timeout(Duration::from_secs(10));
//! let pool = SessionPool::builder().session(options).max_size(8).build();
//! let jobs = builder().pool(pool);
//!
//! // For each job:
//! jobs.clone()
//!     .open(async {
//!         let session = http_session()?;
//!         assert!(session.context().is_pooled());
//!         Ok(())
//!     })
//!     .await
//! # }
//! ```
//!
//! # Who wants a client
//!
//! | it takes | give it |
//! |---|---|
//! | a `ClientWithMiddleware` | [`HttpSession::client`](crate::HttpSession::client) |
//! | a `tower::Service` | an [`HttpSession`](crate::HttpSession), or an [`AmbientSession`](crate::AmbientSession) where it is built once for many jobs |
//! | a `reqwest::Client` and nothing else | [`HttpSession::reqwest_client`](crate::HttpSession::reqwest_client), of which less is seen |
//! | a trait of its own | the adapters of `http-context-adapters` |
//!
//! # `ClientBuilder`
//!
//! All of it is to be had. What has an option of its own is set by that, since the session has to know
//! of it; the rest by [`configure`](crate::ContextBuilder::configure), which is given the builder.
//!
//! ```
//! # use std::time::Duration;
//! use http_context::builder;
//! use http_context::reqwest::header::HeaderValue;
//!
//! let jobs = builder()
//!     .user_agent(HeaderValue::from_static("mailer/1.0"))
//!     .connect_timeout(Duration::from_secs(5))
//!     .configure(|client| client.https_only(true).tcp_keepalive(Duration::from_secs(60)));
//! ```
//!
//! | `reqwest::ClientBuilder` | here |
//! |---|---|
//! | `user_agent`, `default_headers` | the same names. Credentials for one service: [`auth`](crate::ContextBuilder::auth), which goes to its origin alone |
//! | `timeout` | [`request_timeout`](crate::ContextBuilder::request_timeout): over all redirects, where `configure` has one for each hop |
//! | `read_timeout`, `connect_timeout` | the same names, and for one request. In `configure` they hold beside those |
//! | `redirect`, `referer` | [`redirect`](crate::ContextBuilder::redirect), `RedirectPolicy::without_referer`. In `configure` a policy is an error, since redirects would go unseen |
//! | `cookie_store`, `cookie_provider` | the same names, for a context and readable; also with a pool. In `configure` it is an error beside those, and in a pool |
//! | `gzip`, `brotli`, `zstd`, `deflate`, `no_…` | features of these names; off by `configure` |
//! | `proxy`, `no_proxy` | [`proxy`](crate::ContextBuilder::proxy); none by `configure` |
//! | `pool_idle_timeout` | [`keep_alive`](crate::ContextBuilder::keep_alive), 120 s in place of 90 s |
//! | `pool_max_idle_per_host` | `configure`; [`max_connections_per_host`](crate::ContextBuilder::max_connections_per_host) limits all of them |
//! | `http1_only`, `http2_prior_knowledge` | [`http_versions`](crate::ContextBuilder::http_versions); for one request in clear `version(Version::HTTP_2)` |
//! | `http1_…`, `http2_…`, `http09_responses` | `configure` |
//! | `http3_…` | `configure`; connections are then unknown, and not counted |
//! | `tls_…`, `add_root_certificate`, `identity`, `danger_…` | [`Tls::Config`](crate::Tls::Config), or [`Tls::ClientBuilder`](crate::Tls::ClientBuilder) with `configure` |
//! | `https_only`, `retry`, `connection_verbose` | `configure` |
//! | `tcp_…`, `local_address`, `interface`, `unix_socket`, `windows_named_pipe` | `configure`; of a socket that has no addresses it is unknown when it closes |
//! | `dns_resolver`, `hickory_dns` | [`dns_resolver`](crate::ContextBuilder::dns_resolver) |
//! | `resolve`, `resolve_to_addrs`, `connector_layer` | `configure` |
//!
//! Of `reqwest_middleware::ClientBuilder` there are [`with`](crate::ContextBuilder::with) and
//! [`with_arc`](crate::ContextBuilder::with_arc). There is no `with_init`: an initialiser is given a
//! builder of that crate, whose request would be sent past the session. A middleware has the same
//! request and its extensions, and the first one has them before all others.
//!
//! # Requests
//!
//! [`HttpSession`](crate::HttpSession) has `get`, `post`, `put`, `patch`, `delete`, `head`, `request` and
//! `execute` as `Client` has them, and `execute_with_extensions` as `ClientWithMiddleware`.
//! [`RequestBuilder`](crate::RequestBuilder) has each method of the builders of both, with these
//! differences:
//!
//! | method | difference |
//! |---|---|
//! | `get(url)` and its kin | a relative URL is joined to [`base_url`](crate::ContextBuilder::base_url), where there is one |
//! | `send` | its error is a [`RequestError`](crate::RequestError): `is_timeout`, `is_connect`, `status` and `url` are there, and [`as_reqwest`](crate::RequestError::as_reqwest). It fails on an error status where [that was asked for](crate::RequestBuilder::error_for_status) |
//! | `read_timeout`, `connect_timeout`, `error_for_status`, `without_redirects`, `upgrade` | are there for one request as well |
//! | `build` | [`build_with_extensions`](crate::RequestBuilder::build_with_extensions) keeps what `with_extension` gave it |
//! | `build_split`, `from_parts` | with an `HttpSession` in place of a client |
//! | `fetch_mode_no_cors` and its kin | are for browsers |
//!
//! `Response` and `Body` are those of `reqwest`. What is read of a body ends with an error that leads to
//! [`SessionClosed`](crate::SessionClosed) once the context exits; one that is held past it is a leak.
