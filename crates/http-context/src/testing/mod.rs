//! Tests that fail on a leak.
//!
//! [`#[http_context::test]`](crate::test) runs an async test in a context of its own, and fails it
//! when it leaves anything behind: a handle, a request, an unread body, a task, a socket.
//!
//! ```
//! # use http_context::http_session;
//! #[http_context::test]
//! async fn the_title_is_fetched() -> Result<(), Box<dyn std::error::Error>> {
//!     let session = http_session()?;
//!     // … the code under test, which calls `http_session()` itself …
//! #   let _ = session;
//!     Ok(())
//! }
//! # fn main() {}
//! ```
//!
//! | argument | values | default |
//! |---|---|---|
//! | `flavor` | `"current_thread"`, `"multi_thread"` | `"current_thread"` |
//! | `worker_threads` | at least 1; with `"multi_thread"` only | 1 |
//! | `leaks` | `"off"`, `"count"`, `"warn"`, `"panic"` | `"panic"` |
//! | `drain_timeout_ms` | milliseconds | 1000 |
//!
//! [`TestOptions`] is the same as a function, for other runtimes' macros and for closures.
//! [`Recorder`] is an [`Observer`](crate::Observer) that records every fact, and
//! [`assert_no_open_contexts`](crate::assert_no_open_contexts) looks at the whole process.
//!
//! # What a failure looks like
//!
//! A test that keeps its session in a `static` fails with:
//!
//! ```text
#![doc = include_str!("leak_report.txt")]
//! ```

mod fact;
mod recorder;
mod run;

pub use fact::Fact;
pub use recorder::Recorder;
pub use run::TestOptions;
