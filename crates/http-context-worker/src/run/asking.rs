//! Who asks a run to end, heard from its first moment on.

use std::future::Future;
use std::pin::{Pin, pin};

use tokio_util::sync::CancellationToken;

/// Waits until somebody asks for the end, beside what has to be done before it can be.
pub(super) struct Asking<'f, F: Future> {
    asked: Pin<&'f mut F>,
    by: Option<F::Output>,
}

impl<'f, F: Future<Output: Copy>> Asking<'f, F> {
    pub(super) fn new(asked: Pin<&'f mut F>) -> Self {
        Self { asked, by: None }
    }

    /// Does something that is to be done to its end. `stop`, which is done from when the end is asked for, takes the
    /// patience from who waits for a server meanwhile.
    pub(super) async fn beside<T>(
        &mut self,
        stop: &CancellationToken,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = self.by() => stop.cancel(),
        }
        work.await
    }

    /// Who asks for the end.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: who has asked stays known.
    pub(super) async fn by(&mut self) -> F::Output {
        if let Some(by) = self.by {
            return by;
        }
        let by = self.asked.as_mut().await;
        self.by = Some(by);
        by
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn who_asks_beside_some_work_is_known_after_it() {
        let (asked, stop) = (pin!(ready("somebody")), CancellationToken::new());
        let mut asking = Asking::new(asked);
        let work = async {
            stop.cancelled().await;
            "done"
        };
        assert_eq!(asking.beside(&stop, work).await, "done");
        // Of what is done by then nobody is told twice.
        assert_eq!(asking.beside(&stop, ready(1)).await, 1);
        assert_eq!(asking.by().await, "somebody");
    }

    #[tokio::test]
    async fn where_nobody_asks_the_work_is_done_in_patience() {
        let (asked, stop) = (pin!(pending::<()>()), CancellationToken::new());
        let mut asking = Asking::new(asked);
        assert_eq!(asking.beside(&stop, ready(1)).await, 1);
        assert!(!stop.is_cancelled());
    }
}
