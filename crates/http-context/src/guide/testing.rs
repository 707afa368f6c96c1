//! Testing for leaks: with the built-in macro, with rstest and insta, and under nextest.
//!
//! ```toml
//! [dev-dependencies]
//! http-context = { version = "0.1", features = ["testing"] }
//! ```
//!
//! The tests on this page run, against a server that counts: they are those of `tests/tests/guide` in the
//! repository.
//!
//! # The macro
//!
//! [`#[http_context::test]`](crate::test) runs an async test in a context of its own on a runtime of its own, and
//! fails it on whatever it leaves behind. It stands in the place of `#[tokio::test]`.
//!
//! ```ignore
//! #[http_context::test]
//! async fn a_download_leaves_nothing_behind() -> Result<(), BoxError> {
//!     let server = Server::start();
//!     assert_eq!(size(&server.url("/bytes/1000")).await?, 1000);
//!     Ok(())
//! }
//! ```
//!
//! What it says when something is left, its arguments, and [`TestOptions`](crate::testing::TestOptions), the same
//! as a function, are on the page of the module [`testing`](crate::testing). A test whose work has to wait for
//! something longer than a second at its end says so by `drain_timeout_ms`.
//!
//! # rstest
//!
//! The macro goes below `#[rstest]`, where `#[tokio::test]` would: each case is a test in a context of its own.
//!
//! ```ignore
//! #[rstest::rstest]
//! #[case::whole("/bytes/1000", 1000)]
//! #[case::in_pieces("/chunked/10/100", 1000)]
//! #[case::empty("/status/204", 0)]
//! #[http_context::test]
//! async fn the_size_is_that_of_the_body(#[case] path: &str, #[case] expected: usize) {
//!     let server = Server::start();
//!     assert_eq!(size(&server.url(path)).await.unwrap(), expected);
//! }
//! ```
//!
//! # insta
//!
//! A [`Recorder`](crate::testing::Recorder) is an observer that keeps every fact. Their names, in order, are the
//! same on every run where one request follows another, and so is a snapshot of them. Addresses, times and
//! numbers are not: take those fields that a test is about.
//!
//! ```ignore
//! #[tokio::test]
//! async fn what_happens_is_what_it_was() -> Result<(), BoxError> {
//!     let (server, recorder) = (Server::start(), Arc::new(Recorder::new()));
//!     let context = builder().observer(recorder.clone());
//!     context
//!         .open(async || size(&server.url("/ok")).await)
//!         .await?;
//!     insta::assert_snapshot!(recorder.names().join(" "), @"context_opened session_opened request_started request_sending connect_started connection_opened request_answered response_body_ended session_closed context_closed");
//!     Ok(())
//! }
//! ```
//!
//! # A leak that is meant
//!
//! A test that shows what leaks looks at the report instead of failing:
//!
//! ```ignore
//! #[tokio::test]
//! async fn a_session_that_is_kept_is_a_leak_of_the_line_that_got_it() {
//!     static KEPT: OnceLock<HttpSession> = OnceLock::new();
//!     let work = async || http_session().map(|session| drop(KEPT.set(session)));
//!     let (_, report) = builder().job(work).with_report().await;
//!     let leaks = report.unwrap().leaks;
//!     let kinds: Vec<_> = leaks.iter().map(|leak| leak.kind.as_str()).collect();
//!     insta::assert_snapshot!(kinds.join(" "), @"session_handle");
//!     assert!(leaks[0].acquired_at.unwrap().file().ends_with("testing.rs"));
//! }
//! ```
//!
//! # nextest
//!
//! `cargo nextest run` needs nothing. Each test is a process of its own there, so that
//! [`assert_no_open_contexts`](crate::assert_no_open_contexts), which looks at the whole process, sees the contexts
//! of its own test alone. Under `cargo test`, where tests are threads of one process, let
//! [`OpenContexts`](crate::OpenContexts) ignore those of others, or leave the check to a test binary of its own.
//!
//! # What a test cannot see
//!
//! Sockets are looked for on Linux; elsewhere a test finds handles, bodies, tasks and requests, and not a socket
//! that somebody else has taken over: [platforms](super::platforms). A test with `start_paused` must use no real
//! sockets, as ever with a clock of Tokio that is paused.
