//! What a request carries for the middleware of its session.

use std::ops::{Deref, DerefMut};

use http::Extensions;
use tokio::sync::oneshot;

use super::chain::Chained;

/// The extensions of a request, lent by whoever sends it: wherever its way ends they go back, with
/// what the middleware has put into them.
#[derive(Default)]
pub(crate) struct LentExtensions {
    extensions: Extensions,
    outer: Outer,
    owner: Option<oneshot::Sender<Extensions>>,
}

/// What the extensions had carried for the chain of a session around this one, which is a middleware
/// of that.
#[derive(Default)]
enum Outer {
    /// They do not carry what this chain needs so far.
    #[default]
    Untouched,
    Nothing,
    Chained(Chained),
}

/// Extensions that are lent. What is there when this is dropped, is back in them.
pub(crate) struct Loan<'e> {
    owner: &'e mut Extensions,
    back: oneshot::Receiver<Extensions>,
}

impl LentExtensions {
    /// Takes what is in the extensions for as long as the request is on its way.
    pub(crate) fn lend(owner: &mut Extensions) -> (Self, Loan<'_>) {
        let (sender, back) = oneshot::channel();
        let lent = Self {
            extensions: std::mem::take(owner),
            outer: Outer::Untouched,
            owner: Some(sender),
        };
        (lent, Loan { owner, back })
    }

    /// From here on the innermost middleware finds the request in them.
    pub(super) fn carry(&mut self, chained: Chained) {
        self.outer = match self.extensions.insert(chained) {
            None => Outer::Nothing,
            Some(outer) => Outer::Chained(outer),
        };
    }
}

/// Of which nobody wants to have them back.
impl From<Extensions> for LentExtensions {
    fn from(extensions: Extensions) -> Self {
        Self {
            extensions,
            outer: Outer::Untouched,
            owner: None,
        }
    }
}

impl Deref for LentExtensions {
    type Target = Extensions;

    fn deref(&self) -> &Extensions {
        &self.extensions
    }
}

impl DerefMut for LentExtensions {
    fn deref_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }
}

impl Drop for LentExtensions {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.take() {
            match std::mem::replace(&mut self.outer, Outer::Untouched) {
                Outer::Chained(outer) => drop(self.extensions.insert(outer)),
                Outer::Nothing => drop(self.extensions.remove::<Chained>()),
                Outer::Untouched => {}
            }
            // Nobody is there where all of it is dropped at once, with the task.
            let _ = owner.send(std::mem::take(&mut self.extensions));
        }
    }
}

impl Loan<'_> {
    /// Waits until they are back: the request has ended, and whoever ends it may be about to drop it.
    pub(crate) async fn returned(mut self) {
        if let Ok(extensions) = (&mut self.back).await {
            *self.owner = extensions;
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Ok(extensions) = self.back.try_recv() {
            *self.owner = extensions;
        }
    }
}
