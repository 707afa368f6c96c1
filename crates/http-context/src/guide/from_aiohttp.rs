//! From `aiohttp` and livekit's `http_context`: each call and option, and what stands in its place.
//!
//! The Python module keeps a factory of an `aiohttp.ClientSession` in a context variable; this crate
//! keeps a session of `reqwest` in a context of a task. Seen from a plug-in there is no difference:
//!
//! ```python
//! async def title(url: str) -> str:
//!     async with http_context.http_session().get(url) as response:
//!         response.raise_for_status()
//!         return await response.text()
//! ```
//!
//! ```
//! # use http_context::http_session;
//! async fn title(url: &str) -> Result<String, Box<dyn std::error::Error>> {
//!     let response = http_session()?.get(url).send().await?;
//!     Ok(response.error_for_status()?.text().await?)
//! }
//! ```
//!
//! # The module
//!
//! | `livekit.agents.utils.http_context` | here |
//! |---|---|
//! | `http_session()` | [`http_session()`](crate::http_session); where nothing is bound it is an error and no exception, with the same three ways out |
//! | `async with open() as session:` | [`open`](crate::open)`(async { … })`; returns what the work returns, and with [`with_report`](crate::Open::with_report) the proof that all was closed |
//! | `open()` inside of one that is open | passes through, as there; counted, and refused, warned of or isolated by [`NestedPolicy`](crate::NestedPolicy) |
//! | the job process binds, `_new_session_ctx()` | [`job`](crate::job), [`ContextBuilder::layer`](crate::ContextBuilder::layer), [`http_layer`](crate::ContextBuilder::http_layer), or the worker's crate; the session is built at its first use |
//! | the job process closes, `_close_http_ctx()` | the exit of the context, on every way out; a session that nobody used is none |
//! | a session that someone has closed is made anew | so it is, while the context is open, and counted |
//! | one that is used after the job is made anew, and nobody closes it | [`ContextClosed`](crate::ContextClosed), with where it was opened and spawned |
//! | `asyncio.create_task` copies the context | [`spawn`](crate::spawn), [`JoinSet`](crate::JoinSet), [`spawn_local`](crate::spawn_local), [`FutureExt::in_current_http_context`](crate::FutureExt::in_current_http_context); a bare `tokio::spawn` starts without |
//! | `limit_per_host=50` | [`max_connections_per_host`](crate::ContextBuilder::max_connections_per_host), 50 as well |
//! | `keepalive_timeout=120` | [`keep_alive`](crate::ContextBuilder::keep_alive), 120 s as well |
//! | `proxy=` of the job | [`proxy`](crate::ContextBuilder::proxy), else that of the environment |
//! | `SSL_CERT_FILE`, `SSL_CERT_DIR`, system, certifi | [`Tls::Shared`](crate::Tls::Shared): the same order |
//!
//! A task is a child here where it was spawned as one, and the exit waits for it. Where Python would
//! have an `async with` around a part of a function there is an `async` block that is passed to `open`,
//! since Rust cannot wait when a value is dropped.
//!
//! ```
//! use http_context::{OpenError, http_session, open, spawn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), OpenError> {
//! // async with http_context.open():
//! //     await asyncio.create_task(plugin())
//! open(async {
//!     let child = spawn(async { http_session().is_ok() });
//!     assert!(child.await.expect("it does not panic"));
//!     Ok(())
//! })
//! .await
//! # }
//! ```
//!
//! A whole plug-in, in Python and as it is here, is the
//! [example `plug_in`](https://docs.rs/crate/http-context/latest/source/examples/plug_in/main.rs).
//!
//! # The session
//!
//! What the constructor of `aiohttp.ClientSession` takes is set on [`builder`](crate::builder), for all
//! contexts that it opens:
//!
//! ```
//! # #[cfg(feature = "cookies")]
//! # fn example() {
//! # use std::time::Duration;
//! use http_context::reqwest::header::HeaderMap;
//! use http_context::{DefaultAuth, builder};
//!
//! // ClientSession("https://api.example.com/v1/", headers=…, auth=BasicAuth("me", "pw"),
//! //     raise_for_status=True, timeout=ClientTimeout(total=300, sock_connect=30))
//! let jobs = builder()
//!     .base_url("https://api.example.com/v1/")
//!     .default_headers(HeaderMap::new())
//!     .auth(DefaultAuth::basic("me", Some("pw")))
//!     .error_for_status(true)
//!     .request_timeout(Duration::from_secs(300))
//!     .connect_timeout(Duration::from_secs(30))
//!     .cookie_store(true);
//! # }
//! ```
//!
//! | `ClientSession(…)` of aiohttp 3.14 | here |
//! |---|---|
//! | `base_url` | [`base_url`](crate::ContextBuilder::base_url); one without a `/` at its end is no error, and joined as a link in a page is |
//! | `headers` | [`default_headers`](crate::ContextBuilder::default_headers), [`user_agent`](crate::ContextBuilder::user_agent) |
//! | `auth` | [`auth`](crate::ContextBuilder::auth), for one origin: that of `base_url`, or the one that it names |
//! | `cookie_jar`, `cookies`, `session.cookie_jar` | [`cookie_store`](crate::ContextBuilder::cookie_store) (off by default, where aiohttp keeps cookies), [`cookie_provider`](crate::ContextBuilder::cookie_provider) with a [`CookieJar`](crate::CookieJar) that was filled by `set`, [`HttpSession::cookies`](crate::HttpSession::cookies); a jar takes cookies from addresses as well, as with `unsafe=True` |
//! | `raise_for_status` | [`error_for_status`](crate::ContextBuilder::error_for_status); the error has [`status`](crate::RequestError::status). In place of a function: a [middleware](crate::ContextBuilder::with) |
//! | `timeout=ClientTimeout(total=…)` | [`request_timeout`](crate::ContextBuilder::request_timeout); none by default, where aiohttp has 5 min. It does not count the wait for a slot, which has [`queue_timeout`](crate::ContextBuilder::queue_timeout) |
//! | `ClientTimeout(connect=…)` | `queue_timeout` and `connect_timeout`, one after the other |
//! | `ClientTimeout(sock_connect=…)` | [`connect_timeout`](crate::ContextBuilder::connect_timeout), with lookup and TLS; none by default, where aiohttp has 30 s |
//! | `ClientTimeout(sock_read=…)` | [`read_timeout`](crate::ContextBuilder::read_timeout) |
//! | `proxy`, `proxy_auth`, `trust_env` | [`proxy`](crate::ContextBuilder::proxy), with `Proxy::basic_auth`; the environment is asked unless a proxy was set, and `configure(\|client\| client.no_proxy())` has none. `.netrc` is not read |
//! | `version` | [`http_versions`](crate::ContextBuilder::http_versions); HTTP/2 where the server offers it, which aiohttp does not speak |
//! | `auto_decompress` | the features `gzip`, `deflate`, `brotli` and `zstd`; off for a session by [`configure`](crate::ContextBuilder::configure) |
//! | `middlewares` | [`with`](crate::ContextBuilder::with): those of `reqwest_middleware` |
//! | `trace_configs` | an [`Observer`](crate::Observer) |
//! | `json_serialize` | the feature `json`; anything else by `body` |
//! | `fallback_charset_resolver` | `Response::text_with_charset` of `reqwest` with its feature `charset`; `text` alone is UTF-8 without it |
//! | `requote_redirect_url` | none: a URL is what the standard makes of it |
//! | `skip_auto_headers` | none: beside what HTTP asks for, `Accept` and with a feature `Accept-Encoding` are all that is added, and a header of the request stands in their place |
//! | `max_line_size`, `max_field_size`, `max_headers` | `http1_max_headers` and `http2_max_header_list_size` by `configure` |
//! | `read_bufsize` | none: a body is read as it comes; [`max_response_body`](crate::ContextBuilder::max_response_body) limits it |
//! | `connector`, `connector_owner`, `detach()` | none: connections are the session's and close with it; a [`SessionPool`](crate::SessionPool) hands whole sessions on |
//! | `request_class`, `response_class`, `ws_response_class`, `loop` | none |
//!
//! | `TCPConnector(…)` | here |
//! |---|---|
//! | `limit_per_host` | [`max_connections_per_host`](crate::ContextBuilder::max_connections_per_host); requests beyond it queue, as there, and the wait is measured |
//! | `limit` | none for all hosts together |
//! | `keepalive_timeout`, `force_close` | [`keep_alive`](crate::ContextBuilder::keep_alive); zero for the latter |
//! | `ssl`, `verify_ssl`, `fingerprint`, `ssl_context` | [`Tls::Config`](crate::Tls::Config) with a configuration of rustls: roots, client certificates, a verifier |
//! | `resolver`, `use_dns_cache`, `ttl_dns_cache` | [`dns_resolver`](crate::ContextBuilder::dns_resolver); the system's is asked for each connection |
//! | `local_addr`, `family`, `socket_factory` | `local_address`, `interface` and `connector_layer` by `configure` |
//! | `happy_eyeballs_delay`, `interleave` | as `hyper-util` does it, 300 ms |
//!
//! # Requests
//!
//! | a call of the session | here |
//! |---|---|
//! | `get`, `post`, `put`, `patch`, `delete`, `head` | the same names, to [`send`](crate::RequestBuilder::send) |
//! | `options`, `request` | [`request`](crate::HttpSession::request) |
//! | `ws_connect` | [`websocket`](crate::HttpSession::websocket), feature `websocket`: `protocols`, `heartbeat`, `timeout`, `max_msg_size` are methods; `autoping` is always on, and `compress` there is none |
//! | `close()`, `closed` | [`close`](crate::HttpSession::close), [`is_closed`](crate::HttpSession::is_closed) |
//! | `async with … as response` | nothing: a response that is dropped is released, and one that is kept is a leak with its place |
//!
//! | an option of a call | here |
//! |---|---|
//! | `params`, `json` | [`query`](crate::RequestBuilder::query), [`json`](crate::RequestBuilder::json), features of these names |
//! | `data` | [`body`](crate::RequestBuilder::body) for bytes, text and streams, [`form`](crate::RequestBuilder::form), [`multipart`](crate::RequestBuilder::multipart) |
//! | `headers`, `auth` | [`header`](crate::RequestBuilder::header), [`headers`](crate::RequestBuilder::headers), [`basic_auth`](crate::RequestBuilder::basic_auth), [`bearer_auth`](crate::RequestBuilder::bearer_auth) |
//! | `cookies` | a header `Cookie`, which stands in place of the jar's; they are not merged |
//! | `raise_for_status` | [`error_for_status`](crate::RequestBuilder::error_for_status) |
//! | `timeout` | [`timeout`](crate::RequestBuilder::timeout), [`connect_timeout`](crate::RequestBuilder::connect_timeout), [`read_timeout`](crate::RequestBuilder::read_timeout) |
//! | `allow_redirects=False`, `max_redirects` | [`without_redirects`](crate::RequestBuilder::without_redirects), [`RedirectPolicy`](crate::RedirectPolicy), of the session; a [`custom`](crate::RedirectPolicy::custom) one decides by the URL |
//! | `middlewares`, `trace_request_ctx` | [`with_extension`](crate::RequestBuilder::with_extension), for middleware and observers of the session |
//! | `chunked`, `compress`, `expect100` | a body that is a stream is chunked; what is packed is the caller's, with `Content-Encoding`; nothing waits for a `100` |
//! | `proxy`, `proxy_headers`, `ssl`, `server_hostname` | those of the session: open a [`job`](crate::job) with others |
//! | `upload_tracker` | a body that counts |
//!
//! # Responses and errors
//!
//! A response is that of `reqwest`: `read()` is `bytes`, `text()` and `json()` have their names, `content`
//! is `chunk`, or `bytes_stream` with its feature `stream`, `history` are the
//! [redirects](crate::Observer::request_redirected) that an observer is told of, and `url` is redacted
//! where it has secrets ([`FinalUrl`](crate::FinalUrl)).
//!
//! | exception | here |
//! |---|---|
//! | `ClientError` | [`RequestError`](crate::RequestError) of `send`, `reqwest::Error` of what is done with a response |
//! | `ClientResponseError` | [`RequestError::status`](crate::RequestError::status) |
//! | `ClientConnectorError`, `ClientConnectorDNSError`, `ClientSSLError` | [`RequestError::kind`](crate::RequestError::kind): `Connection`, `NameResolution`, `SecureConnection` |
//! | `ServerTimeoutError`, `ConnectionTimeoutError`, `SocketTimeoutError` | [`is_timeout`](crate::RequestError::is_timeout); [`ConnectTimeout`](crate::ConnectTimeout), [`ReadTimeout`](crate::ReadTimeout) |
//! | `ServerDisconnectedError`, `ClientPayloadError` | `ResponseEnded` |
//! | `TooManyRedirects` | [`RedirectError`](crate::RedirectError) |
//! | `InvalidURL` | an error of `send` |
//! | `RuntimeError("Session is closed")` | [`SessionClosed`](crate::SessionClosed) |
