//! Concepts: context, session, slot, connection, exit and leak, with one picture.
//!
#![doc = include_str!("concepts.svg")]
//!
//! | word | what it is | type |
//! |---|---|---|
//! | **context** | a scope: what one job does, from `open` to the exit. It is bound to a task, and has options, children, counts and at most one open session | [`HttpContext`](crate::HttpContext), [`ContextBuilder`](crate::ContextBuilder) |
//! | **session** | one client with its pool of connections. It is built at the first use where a context is [lazy](crate::ContextBuilder::lazy), and belongs to one context at a time | [`HttpSession`](crate::HttpSession), [`SessionOptions`](crate::SessionOptions) |
//! | **handle** | what `http_session()` gives: it leads to the session, and holds no connection open | [`HttpSession`](crate::HttpSession) |
//! | **slot** | the right to have one request under way to one origin. A request holds it from send to the end of its body, an upgraded connection until it ends | [`max_connections_per_host`](crate::ContextBuilder::max_connections_per_host) |
//! | **session pool** | warm sessions that contexts borrow one after another. What a job has done to one that could touch the next job closes it | [`SessionPool`](crate::SessionPool) |
//! | **child** | a task that took the context along. The exit waits for it | [`spawn`](crate::spawn()), [`JoinSet`](crate::JoinSet) |
//! | **exit** | the one end of a context, whichever way it ends | [`ExitReport`](crate::ExitReport) |
//! | **leak** | what somebody still held at the exit: a handle, a body, a task, a socket | [`Leak`](crate::Leak), [`LeakKind`](crate::LeakKind) |
//! | **observer** | receives every fact as a plain call: spans, metrics and test recorders are made of these | [`Observer`](crate::Observer) |
//!
//! # Bound to a task
//!
//! `open` returns a future. Whoever polls that future is under the context, and so is all that the work awaits,
//! however deep. Another task is polled by the runtime and is under nothing, until [`spawn`](crate::spawn())
//! binds it. There is no `static`, so two jobs at once never see one another's session, and a library that
//! calls `http_session()` is under whichever job calls it.
//!
//! # Nested
//!
//! Code that opens a context for itself may be called under one already. It then gets the session that is
//! there, and the opening is counted with both places. [`NestedPolicy`](crate::NestedPolicy) warns of that,
//! refuses it, or gives the inner code a session of its own.
//!
//! # The exit
//!
//! A context that is awaited exits in six steps: it refuses new requests, waits for what is under way up to the
//! [drain timeout](crate::ContextBuilder::drain_timeout), cuts off what is left, drops the client with its
//! connections, asks the operating system whether a socket is still open, and reports. One that is dropped, or
//! unwinds, does what needs no waiting at once, and the rest in the background. [`Outcome`](crate::Outcome) says
//! which it was.
//!
//! # Proven, and how far
//!
//! On Linux the kernel is asked for the sockets that this process holds, so `connections still open: 0` is not
//! bookkeeping. Elsewhere, and where the kernel cannot be asked, the answer is "unknown" and never zero.
//! [`sees_connection_closes`](crate::sees_connection_closes) says which holds here.
//!
//! # Where things come from
//!
//! What a request is made with comes from four places, the nearer one first: the request itself
//! ([`RequestBuilder`](crate::RequestBuilder)), the context ([`base_url`](crate::ContextBuilder::base_url),
//! [`auth`](crate::ContextBuilder::auth), cookies), the session ([`SessionOptions`](crate::SessionOptions)), and
//! [`reqwest::ClientBuilder`] by [`configure`](crate::SessionOptions::configure). A session of a pool has
//! the options of the pool; those of the context stay the context's.
