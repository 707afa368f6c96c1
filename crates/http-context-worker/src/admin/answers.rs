//! What each path answers.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;

use super::AdminState;
use super::contexts;
use super::host::{self, Hosts};

const PAGE: &str = include_str!("page.html");
/// Stands in the page for what is made anew for each answer.
const NONCE: &str = "{{nonce}}";
/// Stands in the page for the name of the program.
const NAME: &str = "{{name}}";

const TEXT: &str = "text/plain; charset=utf-8";
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn answer<B>(
    request: &Request<B>,
    hosts: &Hosts,
    state: &AdminState,
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, TEXT, "read only\n");
        let methods = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, methods);
        return response;
    }
    if !host::is_ours(request, hosts) {
        return text(
            StatusCode::MISDIRECTED_REQUEST,
            TEXT,
            "ask for localhost, or for the address or a host that this endpoint is told of\n",
        );
    }
    match request.uri().path() {
        "/" => page(&state.name),
        "/metrics" => text(StatusCode::OK, EXPOSITION, (state.metrics)()),
        "/debug/contexts" => {
            let run = state.run.lock().clone();
            let json = contexts::to_json(&http_context::snapshot(), run.as_ref());
            text(StatusCode::OK, "application/json", json)
        }
        "/livez" => text(StatusCode::OK, TEXT, "alive\n"),
        "/readyz" => ready(state),
        _ => text(StatusCode::NOT_FOUND, TEXT, "nothing here\n"),
    }
}

fn ready(state: &AdminState) -> Response<Full<Bytes>> {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let run = state.run.lock().clone();
    let is_draining = run.is_some_and(|run| run.progress.borrow().draining);
    match state.is_ready.load(Ordering::Relaxed) {
        false => text(unavailable, TEXT, "starting\n"),
        true if is_draining => text(unavailable, TEXT, "draining\n"),
        true => text(StatusCode::OK, TEXT, "ready\n"),
    }
}

/// Nothing but the page's own script and style may run in it, and it may ask nobody but us: should
/// a name from a job ever be taken for markup, it would still do nothing.
fn page(name: &str) -> Response<Full<Bytes>> {
    let nonce = ulid::Ulid::generate().to_string();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let page = PAGE.replace(NONCE, &nonce).replace(NAME, &escaped(name));
    let mut response = text(StatusCode::OK, "text/html; charset=utf-8", page);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A name as text of the page.
fn escaped(name: &str) -> String {
    name.replace('&', "&amp;").replace('<', "&lt;")
}

fn text(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
