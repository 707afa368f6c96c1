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
    pub(super) method: Method,
    headers: HeaderMap,
    body: SentBody,
    version: Version,
    /// That of the URL, which nobody sends and `reqwest` does not keep.
    pub(super) fragment: Option<String>,
    /// When its time is up.
    deadline: Option<Instant>,
    /// The URLs of those who redirected it.
    pub(super) previous: Vec<Url>,
}

enum SentBody {
    None,
    Bytes(Bytes),
    /// It is gone once it was sent.
    Stream,
}

impl NextHop {
    /// What a redirect of this request is followed with.
    pub(super) fn after(request: &mut Request) -> Self {
        Self {
            method: request.method().clone(),
            headers: request.headers().clone(),
            body: match request.body_mut() {
                None => SentBody::None,
                Some(body) => keep(body),
            },
            version: request.version(),
            fragment: request.url().fragment().map(str::to_owned),
            deadline: request.timeout().map(|limit| Instant::now() + *limit),
            previous: Vec::new(),
        }
    }

    pub(super) fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// The request to where it was redirected.
    pub(super) fn request(
        &mut self,
        rules: &Rules,
        redirected: Redirected,
    ) -> Result<Request, RedirectError> {
        if redirected.becomes_get {
            self.method = Method::GET;
            self.body = SentBody::None;
        }
        let body = match &self.body {
            SentBody::None => None,
            SentBody::Bytes(bytes) => Some(bytes.clone().into()),
            SentBody::Stream => return Err(RedirectError::StreamedBody),
        };
        rules.change_headers(&redirected, &mut self.headers);
        self.fragment = redirected.url.fragment().map(str::to_owned);
        let mut request = Request::new(self.method.clone(), redirected.url);
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = body;
        *request.version_mut() = self.version;
        *request.timeout_mut() = self.time_left();
        Ok(request)
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
