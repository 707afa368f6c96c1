//! First ten minutes: from an empty folder to a context, a pool, and a test that fails on a leak.
//!
//! # A context
//!
//! ```console
//! $ cargo new titles && cd titles
//! $ cargo add http-context
//! $ cargo add tokio --features macros,rt-multi-thread
//! ```
//!
//! `src/main.rs`:
//!
//! ```
//! use http_context::{http_session, open};
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! type BoxError = Box<dyn std::error::Error + Send + Sync>;
//!
//! // As deep as you like, and in whatever crate: it was passed no client.
//! async fn page(url: &str) -> Result<String, BoxError> {
//!     Ok(http_session()?.get(url).send().await?.error_for_status()?.text().await?)
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), BoxError> {
//!     let url = "http://example.com/";
//!     # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//!     # let url = &format!("http://{}/", listener.local_addr()?);
//!     # tokio::spawn(async move {
//!     #     let (mut socket, _) = listener.accept().await.unwrap();
//!     #     let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
//!     #     while socket.read(&mut [0; 1024]).await.unwrap() > 0 {
//!     #         socket.write_all(answer).await.unwrap();
//!     #     }
//!     # });
//!     let job = async || Ok::<_, BoxError>(page(url).await?.len() + page(url).await?.len());
//!     let (length, report) = open(job).with_report().await;
//!     println!("{} bytes", length?);
//!     println!("{}", report.expect("a context was opened"));
//!     Ok(())
//! }
//! ```
//!
//! [`open`](crate::open) has made a session, and bound it to the task for as long as `job` ran.
//! [`http_session`](crate::http_session) found it. At the end the session was closed, and the report says
//! what it did: two requests over one connection, and nothing left behind. Without
//! [`with_report`](crate::Open::with_report), `open` returns what the work returns.
//!
//! The work returns a `Result` whose error can be made from an [`OpenError`](crate::OpenError), so that `?`
//! serves for all that goes wrong. Work that returns something else goes through [`job`](crate::job).
//!
//! # Tasks
//!
//! A context is bound to a task. [`spawn`](crate::spawn) takes it along into a child, and a bare
//! `tokio::spawn` does not:
//!
//! ```
//! # use http_context::{http_session, open, OpenError};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! open(async {
//!     let child = http_context::spawn(async { http_session().is_ok() });
//!     assert!(child.await.is_ok_and(|bound| bound));
//!     let stranger = tokio::spawn(async { http_session().is_ok() });
//!     assert!(stranger.await.is_ok_and(|bound| !bound));
//!     Ok::<_, OpenError>(())
//! })
//! .await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Many jobs
//!
//! Each job opens a context of its own. With a [`SessionPool`](crate::SessionPool) they hand the session on,
//! connections and all, so that a short job pays for no handshake:
//!
//! ```
//! use http_context::{OpenError, SessionPool, builder, http_session};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = SessionPool::builder().max_size(8).build();
//! let jobs = builder().pool(pool.clone());
//! for _ in 0..3 {
//!     let work = async { http_session().map(drop).map_err(OpenError::from) };
//!     jobs.clone().open(work).await?;
//! }
//! assert!(pool.close().await.is_clean());
//! # Ok(())
//! # }
//! ```
//!
//! # A test that fails on a leak
//!
//! ```console
//! $ cargo add --dev http-context --features testing
//! ```
//!
//! ```
//! # async fn page(_: &str) -> Result<String, Box<dyn std::error::Error>> { Ok(String::new()) }
//! # #[cfg(feature = "testing")]
//! #[http_context::test]
//! async fn a_page_leaves_nothing_behind() -> Result<(), Box<dyn std::error::Error>> {
//!     page("http://example.com/").await.map(drop)
//! }
//! # fn main() {}
//! ```
//!
//! To see it fail, keep something: `static KEPT: Mutex<Option<HttpSession>>`, and put the session there. The
//! test then says what was kept, where the context was opened, where the session was acquired, and how to fix
//! it:
//!
//! ```text
#![doc = include_str!("../testing/leak_report.txt")]
//! ```
//!
//! # A worker, and something to look at
//!
//! ```console
//! $ cargo install http-context-worker
//! $ http-context-worker demo --hold
//! ```
//!
//! It works off a queue of jobs against servers of its own with some planned faults, compares its numbers with
//! theirs, and then shows its live page until it is interrupted. A worker for jobs of your own is a job type, a
//! function and a name, on
//! [the front page of its crate](https://docs.rs/http-context-worker/latest/http_context_worker/index.html); from
//! there to a dashboard of Grafana it is
//! [one page](https://docs.rs/http-context-worker/latest/http_context_worker/guide/telemetry/index.html).
//!
//! # Next
//!
//! [Concepts](super::concepts) has the few words that everything else uses.
