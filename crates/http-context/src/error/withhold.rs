//! Withholds errors whose texts hold secrets.

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::io;

use super::body_too_large::BodyTooLarge;
use super::chain::chain;
use super::classify::{is_of_connect, is_timeout_of_reqwest, of_one};
use super::context::SessionClosed;
use super::kind::ErrorKind;
use super::queue_timeout::QueueTimeout;
use super::read_timeout::ReadTimeout;
use super::secrets::Secrets;
use super::withheld::{Withheld, WithheldError};

type BoxError = Box<dyn StdError + Send + Sync>;

/// What is handed out in place of an error if any text of its chain holds a secret; `None` if none
/// does, so that the error can be handed out as it is.
///
/// It is all texts or none: a source cannot be taken out of the error that holds it.
pub(crate) fn withhold(
    error: &(dyn StdError + 'static),
    secrets: &Secrets<'_>,
) -> Option<WithheldError> {
    let mut links: Vec<Link<'_>> = Vec::new();
    for link in chain(error) {
        let link = Link::of(link, secrets);
        match links.last_mut() {
            Some(outer) if outer.stands_for(&link) => outer.take_over(&link),
            _ => links.push(link),
        }
    }
    if links.iter().all(|link| link.is_clean) {
        return None;
    }
    let mut links = links.into_iter();
    let outermost = links.next()?;
    let source = links
        .rev()
        .fold(None, |source, link| Some(link.boxed(source)));
    Some(outermost.withheld(source))
}

/// One error of a chain, with its texts as they may be shown.
struct Link<'e> {
    error: &'e (dyn StdError + 'static),
    display: String,
    debug: String,
    is_clean: bool,
    kind: ErrorKind,
    is_connect: bool,
}

impl<'e> Link<'e> {
    fn of(error: &'e (dyn StdError + 'static), secrets: &Secrets<'_>) -> Self {
        let mut is_clean = true;
        let mut shown = |arguments: fmt::Arguments<'_>| {
            let mut text = String::new();
            if text.write_fmt(arguments).is_err() {
                // Nobody knows what it would have shown.
                is_clean = false;
                return "an error that cannot be shown".to_owned();
            }
            match secrets.redact(&text) {
                std::borrow::Cow::Borrowed(_) => text,
                std::borrow::Cow::Owned(redacted) => {
                    is_clean = false;
                    redacted
                }
            }
        };
        let display = shown(format_args!("{error}"));
        let debug = shown(format_args!("{error:?}"));
        // What only an alternate text holds makes it one to be withheld.
        shown(format_args!("{error:#}"));
        shown(format_args!("{error:#?}"));
        Self {
            error,
            display,
            debug,
            is_clean,
            kind: of_one(error),
            is_connect: is_of_connect(error),
        }
    }

    /// Whether it says what the next one says, as one does that stands for what it holds.
    fn stands_for(&self, inner: &Self) -> bool {
        self.display == inner.display && copied(inner.error).is_none()
    }

    /// One of both is enough.
    fn take_over(&mut self, inner: &Self) {
        self.is_clean &= inner.is_clean;
        self.is_connect |= inner.is_connect;
        if inner.kind.specificity() > self.kind.specificity() {
            self.kind = inner.kind;
        }
    }

    /// It as the source of another one.
    fn boxed(self, source: Option<BoxError>) -> BoxError {
        match copied(self.error) {
            Some(copy) if self.is_clean => copy,
            _ => Box::new(self.withheld(source)),
        }
    }

    fn withheld(self, source: Option<BoxError>) -> WithheldError {
        let withheld = Withheld {
            display: self.display,
            debug: self.debug,
            kind: self.kind,
            is_connect: self.is_connect,
            source,
        };
        withheld.into()
    }
}

/// The same error once more, of those that others look for by their type.
fn copied(error: &(dyn StdError + 'static)) -> Option<BoxError> {
    if let Some(closed) = error.downcast_ref::<SessionClosed>() {
        return Some(Box::new(closed.clone()));
    }
    if let Some(queue) = error.downcast_ref::<QueueTimeout>() {
        return Some(Box::new(queue.clone()));
    }
    if let Some(too_large) = error.downcast_ref::<BodyTooLarge>() {
        return Some(Box::new(*too_large));
    }
    if let Some(timeout) = error.downcast_ref::<ReadTimeout>() {
        return Some(Box::new(*timeout));
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(Box::new(error.clone()));
    }
    if let Some(error) = error.downcast_ref::<io::Error>()
        && error.get_ref().is_none()
    {
        let code = error.raw_os_error();
        let copy = code.map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        return Some(Box::new(copy));
    }
    // That is what `reqwest` knows a timeout by where it finds its own no more.
    is_timeout_of_reqwest(error).then(|| Box::new(io::Error::from(io::ErrorKind::TimedOut)) as _)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, Redaction};
    use crate::identity::{ContextId, SessionId};

    type BoxError = Box<dyn StdError + Send + Sync>;

    /// An error with a text of its own, and a source.
    #[derive(Debug)]
    struct Says(&'static str, Option<BoxError>);

    impl fmt::Display for Says {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl StdError for Says {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            self.1.as_ref().map(|source| &**source as _)
        }
    }

    fn withheld(error: &(dyn StdError + 'static)) -> Option<WithheldError> {
        withhold(error, &Secrets::new(&Redaction::default()))
    }

    /// One with a secret in its text around this one.
    fn around(source: impl Into<BoxError>) -> WithheldError {
        let error = Says("?sig=abc", Some(source.into()));
        let withheld = withheld(&error).unwrap();
        assert_eq!(withheld.to_string(), "?sig=REDACTED");
        let shown = format!("{withheld:?}");
        assert!(
            shown.contains("REDACTED") && !shown.contains("abc"),
            "{shown}"
        );
        withheld
    }

    #[test]
    fn an_error_without_secrets_is_not_withheld() {
        assert!(withheld(&Says("no secret", Some("nor here".into()))).is_none());
    }

    #[test]
    fn a_secret_of_a_source_alone_withholds_the_whole_chain() {
        let inner = Says("?sig=abc", Some("the cause".into()));
        let withheld = withheld(&Says("no secret", Some(Box::new(inner)))).unwrap();
        let texts: Vec<_> = chain(&withheld).map(ToString::to_string).collect();
        assert_eq!(texts, ["no secret", "?sig=REDACTED", "the cause"]);
        assert!(chain(&withheld).all(|error| !format!("{error:?}").contains("abc")));
    }

    #[test]
    fn what_others_look_for_by_its_type_is_found_behind_it() {
        let closed = SessionClosed {
            session: SessionId::next(),
            context: ContextId::next(),
            opened_at: std::panic::Location::caller(),
        };
        let too_large = BodyTooLarge { limit: 3 };
        let queue = QueueTimeout {
            host: "host:1".to_owned(),
            limit: 1,
            waited: std::time::Duration::ZERO,
        };
        let found = around(io::Error::other(closed.clone()));
        assert_eq!(SessionClosed::find(&found), Some(&closed));
        assert_eq!(BodyTooLarge::find(&around(too_large)), Some(&too_large));
        let of_secret = QueueTimeout {
            host: "host?sig=abc".to_owned(),
            ..queue.clone()
        };
        let found = around(of_secret);
        assert!(chain(&found).all(|error| !format!("{error} {error:?}").contains("abc")));
        assert_eq!(ErrorKind::of(&found), ErrorKind::QueueTimeout);
        let limit = std::time::Duration::from_secs(1);
        let silent = ReadTimeout { limit };
        let found = around(silent.into_io());
        assert_eq!(ReadTimeout::find(&found), Some(&silent));
        assert_eq!(ErrorKind::of(&found), ErrorKind::Timeout);
        for (error, kind) in [
            (around(closed), ErrorKind::SessionClosed),
            (around(queue), ErrorKind::QueueTimeout),
            (
                around(rustls::Error::HandshakeNotComplete),
                ErrorKind::SecureConnection,
            ),
            (
                around(io::Error::from(io::ErrorKind::TimedOut)),
                ErrorKind::Timeout,
            ),
            (
                around(io::Error::from_raw_os_error(104)),
                ErrorKind::Connection,
            ),
            (around("anything"), ErrorKind::Other),
        ] {
            assert_eq!(ErrorKind::of(&error), kind, "{error:?}");
        }
    }

    /// An error that says what the one says that it holds, which has a secret in the text for debugging.
    fn standing_for(outer: (ErrorKind, bool), inner: (ErrorKind, bool)) -> WithheldError {
        let link = |debug: &str, (kind, is_connect), source| {
            let display = "the same".to_owned();
            let debug = debug.to_owned();
            WithheldError::from(Withheld {
                display,
                debug,
                kind,
                is_connect,
                source,
            })
        };
        let inner = link("?sig=abc", inner, None);
        withheld(&link("clean", outer, Some(Box::new(inner)))).unwrap()
    }

    #[test]
    fn of_an_error_that_stands_for_the_one_it_holds_there_is_one_and_it_knows_what_both_know() {
        use ErrorKind::{Connection, Other, Redirect, ResponseEnded, Timeout};

        for (outer, inner, both) in [
            (Other, Redirect, Redirect),
            (Redirect, Other, Redirect),
            (Connection, ResponseEnded, ResponseEnded),
            (Timeout, Connection, Timeout),
            // Each says as much.
            (Redirect, Timeout, Redirect),
        ] {
            let one = standing_for((outer, false), (inner, false));
            assert_eq!((one.kind(), one.is_connect()), (both, false));
            assert!(one.source().is_none());
        }
        for of_connect in [(true, false), (false, true), (true, true)] {
            let one = standing_for((Other, of_connect.0), (Other, of_connect.1));
            assert!(one.is_connect(), "{of_connect:?}");
        }
    }

    /// Shows its secret in its alternate text only.
    #[derive(Debug)]
    struct Alternate;

    impl fmt::Display for Alternate {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(if f.alternate() { "?sig=abc" } else { "plain" })
        }
    }

    impl StdError for Alternate {}

    /// Cannot be shown.
    #[derive(Debug)]
    struct Broken;

    impl fmt::Display for Broken {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }

    impl StdError for Broken {}

    #[test]
    fn what_shows_its_secret_elsewhere_or_fails_to_show_is_withheld() {
        assert_eq!(format!("{:#}", withheld(&Alternate).unwrap()), "plain");
        let broken = withheld(&Broken).unwrap();
        assert_eq!(broken.to_string(), "an error that cannot be shown");
    }
}
