//! What each path answers.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;

use super::AdminState;
use super::host::{self, Hosts};
use super::routes::Route;
use super::{commands, contexts};

const PAGE: &str = include_str!("page/page.html");
/// What stands in the page for its style and its script, and these.
const PARTS: [(&str, &str); 2] = [
    ("{{style}}", include_str!("page/style.css")),
    ("{{script}}", include_str!("page/script.js")),
];
/// Stands in the page for what is made anew for each answer.
const NONCE: &str = "{{nonce}}";
/// Stands in the page for the name of the program.
const NAME: &str = "{{name}}";

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The body of an answer.
pub(super) type Answer = Full<Bytes>;

/// Answers a request. First for whom it is, so that a page under another name learns nothing, then what it
/// asks for.
pub(super) async fn answer<B>(
    request: Request<B>,
    hosts: &Hosts,
    state: &AdminState,
) -> Response<Answer>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if !host::is_ours(&request, hosts) {
        return text(
            StatusCode::MISDIRECTED_REQUEST,
            TEXT,
            "ask for localhost, or for the address or a host that this endpoint is told of\n",
        );
    }
    let Some(route) = Route::of(request.uri().path()) else {
        return text(StatusCode::NOT_FOUND, TEXT, "nothing here\n");
    };
    if !route.allows(request.method()) {
        let sentence = format!("{} takes {}\n", route.path(), route.methods());
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, TEXT, sentence);
        let methods = HeaderValue::from_static(route.methods());
        response.headers_mut().insert(ALLOW, methods);
        return response;
    }
    match route {
        Route::Page => page(&state.name),
        Route::Metrics => text(StatusCode::OK, EXPOSITION, (state.metrics)()),
        Route::Contexts => {
            let (run, can_control) = (state.run.lock().clone(), state.token.lock().is_some());
            let json = contexts::to_json(&http_context::snapshot(), run.as_ref(), can_control);
            text(StatusCode::OK, JSON, json)
        }
        Route::Latency => text(StatusCode::OK, JSON, state.latency.to_json()),
        Route::Live => text(StatusCode::OK, TEXT, "alive\n"),
        Route::Ready => ready(state),
        Route::Cancel | Route::Retry => {
            let (head, body) = request.into_parts();
            commands::command(route, head, body, state).await
        }
    }
}

fn ready(state: &AdminState) -> Response<Answer> {
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
fn page(name: &str) -> Response<Answer> {
    let nonce = ulid::Ulid::generate().to_string();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let page = PARTS.iter().fold(PAGE.to_owned(), |page, (mark, part)| {
        page.replace(mark, part)
    });
    // A name may look like a mark.
    let page = page.replace(NONCE, &nonce).replace(NAME, &escaped(name));
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

pub(super) fn text(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Answer> {
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
