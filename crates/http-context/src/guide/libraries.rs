//! For authors of libraries: plug-ins, wrappers of an API, helpers that make requests.
//!
//! A library depends on `http-context` alone, without features, and decides neither how many connections there
//! are nor what is recorded. That is the program's.
//!
//! ```
//! use http_context::http_session;
//!
//! /// What goes wrong while tomorrow's weather is asked for.
//! #[derive(Debug, thiserror::Error)]
//! #[non_exhaustive]
//! pub enum ForecastError {
//!     /// There is no session here.
//!     #[error(transparent)]
//!     Session(#[from] http_context::SessionError),
//!     /// The request got no response.
//!     #[error(transparent)]
//!     Request(#[from] http_context::RequestError),
//!     /// The response was an error, or its body broke.
//!     #[error("no weather came")]
//!     Response(#[from] http_context::reqwest::Error),
//! }
//!
//! /// Tomorrow's weather.
//! pub async fn tomorrow(server: &str, town: &str) -> Result<String, ForecastError> {
//!     let response = http_session()?.get(format!("{server}/{town}")).send().await?;
//!     Ok(response.error_for_status()?.text().await?)
//! }
//! ```
//!
//! # What to do
//!
//! - **Ask where you send.** Call [`http_session`](crate::http_session) in the function that makes the request.
//!   It takes no lock and allocates nothing.
//! - **Keep nothing.** A handle, a client or a response in a struct that outlives the call is a leak of your
//!   line, and useless after the job: every call on it is [`SessionClosed`](crate::SessionClosed).
//! - **Pass errors on as they are.** [`NoContext`](crate::NoContext) tells your user what to do; the errors of
//!   requests name no secret of the URL.
//! - **Read bodies to their end**, or drop them: a response that is half read holds a slot and its connection.
//! - **Spawn with [`spawn`](crate::spawn())** or [`JoinSet`](crate::JoinSet), and await what you spawn.
//! - **End streams with the context**: [`closing`](crate::closing) resolves when its exit begins.
//!
//! # Who was it
//!
//! In a program of many plug-ins a name in the facts helps whoever reads them. [`caller`](crate::caller()) gives
//! one to all requests of a future:
//!
//! ```
//! # async fn tomorrow() {}
//! # async fn call() {
//! http_context::caller("forecast").scope(tomorrow()).await;
//! # }
//! ```
//!
//! # Routes and attributes
//!
//! A library that knows the routes of its URLs can depend on `http-context-middleware` as well and annotate
//! requests with
//! [`UrlTemplate`](https://docs.rs/http-context-middleware/latest/http_context_middleware/struct.UrlTemplate.html)
//! (`/users/{id}`), which bounds the label of metrics and names the span. It does nothing where no
//! instrumentation is installed.
//!
//! # A caller without a context
//!
//! A library that must work for those as well who know no contexts takes a client, and prefers the session:
//!
//! ```
//! use http_context::reqwest;
//! # type BoxError = Box<dyn std::error::Error + Send + Sync>;
//!
//! pub async fn ping(fallback: &reqwest::Client, url: &str) -> Result<u16, BoxError> {
//!     let response = match http_context::http_session() {
//!         Ok(session) => session.get(url).send().await?,
//!         Err(_) => fallback.get(url).send().await?,
//!     };
//!     Ok(response.status().as_u16())
//! }
//! ```
//!
//! One that opens a context of its own by [`open`](crate::open) does no harm where there is one already: it
//! gets that one.
//!
//! # Tests
//!
//! `http-context` with the feature `testing` as a dev-dependency makes each test fail on what it leaves
//! behind: [testing for leaks](super::testing).
