//! The chain of an error: itself and what it was made from.

use std::error::Error as StdError;
use std::io;

use super::open::{OpenError, SessionError};

/// An error and what it was made from, outermost first. This is the only walk over errors in the
/// crate: it also finds what the `source` of some types leaves out.
pub(crate) fn chain<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // Its `source` is the source of the error that it was made from.
        return error.get_ref().map(|inner| inner as _);
    }
    // These stand for what they hold, so that their `source` is the one of that.
    if let Some(error) = error.downcast_ref::<OpenError>() {
        return Some(error.held());
    }
    if let Some(error) = error.downcast_ref::<SessionError>() {
        return Some(error.held());
    }
    match error.downcast_ref() {
        Some(reqwest_middleware::Error::Middleware(error)) => Some(error.as_ref()),
        Some(reqwest_middleware::Error::Reqwest(error)) => Some(error),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_inside_an_io_error_is_in_its_chain() {
        let outer = io::Error::other(io::Error::from(io::ErrorKind::BrokenPipe));
        let kinds: Vec<_> = chain(&outer)
            .map(|error| error.downcast_ref::<io::Error>().map(io::Error::kind))
            .collect();
        let (other, inner) = (io::ErrorKind::Other, io::ErrorKind::BrokenPipe);
        assert_eq!(kinds, [Some(other), Some(inner)]);
    }

    #[test]
    fn an_error_of_reqwest_is_in_the_chain_of_the_one_that_stands_for_it() {
        let invalid = reqwest::Proxy::all("no url:").unwrap_err();
        let outer = reqwest_middleware::Error::from(invalid);
        let inner = chain(&outer).nth(1);
        assert!(inner.unwrap().is::<reqwest::Error>());
    }
}
