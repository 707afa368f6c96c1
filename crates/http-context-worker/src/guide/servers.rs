//! Servers and job engines: axum, tonic, apalis.
//!
//! One layer gives each call a context. Which one depends on what a call answers with:
//!
//! | the service answers with | layer | the context ends |
//! |---|---|---|
//! | an `http::Response`: axum, tonic, hyper | [`http_layer`](http_context::ContextBuilder::http_layer) | with the response's body, sent or dropped |
//! | anything else: apalis, a service of your own | [`layer`](http_context::ContextBuilder::layer) | with the call |
//!
//! A context of either kind is lazy: a call that makes no request builds no session. Options of the context are
//! set on the builder that the layer is made of; a [`SessionPool`](http_context::SessionPool) spares the
//! handshakes.
//!
//! # axum
//!
//! ```
//! use axum::Router;
//! use axum::http::StatusCode;
//! use axum::response::Response;
//! use axum::routing::get;
//! use http_context::{SessionPool, builder, http_session};
//!
//! /// Passes on what it gets, piece by piece.
//! async fn export() -> Result<Response, StatusCode> {
//!     let session = http_session().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
//!     let answer = session.get("http://storage.internal/export").send().await;
//!     let answer = answer.map_err(|_| StatusCode::BAD_GATEWAY)?;
//!     let answer = http::Response::<reqwest::Body>::from(answer);
//!     Ok(answer.map(axum::body::Body::new))
//! }
//!
//! fn router() -> Router {
//!     let context = builder().pool(SessionPool::builder().max_size(64).build());
//!     Router::new().route("/export", get(export)).layer(context.http_layer())
//! }
//! # drop(router());
//! ```
//!
//! A client that hangs up drops the body, and what was asked for it is cancelled. With `layer` in place of
//! `http_layer` the exit would wait five seconds for a body that only it keeps from being sent, and cut it off.
//!
//! # tonic
//!
//! As a server tonic is a service like any other, and its status comes behind the body, so that the context covers
//! it:
//!
//! ```
//! use http_context::builder;
//! use tonic::service::Routes;
//!
//! fn router(calls: Routes) -> axum::Router {
//!     calls.into_axum_router().layer(builder().http_layer())
//! }
//! ```
//!
//! As a client it takes the session. `with_origin` of what `tonic-build` generates does the same:
//!
//! ```
//! use http_context::{AmbientSession, SessionError, http_session};
//! use tonic::client::Grpc;
//!
//! # fn example() -> Result<(), SessionError> {
//! let origin = http::Uri::from_static("http://quotes.internal:50051");
//! // For one job:
//! let captured = Grpc::with_origin(http_session()?, origin.clone());
//! // Made once, for all of them:
//! let ambient = Grpc::with_origin(AmbientSession::new(), origin);
//! # drop((captured, ambient)); Ok(())
//! # }
//! ```
//!
//! # apalis
//!
//! apalis polls jobs inside of the worker's own future, unless it is told to spawn them. The layer goes *after*
//! `parallelize`, so that it stands inside of the task; before it, a job would find no context.
//!
//! ```
//! use apalis::prelude::{BoxDynError, MemoryStorage, ParallelizeExt, WorkerBuilder};
//! use http_context::{SessionPool, builder, http_session};
//!
//! async fn ping(url: String) -> Result<(), BoxDynError> {
//!     http_session()?.get(url).send().await?.error_for_status()?;
//!     Ok(())
//! }
//!
//! # async fn run() -> Result<(), BoxDynError> {
//! let context = builder().pool(SessionPool::builder().max_size(16).build());
//! let worker = WorkerBuilder::new("pings")
//!     .backend(MemoryStorage::<String>::new())
//!     .parallelize(tokio::spawn)
//!     .layer(context.layer())
//!     .build(ping);
//! worker.run().await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Worker`](crate::Worker) is that with a queue that survives a crash, results, retries, an admin page and a
//! command line; take it where these are wanted, and apalis alone where you have your own.
//!
//! # Whole programs
//!
//! `cargo run --example axum_service` and `cargo run --example tonic_service` in this crate are services with
//! telemetry, an admin page and an orderly end.
