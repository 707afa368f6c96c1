//! The sessions of `http-context` as the HTTP clients that SDKs take.
//!
//! An SDK that asks for a `reqwest_middleware::ClientWithMiddleware` gets one from
//! [`HttpSession::client`](http_context::HttpSession::client), and one that asks for a `tower` service
//! of `http` requests takes an [`HttpSession`](http_context::HttpSession) or an
//! [`AmbientSession`](http_context::AmbientSession) as it is. `reqwest-websocket` is of the former kind:
//! with its feature `middleware`, `session.client().get(url).upgrade()` opens a WebSocket that belongs to
//! the context. One that takes a `reqwest::Client` and nothing else gets a plain one from
//! [`HttpSession::reqwest_client`](http_context::HttpSession::reqwest_client), by which less is seen.
//! The others have a trait of their own:
//! [`SessionAdapter`] has those, one for each feature of this crate. Its requests go through the
//! session like any other: same connections, same limits, same facts, and the exit of the context
//! waits for their bodies.
//!
//! | SDK | feature | trait | its errors are retried by |
//! |---|---|---|---|
//! | all of AWS (`aws-smithy-runtime-api` 1) | `aws-smithy` | `HttpClient`, `HttpConnector` | what its `ConnectorError` is |
//! | `oauth2` 5 (and `openidconnect` 4) | `oauth2` | `AsyncHttpClient` | nobody |
//! | `object_store` 0.14 | `object-store` | `HttpConnector`, `HttpService` | the kind of its `HttpError` |
//! | `opendal` 0.59 | `opendal` | `HttpTransport`, and `Execute` for its tasks | whether its `Error` is temporary |
//! | `opentelemetry-http` 0.33 | `opentelemetry-http` | `HttpClient` | nobody |
//!
//! None is on by default.
//!
//! # Captured or ambient
//!
//! [`SessionAdapter::captured`] keeps the handle of one session: for a client that a job makes, uses
//! and drops. A client that outlives the job leaks the handle, and the exit says so.
//! [`SessionAdapter::ambient`] finds the session at each request: for a client that is made once and
//! used by many jobs.
//!
//! An SDK that sends in tasks of its own stands under no context there, since a context belongs to a
//! task. The documentation of each implementation on [`SessionAdapter`] says what that SDK does; where
//! it has such tasks, take [`AmbientSession::or`](http_context::AmbientSession::or) with a session
//! of a context that is open for as long as the client is:
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use http_context::{AmbientSession, http_session};
//! use http_context_adapters::SessionAdapter;
//!
//! // In the context of the whole service:
//! let adapter = SessionAdapter::from(AmbientSession::or(http_session()?));
//! # drop(adapter); Ok(())
//! # }
//! ```
//!
//! # Options
//!
//! Timeouts, proxies, TLS and redirects are those of the session. What an SDK sets for a client that
//! it would make itself does nothing here, but where the documentation says so.
//!
//! # Other SDKs
//!
//! [`SessionAdapter::send`] and the [`SendError`] that it gives are all that the adapters are made of.

mod adapter;
#[cfg(feature = "aws-smithy")]
mod aws_smithy;
mod error;
#[cfg(feature = "oauth2")]
mod oauth2;
#[cfg(feature = "object-store")]
mod object_store;
#[cfg(feature = "opendal")]
mod opendal;
#[cfg(feature = "opentelemetry-http")]
mod opentelemetry_http;
#[cfg(any(feature = "oauth2", feature = "opentelemetry-http"))]
mod whole;

pub use adapter::SessionAdapter;
pub use error::SendError;
