//! What the next request of a redirected one is made of.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use reqwest::{Body, Method, Request, Url, Version};
use tokio::time::Instant;

use super::redirect::{Redirected, Rules};
use crate::error::RedirectError;

/// A request as its caller made it, without what observers add, as far as redirects have left it.
/// What a redirect has removed is gone for good.
pub(super) struct NextHop {
    method: Method,
    /// Nothing where there is no more to a request than its method, which spares most of them the
    /// allocation.
    rest: Option<Box<Rest>>,
    /// The URLs of those who redirected it.
    previous: Vec<Url>,
}

#[derive(Default)]
struct Rest {
    headers: HeaderMap,
    body: SentBody,
    version: Version,
    /// That of the URL, which nobody sends and `reqwest` does not keep.
    fragment: Option<String>,
    /// When its time is up.
    deadline: Option<Instant>,
}

#[derive(Default)]
enum SentBody {
    #[default]
    None,
    Bytes(Bytes),
    /// It is gone once it was sent.
    Stream,
}

impl NextHop {
    /// What a redirect of this request is followed with.
    pub(super) fn after(request: &mut Request) -> Self {
        let has_rest = !request.headers().is_empty()
            || request.body().is_some()
            || request.version() != Version::default()
            || request.url().fragment().is_some()
            || request.timeout().is_some();
        Self {
            method: request.method().clone(),
            rest: has_rest.then(|| Box::new(Rest::of(request))),
            previous: Vec::new(),
        }
    }

    /// The method and the fragment of the last request, and the URLs of those before.
    pub(super) fn so_far(&mut self) -> (&Method, Option<&str>, &mut Vec<Url>) {
        let rest = self.rest.as_ref();
        let fragment = rest.and_then(|rest| rest.fragment.as_deref());
        (&self.method, fragment, &mut self.previous)
    }

    pub(super) fn time_left(&self) -> Option<Duration> {
        let deadline = self.rest.as_ref()?.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// The request to where it was redirected.
    pub(super) fn request(
        &mut self,
        rules: &Rules,
        redirected: Redirected,
    ) -> Result<Request, RedirectError> {
        let rest = self.rest.get_or_insert_default();
        if redirected.becomes_get {
            self.method = Method::GET;
            rest.body = SentBody::None;
        }
        let body = match &rest.body {
            SentBody::None => None,
            SentBody::Bytes(bytes) => Some(bytes.clone().into()),
            SentBody::Stream => return Err(RedirectError::StreamedBody),
        };
        rules.change_headers(&redirected, &mut rest.headers);
        rest.fragment = redirected.url.fragment().map(str::to_owned);
        let mut request = Request::new(self.method.clone(), redirected.url);
        *request.headers_mut() = rest.headers.clone();
        *request.body_mut() = body;
        *request.version_mut() = rest.version;
        *request.timeout_mut() = self.time_left();
        Ok(request)
    }
}

impl Rest {
    fn of(request: &mut Request) -> Self {
        Self {
            headers: request.headers().clone(),
            body: match request.body_mut() {
                None => SentBody::None,
                Some(body) => keep(body),
            },
            version: request.version(),
            fragment: request.url().fragment().map(str::to_owned),
            deadline: request.timeout().map(|limit| Instant::now() + *limit),
        }
    }
}

/// Keeps the bytes of a body that is to be sent. `reqwest` gives them out in no other way than by
/// reading it.
fn keep(body: &mut Body) -> SentBody {
    if body.as_bytes().is_none() {
        return SentBody::Stream;
    }
    let mut whole = std::mem::take(body);
    let frame = Pin::new(&mut whole).poll_frame(&mut Context::from_waker(Waker::noop()));
    let bytes = match frame {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    };
    *body = bytes.clone().into();
    SentBody::Bytes(bytes)
}
