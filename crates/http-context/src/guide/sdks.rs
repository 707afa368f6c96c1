//! SDKs: which takes what, and how it gets the session of the job.
//!
//! Look at what the constructor of the SDK's client takes, and take the first row that fits. Further up sees
//! more.
//!
//! | it takes | give it | of those, for example |
//! |---|---|---|
//! | a `tower::Service<http::Request<_>>` | [`HttpSession`](crate::HttpSession) or [`AmbientSession`](crate::AmbientSession) | tonic, kube, octocrab, async-openai (feature `middleware`) |
//! | a `reqwest_middleware::ClientWithMiddleware` | [`HttpSession::client`](crate::HttpSession::client) | reqwest-websocket (feature `middleware`), rig (`reqwest-middleware` of `rig-reqwest`) |
//! | a trait of its own | [`SessionAdapter`](https://docs.rs/http-context-adapters/latest/http_context_adapters/struct.SessionAdapter.html) | AWS, `object_store`, `opendal`, `oauth2`, the exporter of OpenTelemetry |
//! | a `reqwest::Client` and nothing else | [`HttpSession::reqwest_client`](crate::HttpSession::reqwest_client) | genai |
//! | nothing: it builds its own | a request to its authors for one of the above; until then it is outside, and its connections are nobody's | |
//!
//! Each of the first four has an example that is held against what its server counted; a table with the files, and one with
//! versions that clash, is on
//! [the page of the adapters](https://docs.rs/http-context-adapters/latest/http_context_adapters/index.html).
//!
//! # A service
//!
//! ```
//! use http_context::{AmbientSession, http};
//! use tower::{Service, ServiceExt};
//! # type BoxError = Box<dyn std::error::Error + Send + Sync>;
//!
//! // Made once, for all jobs: each call goes by the session of the job that makes it.
//! async fn call(mut service: AmbientSession) -> Result<http::StatusCode, BoxError> {
//!     let request = http::Request::get("http://example.com/").body(String::new())?;
//!     let response = ServiceExt::<http::Request<String>>::ready(&mut service).await?.call(request).await?;
//!     Ok(response.status())
//! }
//! ```
//!
//! # A client with middleware
//!
//! ```
//! # async fn job() -> Result<(), Box<dyn std::error::Error>> {
//! let client = http_context::http_session()?.client();
//! let page = client.get("http://example.com/").send().await?.text().await?;
//! # drop(page); Ok(())
//! # }
//! ```
//!
//! # A plain client
//!
//! ```
//! # async fn job() -> Result<(), Box<dyn std::error::Error>> {
//! let client = http_context::http_session()?.reqwest_client()?;
//! let page = client.get("http://example.com/").send().await?.text().await?;
//! # drop(page); Ok(())
//! # }
//! ```
//!
//! Its connections are owned, counted and cut off like all others; of its requests less is seen. The table is in
//! [ambient or captured](super::ambient_or_captured#a-plain-client).
//!
//! # Once, or for each job
//!
//! A client that is kept beyond its job is a leak when it has the handle of one session. Whether to make it anew
//! for each job, or once with an [`AmbientSession`](crate::AmbientSession), is in
//! [ambient or captured](super::ambient_or_captured), and what to do about an SDK with tasks of its own.
