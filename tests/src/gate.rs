//! A place where a request waits until the test lets it go.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Holds whoever [passes](Gate::pass) it until a test lets them go.
///
/// A gate starts shut. [`let_one_pass`](Gate::let_one_pass) lets a single
/// waiter go, present or future; [`open`](Gate::open) lets everyone go from
/// then on. Clones are the same gate.
///
/// # Examples
///
/// ```
/// use http_context_tests::Gate;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let gate = Gate::new();
/// gate.let_one_pass();
/// gate.pass().await;
/// gate.open();
/// gate.pass().await;
/// gate.pass().await;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Gate {
    /// A permit is one passage. A closed semaphore is an open gate: waiting on
    /// it ends at once, which is the only way to say "everyone, for ever".
    passages: Arc<Semaphore>,
}

impl Gate {
    /// A gate that is shut.
    pub fn new() -> Self {
        Self {
            passages: Arc::new(Semaphore::new(0)),
        }
    }

    /// Lets one waiter go, or the next who comes.
    pub fn let_one_pass(&self) {
        self.passages.add_permits(1);
    }

    /// Lets everyone go, from now on.
    pub fn open(&self) {
        self.passages.close();
    }

    /// Waits to be let go.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the gate as it was: the passage goes to the
    /// next who waits.
    pub async fn pass(&self) {
        if let Ok(passage) = self.passages.acquire().await {
            passage.forget();
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, poll};

    use super::*;

    #[tokio::test]
    async fn a_passage_is_for_one() {
        let gate = Gate::new();
        assert!(gate.pass().now_or_never().is_none());
        gate.let_one_pass();
        assert!(gate.pass().now_or_never().is_some());
        assert!(gate.pass().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_waiter_that_leaves_takes_no_passage() {
        let gate = Gate::new();
        let (mut leaves, mut stays) = (Box::pin(gate.pass()), Box::pin(gate.pass()));
        assert!(poll!(&mut leaves).is_pending() && poll!(&mut stays).is_pending());
        gate.let_one_pass();
        drop(leaves);
        assert!(poll!(&mut stays).is_ready());
    }
}
