//! A request that is yet to be sent.

use std::ops::{Deref, DerefMut};

use reqwest::Request;

/// A request where it stands until it is sent. It is handed on by reference, since it is large, and
/// whoever sends it takes it out.
#[derive(Default)]
pub(crate) struct Unsent(Option<Request>);

impl Unsent {
    #[inline]
    pub(crate) fn take(&mut self) -> Request {
        self.0.take().expect("a request is sent once")
    }
}

impl From<Request> for Unsent {
    #[inline]
    fn from(request: Request) -> Self {
        Self(Some(request))
    }
}

impl Deref for Unsent {
    type Target = Request;

    #[inline]
    fn deref(&self) -> &Request {
        self.0.as_ref().expect("a request is sent once")
    }
}

impl DerefMut for Unsent {
    #[inline]
    fn deref_mut(&mut self) -> &mut Request {
        self.0.as_mut().expect("a request is sent once")
    }
}
