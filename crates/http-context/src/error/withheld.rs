//! What stands in the place of an error whose texts hold secrets.

use std::error::Error as StdError;
use std::fmt;

use super::kind::ErrorKind;

/// An error whose own texts hold secrets of a URL: the same texts without them.
///
/// The error itself is withheld, and so are its sources, each of which is replaced by one of this
/// type. What kind of failure it was is kept: [`ErrorKind::of`], [`SessionClosed::find`] and
/// [`BodyTooLarge::find`] and [`ReadTimeout::find`] see in it what they saw in the error.
///
/// [`SessionClosed::find`]: crate::SessionClosed::find
/// [`BodyTooLarge::find`]: crate::BodyTooLarge::find
/// [`ReadTimeout::find`]: crate::ReadTimeout::find
pub struct WithheldError(Box<Withheld>);

pub(super) struct Withheld {
    pub(super) display: String,
    pub(super) debug: String,
    pub(super) kind: ErrorKind,
    pub(super) is_connect: bool,
    pub(super) source: Option<Box<dyn StdError + Send + Sync>>,
}

impl From<Withheld> for WithheldError {
    fn from(withheld: Withheld) -> Self {
        Self(Box::new(withheld))
    }
}

impl WithheldError {
    /// What the error alone says, without its sources.
    pub(super) fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the error alone says that there was no connection yet.
    pub(super) fn is_connect(&self) -> bool {
        self.0.is_connect
    }
}

impl fmt::Display for WithheldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.display)
    }
}

impl fmt::Debug for WithheldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.debug)
    }
}

impl StdError for WithheldError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_ref()?;
        Some(&**source)
    }
}
