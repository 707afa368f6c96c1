//! WebSockets and streams: what goes on for long, and still ends with its context.
//!
//! # Streams
//!
//! A body that nobody has read to its end is in flight: the exit waits for it, up to the
//! [drain timeout](crate::ContextBuilder::drain_timeout), then cuts it off and reports it. A reader that goes on
//! for ever stops when [`closing`](crate::closing) resolves:
//!
//! ```
//! use http_context::{closing, http_session};
//! # type BoxError = Box<dyn std::error::Error + Send + Sync>;
//!
//! async fn follow(url: &str) -> Result<u64, BoxError> {
//!     let mut response = http_session()?.get(url).send().await?.error_for_status()?;
//!     let mut bytes = 0;
//!     loop {
//!         tokio::select! {
//!             () = closing() => return Ok(bytes),
//!             chunk = response.chunk() => match chunk? {
//!                 Some(chunk) => bytes += chunk.len() as u64,
//!                 None => return Ok(bytes),
//!             },
//!         }
//!     }
//! }
//! ```
//!
//! Give it a [`read_timeout`](crate::RequestBuilder::read_timeout), since a limit on the whole request would end a
//! healthy stream. Whole programs are in the folder `examples` of this crate: `cargo run --example
//! server_sent_events` (connected anew with `Last-Event-ID`) and `cargo run --example ndjson`.
//!
//! A handler of a server that passes a stream on has its context for as long as the response is sent, by
//! [`http_layer`](crate::ContextBuilder::http_layer).
//!
//! # WebSockets
//!
//! With the feature `websocket`:
//!
#![cfg_attr(feature = "websocket", doc = "```")]
#![cfg_attr(not(feature = "websocket"), doc = "```ignore")]
//! use std::time::Duration;
//!
//! use http_context::websocket::{CloseCode, Message};
//! use http_context::{closing, http_session};
//! # type BoxError = Box<dyn std::error::Error + Send + Sync>;
//!
//! async fn listen(url: &str) -> Result<(), BoxError> {
//!     let request = http_session()?.websocket(url).bearer_auth("token");
//!     let mut socket = request.heartbeat(Duration::from_secs(30)).connect().await?;
//!     socket.send(Message::text("hello")).await?;
//!     loop {
//!         tokio::select! {
//!             () = closing() => break,
//!             message = socket.next() => match message {
//!                 Some(message) => println!("{}", message?),
//!                 None => return Ok(()),
//!             },
//!         }
//!     }
//!     Ok(socket.close(CloseCode::Away, "the job ends").await?)
//! }
//! ```
//!
//! | | |
//! |---|---|
//! | slots | it holds one of its host for as long as it is open: raise [`max_connections_per_host`](crate::ContextBuilder::max_connections_per_host) where a job opens many |
//! | HTTP/2 | the upgrade goes over HTTP/1.1, also beside HTTP/2 |
//! | silence | without a heartbeat nobody notices a peer that is gone. With one, a pong that is missing ends the socket with an error that says so |
//! | the exit | sends a Close frame (1001) on all at once, whoever polls them, and cuts off what was not answered when the drain is over |
//! | two tasks | `into_split` gives a reader and a writer |
//! | limits | 64 MiB for a message and 16 MiB for a frame, unless set otherwise |
//! | a warm one for short jobs | `WebSocketPool`, built in a context of the service that outlives the jobs |
//!
//! # Other protocols
//!
//! [`Response::upgrade`](reqwest::Response::upgrade) keeps working for libraries that call it, and what it gives
//! belongs to the context. A protocol of your own gets a stream of bytes from
//! [`HttpSession::upgrade`](crate::HttpSession::upgrade). What is kept past the exit is closed, and reported with
//! the place that asked for it.
