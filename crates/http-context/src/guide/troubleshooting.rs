//! Troubleshooting: by the text of an error, by the kind of a leak, by what is slow.
//!
//! Look for a piece of the text on this page; `…` stands for what differs. Most messages end with what to do, which
//! is not repeated here. Every text of the crates' error types is on this page or, for what a worker says, on
//! [that of the worker](https://docs.rs/http-context-worker/latest/http_context_worker/guide/troubleshooting/index.html),
//! which has the alerts as well; a test holds them there.
//!
//! # No session
//!
//! | it says | why, and what to do |
//! |---|---|
//! | no HTTP context is bound to this task | [`http_session()`](crate::http_session) was called outside of any `open`, or in a task that a bare `tokio::spawn` made. In a task of an SDK: [ambient or captured](super::ambient_or_captured) |
//! | HTTP context … was closed … ago | a child went on after the exit of its context. The message has where that was opened and where the child was spawned; it is also a leak, `use_after_exit` |
//! | HTTP session … of the context opened at … is closed | a handle or a client was used after the exit, or after [`close`](crate::HttpSession::close). Somewhere it was kept: look for a struct, a `static`, a captured client |
//! | the session of this HTTP context is being built, and what builds it asked for it | a `configure` closure or an observer's middleware called `http_session()` |
//! | an HTTP context opened at … is already bound to this task, and it denies the nested one opened at … | [`NestedPolicy::Deny`](crate::NestedPolicy::Deny) is set, and something below opens a context of its own |
//! | the session of a new HTTP context could not be built | see the source of the error, which is one of [those below](#building-a-session) |
//! | the session of this HTTP context could not be built | the same, at the first use of a lazy context |
//! | no session of the pool came free within … | as many contexts as the pool has places are open. The numbers in the message say whether jobs are too many or too slow; leaks hold none, their sessions are closed |
//! | the session pool is closed | a context was opened after [`SessionPool::close`](crate::SessionPool::close) |
//!
//! # Building a session
//!
//! | it says | why, and what to do |
//! |---|---|
//! | the HTTP client could not be built from this configuration | `reqwest` refused what the options or `configure` ask for; its error is the source |
//! | there is no provider of cryptography for TLS | the crate was built without one, and the program has installed none |
//! | the TLS configuration could not be made | `rustls` refused it; its error is the source |
//! | … is set, but no certificate can be read from … | `SSL_CERT_FILE` or `SSL_CERT_DIR` leads to nothing readable, in a container for instance: trust is not widened silently |
//! | `configure` has set a cookie store for the sessions of a pool, by which one job's cookies would go out with the requests of the next | sessions are handed on, cookies are not: [`cookie_store`](crate::ContextBuilder::cookie_store) keeps them in the context |
//! | the context keeps cookies, and `configure` has set a cookie store as well, or may have | two jars would both send |
//! | the context keeps cookies, and `default_headers` have a `Cookie`, which would be sent in their place | the header would hide the jar |
//! | `base_url` cannot be the base of requests | it is not http or https, or ends in what nothing can be joined to; the reason follows |
//! | `auth` has credentials that cannot be sent in a header | a line break or a control character is in them: often the end of a file that a token was read from |
//! | `base_url` has user info, and `auth` is for the same origin | two credentials for one place |
//! | `auth` was set, and nothing says which origin it is for | credentials go to one origin and nowhere else |
//! | `configure` has set a redirect policy, by which `reqwest` would follow redirects unseen | the session follows redirects itself: [`RedirectPolicy`](crate::RedirectPolicy) |
//! | a session of a pool must have no cookie store, and this version of `reqwest` does not say whether `configure` sets one | `reqwest` was upgraded, and what was read of its builder reads otherwise now |
//! | `…` was set on a context that takes its session from a pool | the pool builds sessions, so their options are its own: [`SessionPool::builder`](crate::SessionPool::builder)`().session(…)` |
//!
//! # A request
//!
//! The head of the message is `METHOD URL: ` and one of these; its sources say more, in
//! [a table of what each looks like](crate::RequestError).
//!
//! | it says | why, and what to do |
//! |---|---|
//! | timed out while connecting | the host does not answer, a firewall drops packets, or `connect_timeout` is short |
//! | no connection was made in … | the `connect_timeout` of the request or the session |
//! | timed out before its response | the server is slow, or `request_timeout` short. The time in the queue is not part of it |
//! | nothing came for … | the `read_timeout`: a server that went silent in a response or a stream |
//! | no connection could be made | refused or unreachable: port, network policy, proxy |
//! | the connection broke before the response | a reset: a server that restarted, or a balancer that forgot an idle connection. [`keep_alive`](crate::SessionOptions::keep_alive) below its limit avoids the latter |
//! | the name of the host could not be resolved | the resolver, a typing mistake, the search domains of a cluster |
//! | no secure connection could be made | the source has it: `UnknownIssuer` is a private authority (`SSL_CERT_FILE`), `NotValidForName` another host, `Expired` a certificate or a clock |
//! | a redirect was not followed | [the list below](#a-redirect) |
//! | what came was no valid response | the port speaks TLS, HTTP/2 alone, or something else; the message advises where it can tell |
//! | the connection ended before the response | the server hung up on the request: it crashed, or its own limit of time or size was met |
//! | the body of the request failed | the stream that you send gave an error, which is the source |
//! | timed out waiting for a slot at its host | `queue_timeout` is set, and [`max_connections_per_host`](crate::SessionOptions::max_connections_per_host) requests were under way for that long |
//! | all … slots at … are in use after … | its source: requests that are slow, or bodies that nobody reads to the end |
//! | the session is closed | the exit, or `close`, came while it was under way, or before |
//! | the request is not valid | a URL without a host, a header with a line break, `https_only` and a URL that is not; the source says which |
//! | a middleware failed | one that was added by `with`; its error is the source |
//! | the response has the status … | [`error_for_status`](crate::ContextBuilder::error_for_status) is on. Without it every status is a response |
//! | the response body is longer than the … bytes that are allowed | [`max_response_body`](crate::ContextBuilder::max_response_body), counted after decompression |
//! | this `reqwest::Client` is the inner one of `HttpSession::client()`, and only builds requests | code took the inner client out of [`client`](crate::HttpSession::client) and sent by it |
//! | a connection of a session was asked for by no request of it | a connector was called outside of any request: please report it |
//!
//! # A redirect
//!
//! | it says | why, and what to do |
//! |---|---|
//! | there are more than … redirects in a row | a loop, mostly of a login page |
//! | the `Location` of the redirect is not one valid URL | the server's fault; `RedirectPolicy::none()` shows the response |
//! | the redirect leads to a URL of the scheme `…`, which is not http or https | an app link, a file |
//! | the redirect leads to http, and `https_only` is set | the server leads out of TLS |
//! | the redirect asks for the body of the request once more, and a stream cannot be sent twice | 307 and 308 repeat the request |
//! | the redirect leads to another origin, which would get the credentials among the default headers that were set by `configure` | credentials belong into `default_headers` or `auth`, which know where they may go |
//! | the redirect leads to another origin, or has come from one, and a plain `reqwest::Client` would send it credentials of the request | of [plain clients](super::ambient_or_captured#a-plain-client) only |
//! | the redirect policy refused the redirect | yours; what it said is the source |
//!
//! # Upgrades and WebSockets
//!
//! | it says | why, and what to do |
//! |---|---|
//! | the server answered … where an upgrade was asked for | the path serves no upgrade, or a proxy before it strips the header |
//! | the server answered … and opened no WebSocket | the same of a WebSocket; the first line of what it answered follows. 401 and 403 are credentials, 426 a version |
//! | the handshake does not fit | the server's answer is no answer to this handshake: something between caches or rewrites |
//! | the header `…` names no WebSocket | `Upgrade` or `Connection` is missing in the answer |
//! | `sec-websocket-accept` does not answer the key | an answer to somebody else's handshake |
//! | the server chose the subprotocol …, which was not asked for | ask for it by `subprotocol`, or have the server mended |
//! | the server chose none of the subprotocols that were asked for | it speaks none of them |
//! | the server uses the extension …, which was not asked for | none is ever asked for: compression is not supported |
//! | no WebSocket was opened within … | the handshake timeout, 30 s unless set |
//! | the peer sends … bytes at once, where at most … are allowed | `max_message_size` and `max_frame_size` |
//! | the message is longer than what can be sent | `max_write_buffer_size`, or a control frame of more than 125 bytes |
//! | the peer does not keep to the WebSocket protocol | its fault; the source has which rule |
//! | the peer did not answer a ping within … | the heartbeat: the peer, or the way to it, is gone. A socket that nobody reads takes in no pong either |
//! | the peer did not answer the Close frame within … | it was cut off after the close timeout |
//! | the WebSocket is closed | it was closed before by you, the peer or the exit |
//! | the connection of the WebSocket ended without a Close frame | the peer crashed, or a proxy gave the connection up |
//! | no WebSocket of the pool was free within … | all are in use: `max_size`, or sockets that are not put back |
//! | the pool of WebSockets is closed | the context that it was built in has exited |
//!
//! # At start-up, and of the process
//!
//! | it says | why, and what to do |
//! |---|---|
//! | a default observer is already installed | two parts of the program install one; a second one goes on contexts by [`observer`](crate::ContextBuilder::observer) |
//! | closes of connections come from another source already | [`set_connection_closes`](crate::set_connection_closes) was called twice, or after the first connection |
//! | … HTTP contexts are still open:… | [`assert_no_open_contexts`](crate::assert_no_open_contexts): each is listed with where it was opened |
//!
//! # Of adapters
//!
//! | it says | why, and what to do |
//! |---|---|
//! | the body of the response failed | an SDK wanted all of the body, and its connection broke or its session closed; the source says which |
//! | no response within the read timeout of … | a read timeout that AWS's client set |
//!
//! # Leaks
//!
//! The report has where the context was opened, where the thing was acquired, and a sentence on how to fix it.
//!
//! | kind | it says | usually |
//! |---|---|---|
//! | `session_handle` | session handle kept past the exit | a field of a struct, a `static`, a closure |
//! | `client_clone` | client kept past the exit | an SDK's client that outlives the job: [ambient or captured](super::ambient_or_captured) |
//! | `request_in_flight` | request still in flight at the drain deadline | a request that nobody awaits, or without a time limit |
//! | `response_body` | response body still unread at the drain deadline | a stream that goes on for ever, or a response that is kept and not read |
//! | `task` | child task outlived the context | a child that nobody awaits |
//! | `use_after_exit` | context used after its exit | the same child, a moment later |
//! | `upgraded_connection` | upgraded connection still held at the drain deadline | a WebSocket that nobody closes: [`closing`](crate::closing) |
//! | `connection` | socket still open after the close | an upload that the server does not read, a connection that was taken over |
//! | `context_overdue` | context open for too long | a job that hangs; taken back when it does close |
//! | `never_closed` | context never closed | a future of `open` in `mem::forget` or a cycle of `Arc`s |
//!
//! # What is slow
//!
//! | what | look at |
//! |---|---|
//! | requests, at all times | the span's `HTTP wait_for_connection`, or the metric of the time in the queue: slots |
//! | the first request of each job | no pool: each job connects and shakes hands anew |
//! | the exit | the report: what was in flight until the drain timeout |
//! | one request of very many, for ever | `reqwest` can lose one that a thread hands to a connection in the very moment in which another thread ends that connection: it stays in the queue of a connection that nobody serves (`hyper` 1.12 over a channel of `tokio` 1.54). A [`request_timeout`](crate::SessionOptions::request_timeout) or a limit of the job ends it; the exit cuts off what a session sends at the drain timeout |
//! | nothing in particular | [cost](super::cost) |
