//! Ambient or captured: by which session the client of an SDK sends.
//!
//! An SDK wants a client when it is made, and sends by it later: perhaps in another job, perhaps in a
//! task of its own. A client is **captured** when it has the session of the context in which it was
//! made, and **ambient** when it looks for the session of the context that each call is in.
//!
//! | the client of the SDK is | and sends | take |
//! |---|---|---|
//! | made, used and dropped by one job | in the job | a captured one: [`HttpSession`] itself where a `tower::Service` is taken, [`HttpSession::client`] for `reqwest_middleware`, `SessionAdapter::captured` of `http-context-adapters` for a trait of the SDK |
//! | made once, and used by many jobs | in the jobs | an ambient one: [`AmbientSession`], or `SessionAdapter::ambient` |
//! | made once, and used by many jobs | also in tasks of its own | [`AmbientSession::or`], with a session of a context that is open for as long as the client is |
//! | one that takes a `reqwest::Client` and nothing else | wherever it likes | a plain client, which is captured: [`HttpSession::reqwest_client`] |
//!
//! Where there is a choice, whatever stands further up sees more. What code of your own should do is
//! none of these: call [`http_session`] where the request is made.
//!
//! # Why a task of an SDK stands under no context
//!
//! A context is bound to a future, by a task-local of Tokio: whoever polls the future finds it, and a
//! task that `tokio::spawn` makes is polled by nobody but the runtime. [`spawn`] binds the context
//! again in the new task; an SDK does not know that function. So what it does in a buffer
//! (`tower::Buffer`), a refresh of tokens in the background, a pool of workers or an actor is under no
//! context, in whichever job it was asked for.
//!
//! ```
//! use http_context::{OpenError, SessionError, http_session, open, spawn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! open(async {
//!     assert!(http_session().is_ok());
//!     let in_a_task = tokio::spawn(async { http_session().map(drop) }).await;
//!     assert!(matches!(in_a_task, Ok(Err(SessionError::NoContext(_)))));
//!     let in_a_child = spawn(async { http_session().map(drop) }).await;
//!     assert!(matches!(in_a_child, Ok(Ok(()))));
//!     Ok::<_, OpenError>(())
//! })
//! .await?;
//! # Ok(())
//! # }
//! ```
//!
//! It is an error, and no session of some other context, since nobody could say whose request it is,
//! nor when its session ends.
//!
//! # Ambient
//!
//! For a client that is made once. It holds no session, so that there is nothing to leak, and it fails
//! with [`NoContext`] where it is called under none.
//!
//! ```
//! use http_context::AmbientSession;
//! # use std::sync::LazyLock;
//! # struct Sdk<S>(S);
//! # impl<S> Sdk<S> { fn new(service: S) -> Self { Self(service) } }
//!
//! // For the whole process: each call goes by the session of the job that makes it.
//! static SDK: LazyLock<Sdk<AmbientSession>> = LazyLock::new(|| Sdk::new(AmbientSession::new()));
//! ```
//!
//! # Captured
//!
//! For a client that ends with its job. It fails with [`SessionClosed`] after that, and one that is kept
//! is a [leak](crate::LeakKind::ClientClone).
//!
//! ```
//! # struct Sdk<S>(S);
//! # impl<S> Sdk<S> { fn new(service: S) -> Self { Self(service) } async fn call(&self) {} }
//! # async fn job() -> Result<(), Box<dyn std::error::Error>> {
//! use http_context::http_session;
//!
//! let sdk = Sdk::new(http_session()?); // a `tower::Service`
//! sdk.call().await;
//! let other = Sdk::new(http_session()?.client()); // a `reqwest_middleware::ClientWithMiddleware`
//! other.call().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Both
//!
//! For a client that is made once and has tasks of its own: its jobs go by their own sessions, and its
//! tasks by that of the service.
//!
//! ```
//! use http_context::{AmbientSession, OpenError, http_session, job, open};
//! # struct Sdk<S>(S);
//! # impl<S> Sdk<S> { fn new(service: S) -> Self { Self(service) } async fn call(&self) {} }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The context of the service, which outlives its jobs.
//! open(async {
//!     let sdk = Sdk::new(AmbientSession::or(http_session()?));
//!     for _ in 0..3 {
//!         job(async { sdk.call().await }).await;
//!     }
//!     Ok::<_, OpenError>(())
//! })
//! .await?;
//! # Ok(())
//! # }
//! ```
//!
//! # A plain client
//!
//! For an SDK that takes a `reqwest::Client` and nothing else. It is captured: one for each session,
//! made when it is first asked for, with a pool of connections of its own. Make the SDK's client in the
//! job, and drop it there.
//!
//! ```
//! # struct Sdk;
//! # impl Sdk { fn with_client(_: reqwest::Client) -> Self { Self } async fn call(&self) {} }
//! # async fn job() -> Result<(), Box<dyn std::error::Error>> {
//! use http_context::http_session;
//!
//! let sdk = Sdk::with_client(http_session()?.reqwest_client()?);
//! sdk.call().await;
//! # Ok(())
//! # }
//! ```
//!
//! Its requests go their own way. `reqwest` lets others see its connections being made, each answer
//! and each redirect, and that is all that is seen:
//!
//! | | by the session | by a plain client |
//! |---|---|---|
//! | connections | made, failed, given up, open and closed, in the report, the ledger and the metrics | the same, but for those that were given up in the making, by a `connect_timeout` of `configure` for one |
//! | what a connection is doing | active or idle, and how many requests it carried | not seen: `http.connection.state` is `unknown`, and [`ConnectionInfo::plain`](field@crate::ConnectionInfo::plain) names the place that asked for the client. Why this side closed one after [`keep_alive`](crate::SessionOptions::keep_alive) is `unknown` as well |
//! | requests | each, from its start to the end of its body | each answer and each failure: [`ExitReport::plain_requests`](field@crate::ExitReport::plain_requests) and [`Observer::plain_request_ended`](crate::Observer::plain_request_ended). **Not seen**: one whose body is a stream; one that was dropped, or whose time ran out, before its head came; one that the exit cuts off; the fourth attempt at one that an HTTP/2 server has refused three times; and all of them, where `configure` sets a [`retry`](reqwest::ClientBuilder::retry) of its own |
//! | redirects | part of their request | each hop is a request |
//! | the connection of an answer | new or reused | not seen: `source` is `unknown` |
//! | durations, spans, trace context | yes | none: nobody sees a request begin |
//! | bodies | bytes, ends, leaks | not seen: the bytes in the report and in the metrics are those of the session. One that is kept is seen as its connection |
//! | host slots: [`max_connections_per_host`](crate::SessionOptions::max_connections_per_host) | each request takes one | none is taken; at most so many connections to a host stay idle |
//! | middleware of the session | yes | no |
//! | redirects with credentials | the credentials are removed for another origin | not followed where `reqwest` would send them there: [`PlainCredentials`](crate::RedirectError::PlainCredentials). Those that it removes itself (`Authorization` and cookies) are no obstacle to the first hop elsewhere. No `Referer` is sent |
//! | errors | without secrets of the URL | those of `reqwest`, with all of the URL |
//! | [`default_headers`](crate::SessionOptions::default_headers) | all values of a name | the last value of a name |
//! | what the [context](crate::ContextBuilder::base_url) gives its requests | base URL, credentials, cookies | cookies |
//! | HTTP/2 in clear | for requests that ask for it | for all or none, by [`http_versions`](crate::SessionOptions::http_versions) |
//! | upgraded connections | belong to the context | seen as connections alone; over TLS with HTTP/2 they are refused |
//! | at the exit | requests and bodies are waited for, up to [`drain_timeout`](crate::ContextBuilder::drain_timeout) | nobody is waited for, but children of the context and, for 100 ms, whoever is about to let go; meanwhile no connection is made, and those that are open may go on. What is open then is cut off, and reported as [`ClientClone`](crate::LeakKind::ClientClone) or [`Connection`](crate::LeakKind::Connection) |
//! | after the exit | every call fails with [`SessionClosed`] | connecting fails with it, and a connection that was cut off with an error of I/O. Where [sockets are not cut off](crate::SessionOptions::cut_held_sockets), whoever keeps the client may go on with an idle connection |
//!
//! [`spawn`]: crate::spawn
//! [`http_session`]: crate::http_session
//! [`HttpSession`]: crate::HttpSession
//! [`HttpSession::client`]: crate::HttpSession::client
//! [`HttpSession::reqwest_client`]: crate::HttpSession::reqwest_client
//! [`AmbientSession`]: crate::AmbientSession
//! [`AmbientSession::or`]: crate::AmbientSession::or
//! [`NoContext`]: crate::NoContext
//! [`SessionClosed`]: crate::SessionClosed
