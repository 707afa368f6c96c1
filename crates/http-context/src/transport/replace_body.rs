//! Takes a response apart, and puts it together again.

use http::response::Parts;
use reqwest::{Body, Response, ResponseBuilderExt, Url};

/// Takes the body out of a response, and puts in the one that is made of it.
///
/// URL, version, headers, extensions, length and trailers stay as they are.
pub(super) fn replace_body(response: Response, make: impl FnOnce(Body) -> Body) -> Response {
    let url = response.url().clone();
    let (mut parts, body) = http::Response::<Body>::from(response).into_parts();
    set_url(&mut parts, url);
    http::Response::from_parts(parts, make(body)).into()
}

/// Sets the URL that a response is of once it is one of `reqwest` again.
pub(crate) fn set_url(parts: &mut Parts, url: Url) {
    // `reqwest` keeps the URL in an extension that only its own builder can make. The builder takes
    // over the extensions that are there, so that no second map is made for one entry.
    let mut builder = http::Response::builder();
    if let Some(extensions) = builder.extensions_mut() {
        *extensions = std::mem::take(&mut parts.extensions);
    }
    let with_url = builder
        .url(url)
        .body(())
        .expect("nothing in it can be refused");
    parts.extensions = with_url.into_parts().0.extensions;
}
