#![doc = include_str!("../README.md")]
//!
//! The examples of this crate are programs of a page each that end by themselves; `cargo run --example hello`
//! is this one.
//!
//! | example | shows |
//! |---|---|
//! | [`hello`] | a context, its session, and the exit report |
//! | [`leak`] | a job that leaks in three ways, and what is said of it |
//! | [`plug_in`] | a plug-in of livekit-agents, ported from Python |
//! | [`pooled`] | jobs that hand on a warm session |
//! | [`ndjson`], [`server_sent_events`] | streams that end with their context |
//! | [`websocket_echo`] | a WebSocket that the exit takes leave of |
//! | [`metrics`], [`traces`] | what `http-context-middleware` exports |
//!
//! [`hello`]: https://docs.rs/crate/http-context/latest/source/examples/hello/main.rs
//! [`leak`]: https://docs.rs/crate/http-context/latest/source/examples/leak/main.rs
//! [`plug_in`]: https://docs.rs/crate/http-context/latest/source/examples/plug_in/main.rs
//! [`pooled`]: https://docs.rs/crate/http-context/latest/source/examples/pooled/main.rs
//! [`ndjson`]: https://docs.rs/crate/http-context/latest/source/examples/ndjson/main.rs
//! [`server_sent_events`]: https://docs.rs/crate/http-context/latest/source/examples/server_sent_events/main.rs
//! [`websocket_echo`]: https://docs.rs/crate/http-context/latest/source/examples/websocket_echo/main.rs
//! [`metrics`]: https://docs.rs/crate/http-context-middleware/latest/source/examples/metrics/main.rs
//! [`traces`]: https://docs.rs/crate/http-context-middleware/latest/source/examples/traces/main.rs
//!
//! # Contexts and tasks
//!
//! A context is bound to a *task*, or more exactly to the future that [`open`] returns. Futures
//! that the work awaits are under it, however deep. Other tasks are not:
//!
//! | to run | with the context | without |
//! |---|---|---|
//! | a task | [`spawn`] | `tokio::spawn` |
//! | a task that is not `Send` | [`spawn_local`] | `tokio::task::spawn_local` |
//! | blocking code on Tokio's threads | [`spawn_blocking()`] | `tokio::task::spawn_blocking` |
//! | a set of tasks | [`JoinSet`] | `tokio::task::JoinSet` |
//! | a future that something else polls | [`FutureExt::in_current_http_context`] | |
//! | a closure on a thread of its own | [`HttpContext::sync_scope`] | `std::thread::spawn` |
//!
//! The context knows its children, and its exit waits for them. One that outlives it gets
//! [`ContextClosed`] from `http_session()`, and is reported.
//!
//! An `open` inside a context passes through to it: the work runs on the session that is there.
//! [`NestedPolicy`] changes that. [`job`] always opens a fresh context, for work of any output.
//!
//! # The exit
//!
//! When the work has ended, by return or by error:
//!
//! 1. new requests are refused;
//! 2. requests in flight, bodies being read and children are waited for, up to
//!    [`drain_timeout`](ContextBuilder::drain_timeout);
//! 3. what is left is cut off: futures and bodies end with [`SessionClosed`];
//! 4. the client and its connection pool are dropped;
//! 5. it is verified that nothing is left: handles, clients, tasks, and, by asking the operating
//!    system, sockets; those that somebody still holds are
//!    [cut off](ContextBuilder::cut_held_sockets), and reported all the same;
//! 6. the [`ExitReport`] goes to the observers and, with [`Open::with_report`], to the caller.
//!
//! The report says what the context did:
//!
//! ```
//! use http_context::{http_session, open};
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! // Somewhere deep below, in code that was passed no client:
//! async fn title(url: &str) -> Result<String, Box<dyn std::error::Error>> {
//!     Ok(http_session()?.get(url).send().await?.error_for_status()?.text().await?)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let url = format!("http://{}/", listener.local_addr()?);
//! # tokio::spawn(async move {
//! #     let (mut socket, _) = listener.accept().await.unwrap();
//! #     let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
//! #     while socket.read(&mut [0; 1024]).await.unwrap() > 0 {
//! #         socket.write_all(answer).await.unwrap();
//! #     }
//! # });
//! let (titles, report) = open(async || {
//!     Ok::<_, Box<dyn std::error::Error>>([title(&url).await?, title(&url).await?])
//! })
//! .with_report()
//! .await;
//!
//! assert_eq!(titles?, ["hello", "hello"]);
//! let report = report.expect("a context was opened");
//! assert_eq!((report.requests, report.connections_opened), (2, 1));
//! assert!(report.is_clean());
//! # Ok(())
//! # }
//! ```
//!
//! When the work panics, or the future is dropped, steps 1, 3, 4 and 6 happen at once, and sockets are
//! verified in the background.
//!
//! # Streams
//!
//! A body that goes on for ever (server-sent events, lines of JSON, a log that is followed) ends with
//! its context like any other. What that costs the exit is up to who reads it:
//!
//! | the reader | the exit |
//! |---|---|
//! | stops when [`closing`] resolves | waits for nothing; its report is clean |
//! | reads on | waits for [`drain_timeout`](ContextBuilder::drain_timeout), cuts the body off, and reports it as a [`Leak`], with the bytes that had come and how long it was silent ([`LeakProgress`]) |
//! | holds the response and does not read | the same: a body unread is in flight |
//!
//! One `select!` around all of a reader is enough, since what it drops is closed at once: a request
//! under way, a body, the wait between two connections.
//!
//! ```
//! # use http_context::{OpenError, closing, open, spawn};
//! # async fn follow(url: &str) {
//! #     std::future::pending::<()>().await;
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), OpenError> {
//! let (result, report) = open(async {
//!     spawn(async {
//!         tokio::select! {
//!             () = closing() => {}
//!             () = follow("https://example.com/events") => {}
//!         }
//!     });
//!     Ok::<_, OpenError>(())
//! })
//! .with_report()
//! .await;
//! assert!(report.is_some_and(|report| report.is_clean()));
//! # result
//! # }
//! ```
//!
//! A stream has no end that [`timeout`](RequestBuilder::timeout) could wait for:
//! [`read_timeout`](RequestBuilder::read_timeout) ends one that has gone silent. Two programs in the
//! folder `examples` of this crate read streams with parsers that are kept well:
//! `server_sent_events` (`sse-stream`, connected anew with `Last-Event-ID` as `retry` allows) and
//! `ndjson` (`LinesCodec` of `tokio-util`).
//!
//! # In programs of many parts
//!
//! Where the code of many SDKs and plug-ins runs under one context, [`caller`](caller()) says which of
//! them makes a request: its name is in the spans, in the report, in what leaks, and on an admin page.
//!
//! # In libraries
//!
//! Call [`http_session`] where a request is made, return its error like any other, and keep no
//! handle in a struct: a handle that outlives its context only ever gives [`SessionClosed`]. Three types of
//! errors are met on the way, one for each step:
//!
//! ```
//! use http_context::{RequestError, SessionError, http_session, reqwest};
//!
//! #[derive(Debug, thiserror::Error)]
//! pub enum WeatherError {
//!     /// Nothing is bound to the task, or its context has exited.
//!     #[error("there is no HTTP session")]
//!     Session(#[from] SessionError),
//!     /// The request was not answered.
//!     #[error("the weather service cannot be asked")]
//!     Request(#[from] RequestError),
//!     /// An error status, or a body that cannot be read.
//!     #[error("the answer cannot be used")]
//!     Answer(#[from] reqwest::Error),
//! }
//!
//! pub async fn weather(base: &str) -> Result<String, WeatherError> {
//!     let response = http_session()?.get(format!("{base}/weather")).send().await?;
//!     Ok(response.error_for_status()?.text().await?)
//! }
//! ```
//!
//! SDKs
//! that want a client of `reqwest_middleware` get one from [`HttpSession::client`], those that want a
//! `tower` service take an [`HttpSession`] or an [`AmbientSession`], those with a trait of their own
//! an adapter of `http-context-adapters`, and those that take a `reqwest::Client` and nothing else
//! [`HttpSession::reqwest_client`], by which less is seen. Which to take when is on
//! [a page of its own](guide::ambient_or_captured).
//!
//! # In executables
//!
//! Wrap each job in [`open`], or each call of a tower service in a [`ContextLayer`]. Install an
//! [`Observer`] with [`set_default_observer`], such as that of `http-context-middleware`, which
//! exports spans and metrics. Options are on [`builder`].
//!
//! [`snapshot`] shows what is open right now, what leaked lately and what was opened nested, by
//! call site: for an admin page. [`ContextBuilder::overdue_after`] reports contexts that are open for too
//! long, and [`sample_backtraces`] adds backtraces to some leaks, at any time.
//!
//! # The guide
//!
//! [`guide`] begins with the [first ten minutes](guide::first_ten_minutes) and the
//! [concepts](guide::concepts), and has a page for those who come from
//! [`aiohttp` and livekit's `http_context`](guide::from_aiohttp), and one from a
//! [global `reqwest::Client`](guide::from_reqwest).
//!
//! # What a context costs
//!
//! An open context takes a few hundred bytes until its first request, and building a session
//! microseconds: all sessions of a process share one TLS configuration, read at the first use or by
//! [`warm_up`]. `http_session()` takes no lock and allocates nothing.
//!
//! # Platforms
//!
//! [A page](guide::platforms) says what a program can know on Linux, macOS and Windows, and which Rust each
//! crate needs.
//!
//! # Features of `reqwest`
//!
//! They are those of the whole build: whoever turns `reqwest/gzip` on turns it on here
//! as well. [`configure`](ContextBuilder::configure) turns an encoding off for a session
//! (`no_gzip`), and a header `Accept-Encoding` of a request stands in place of what the client would
//! ask for. A body that was unpacked has no `Content-Length` and no `Content-Encoding`, and wherever
//! bytes of a body are counted or limited ([`BodyEnd`], [`ExitReport`], metrics,
//! [`max_response_body`](ContextBuilder::max_response_body)) they are those that came out.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod caller;
mod children;
mod connection;
mod context;
mod defaults;
mod error;
mod exchange;
mod exit;
mod facts;
pub mod guide;
mod identity;
mod inspect;
mod leak;
mod live;
mod observer;
mod open;
mod pool;
mod scope;
mod service;
mod session;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;
mod wait_until;
mod watch;
#[cfg(feature = "websocket")]
pub mod websocket;

/// The crates whose types stand in signatures of this one.
pub use {bytes, http, reqwest, reqwest_middleware, rustls};

pub use caller::{Caller, CallerScope, caller};
pub use children::{FutureExt, InContext, JoinSet, spawn, spawn_blocking, spawn_local};
pub use connection::{
    CloseEvent, CloseSink, ClosedSocket, ConnectionCloses, ConnectionClosesAlreadySet,
    ConnectionSnapshot, KernelCloses, NoCloses, SocketEnd, open_connections,
    sees_connection_closes, set_connection_closes,
};
pub use context::{HttpContext, closing, current, http_session, open_contexts};
pub use defaults::DefaultAuth;
#[cfg(feature = "cookies")]
pub use defaults::{Cookie, CookieJar};
pub use error::{
    BodyTooLarge, BuildError, ConnectTimeout, ContextClosed, ErrorKind, NestedDenied, NoContext,
    OpenError, PoolError, PoolExhausted, QueueTimeout, ReadTimeout, Redaction, RedirectError,
    RequestError, RequestFailure, SessionClosed, SessionError, UpgradeError, WithheldError,
};
pub use exchange::FinalUrl;
pub use facts::{
    AddressPair, AttemptAnswered, BodyEnd, BodyEndReason, CallerReport, CloseReason,
    ConnectAbandoned, ConnectFailure, ConnectStarted, ConnectionClosed, ConnectionInfo,
    ConnectionUse, ContextInfo, Direction, ExitReport, HeldSocket, Leak, LeakKind, LeakPolicy,
    LeakProgress, MessageType, NameLookup, NestedOpen, NestedPolicy, Outcome, PlainRequest,
    PoolCheckout, PoolCloseReason, PoolReturn, PoolSessionCreated, PoolStatus, PoolTimeout,
    QueueWait, Redirect, RequestInfo, ResponseHead, SessionEnded, SessionSource, SessionStarted,
    Upgrade, UpgradeEnd, UpgradeEndReason, UpgradeProtocol, UpgradeTraffic,
};
#[cfg(feature = "testing")]
pub use http_context_macros::test;
pub use identity::{CallSite, ConnectionId, ContextId, Origin, PoolId, RequestId, SessionId};
pub use inspect::{
    LiveContext, LiveUpgrade, NoOpenContexts, OpenContexts, Snapshot, assert_no_open_contexts,
    snapshot,
};
pub use leak::{RecentLeak, RecentNestedOpen, sample_backtraces};
pub use observer::{Observer, ObserverAlreadySet, set_default_observer};
#[doc(hidden)]
pub use open::{ClosureWork, FutureWork};
pub use open::{
    ContextBody, ContextBuilder, ContextLayer, ContextService, FromOpenError, HttpContextFuture,
    HttpContextLayer, HttpContextService, Open, OpenOutput, OpenWithReport, Work, builder, job,
    open,
};
pub use pool::{PoolBuilder, PoolReport, SessionPool};
pub use service::{AmbientSession, ServiceFuture};
pub use session::{HttpSession, RequestBuilder, Upgraded};
pub use transport::{
    HttpVersions, RedirectAction, RedirectAttempt, RedirectPolicy, SessionOptions, Tls,
    crypto_provider, warm_up,
};
