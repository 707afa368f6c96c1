//! Questions that come up.
//!
//! **Why not one global `reqwest::Client`?** It cannot be closed, limited for one job, or blamed: who holds its
//! connections nobody can say. If none of that matters to you, it is the simplest thing and a little faster
//! ([cost](super::cost)).
//!
//! **Why not pass the client as an argument?** Where the code is yours and shallow, do. A context is for code that
//! you did not write, and for the end: closing is proven either way only here.
//!
//! **Is an ambient session not a global in disguise?** It is bound to a future and not to the process, so two jobs
//! at once have two, and a test has its own. Like any ambient thing it is not seen in a signature; that is its
//! price, and [`NoContext`](crate::NoContext) is an error where it is missing, not a panic.
//!
//! **`http_session()` fails in a task of mine.** The task was made by a bare `tokio::spawn`. Use
//! [`spawn`](crate::spawn()), or [`FutureExt::in_current_http_context`](crate::FutureExt::in_current_http_context)
//! where something else spawns. For tasks that an SDK makes see
//! [ambient or captured](super::ambient_or_captured).
//!
//! **May I keep the session in a struct?** No: it is a leak from the exit on, and every call on it fails. Call
//! `http_session()` where you send; it takes no lock.
//!
//! **The exit takes five seconds.** Something is in flight until the drain timeout: a body that nobody reads, a
//! stream that goes on for ever, a child that waits. The report names it. End it at
//! [`closing`](crate::closing), or lower [`drain_timeout`](crate::ContextBuilder::drain_timeout).
//!
//! **In a server the response is cut off after five seconds.** The handler streams, and the layer ends with the
//! call: take [`http_layer`](crate::ContextBuilder::http_layer) instead of
//! [`layer`](crate::ContextBuilder::layer).
//!
//! **My requests wait although the server is idle.** They wait for a slot of the host: 50 at once unless set
//! otherwise, and a body that is half read holds one. See
//! [`max_connections_per_host`](crate::ContextBuilder::max_connections_per_host) and
//! [`queue_timeout`](crate::ContextBuilder::queue_timeout).
//!
//! **Can a context cross runtimes?** A context can, a pooled session cannot: its connections live on the runtime
//! that opened them, and a pool makes another session there.
//!
//! **Does it work without Tokio?** No.
//!
//! **Does it work on macOS and Windows?** [Platforms](super::platforms) says what is known where. In short:
//! everything but what only the Linux kernel tells.
//!
//! **In a container?** Yes. Where the default profile of Docker forbids `pidfd_getfd`, sockets that somebody holds
//! past the exit are reported and not cut off.
//!
//! **Are errors safe to log?** Errors of requests show no user info and no value of a query that
//! [`Redaction`](crate::Redaction) calls secret, in their sources neither. A [plain client](super::ambient_or_captured#a-plain-client)
//! has the errors of `reqwest`, which show all of the URL.
//!
//! **How do I retry?** A middleware such as `reqwest-retry` retries a request in its slot
//! ([`with`](crate::SessionOptions::with)); a worker retries the job.
//!
//! **How do I mock the server in tests?** Run one: a listener on `127.0.0.1:0`, axum or `wiremock` for example,
//! and the tests see real connections, and their ends.
//!
//! **Is there a blocking API?** [`spawn_blocking`](crate::spawn_blocking()) takes the context to a blocking thread,
//! where `Handle::block_on` runs a request; there are no blocking methods.
//!
//! **Which Rust does it need?** The `rust-version` of each crate says so, and a check holds it there.
