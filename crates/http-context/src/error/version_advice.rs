//! What to do about a version of HTTP that the other side does not speak.

use std::error::Error as StdError;

use h2::Reason;
use hyper_util::client::legacy;

use super::chain::chain;

const ASK_FOR_HTTP2: &str = "if the server speaks HTTP/2 alone, ask for it in clear with \
     `version(Version::HTTP_2)`, or for all requests with `http_versions`";
const ASK_FOR_HTTP1: &str = "if the server speaks HTTP/1.1 alone, do not ask for HTTP/2 in clear, \
     by `version` or by `http_versions`";
const NOT_SPOKEN: &str = "its connection does not speak the version of HTTP that it asks for: leave \
     `version` away";

/// The advice that follows from the error of a request, if any does. In clear nothing is agreed upon,
/// so that all there is to see of the wrong version is that what came made no sense: what it says of
/// the server is a guess, and is worded as one.
pub(super) fn advice(error: &(dyn StdError + 'static), is_clear: bool) -> Option<&'static str> {
    chain(error).find_map(|link| {
        if let Some(error) = link.downcast_ref::<legacy::Error>() {
            is_unsupported(error).then_some(NOT_SPOKEN)
        } else if !is_clear {
            None
        } else if let Some(error) = link.downcast_ref::<hyper::Error>() {
            is_not_http1(error).then_some(ASK_FOR_HTTP2)
        } else {
            let error = link.downcast_ref::<h2::Error>()?;
            let is_not_http2 =
                error.is_library() && error.reason() == Some(Reason::FRAME_SIZE_ERROR);
            is_not_http2.then_some(ASK_FOR_HTTP1)
        }
    })
}

/// Nothing but its own text tells this error from others of its type. Where that changes no advice is
/// given; tests with real servers say so.
fn is_unsupported(error: &legacy::Error) -> bool {
    error.to_string() == "client error (UserUnsupportedVersion)"
}

/// What came is no head of HTTP/1, or came before anything was asked. As above.
fn is_not_http1(error: &hyper::Error) -> bool {
    matches!(
        error.to_string().as_str(),
        "invalid HTTP version parsed" | "received unexpected message from connection"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_or_this_side_says_of_a_frame_is_no_sign_of_another_version() {
        let said = h2::Error::from(Reason::FRAME_SIZE_ERROR);
        assert_eq!(advice(&said, true), None);
    }
}
