//! Asking what keeps the queue, and asking again.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::queue::QueueError;

const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long one that is on its way out goes on asking.
const LAST_TRIES: Duration = Duration::from_secs(2);
const TEN_SECONDS: Duration = Duration::from_secs(10);

/// For how long a question is asked again when there is no answer. It must be safe to ask twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::queue) enum Patience {
    /// Not at all.
    None,
    /// That of a reader of jobs, and of a worker that begins: there was a server when it connected. Two seconds once it
    /// is on its way out.
    TenSeconds,
    /// For as long as the worker runs, and two seconds more.
    OfAWorker,
}

/// What an error means for the question that met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::queue) enum Meaning {
    /// There was no answer. Another connection may bring one.
    NoAnswer,
    /// The server answers, and does not take writes. The address may lead to another server by now.
    WrongServer,
    /// The server takes the question later.
    Later,
    /// The same question is refused again.
    Never,
}

impl Meaning {
    /// Whether the same question may be answered later.
    pub(in crate::queue) fn passes(self) -> bool {
        self != Self::Never
    }
}

/// An error of what keeps the queue.
pub(in crate::queue) trait Refusal {
    fn meaning(&self) -> Meaning;

    /// What went wrong, on one line.
    fn reason(&self) -> String;

    /// The same, as an error of the queue at this address.
    fn of_queue(&self, queue: String) -> QueueError {
        let reason = self.reason();
        match self.meaning() {
            Meaning::NoAnswer => QueueError::Unreachable { queue, reason },
            Meaning::WrongServer | Meaning::Later => QueueError::RefusesForNow { queue, reason },
            Meaning::Never => QueueError::Refused { queue, reason },
        }
    }
}

/// Asks, and asks again while there is no answer and patience is left. `stop` is done when the program is
/// on its way out.
pub(in crate::queue) async fn ask<T, E: Refusal, A: Future<Output = Result<T, E>>>(
    patience: Patience,
    stop: &CancellationToken,
    mut question: impl FnMut() -> A,
) -> Result<T, E> {
    let began = Instant::now();
    let mut again = interval(ASK_AGAIN_AFTER);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    again.reset();
    loop {
        let error = match question().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let patience_ends = match patience {
            Patience::None => Some(Duration::ZERO),
            _ if stop.is_cancelled() => Some(LAST_TRIES),
            Patience::TenSeconds => Some(TEN_SECONDS),
            Patience::OfAWorker => None,
        };
        let is_over = patience_ends.is_some_and(|after| began.elapsed() >= after);
        if is_over || !error.meaning().passes() {
            return Err(error);
        }
        again.tick().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That there was no answer.
    #[derive(Debug)]
    struct Silence;

    impl Refusal for Silence {
        fn meaning(&self) -> Meaning {
            Meaning::NoAnswer
        }

        fn reason(&self) -> String {
            "nothing was said".to_owned()
        }
    }

    /// For how long a server is asked that never answers, whose asker is to stop after that.
    async fn asked_for(patience: Patience, stops_after: Duration) -> Duration {
        let (stop, began) = (CancellationToken::new(), Instant::now());
        let stops = async {
            tokio::time::sleep(stops_after).await;
            stop.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = ask(patience, &stop, || async { Err::<(), _>(Silence) }) => began.elapsed(),
            () = stops => unreachable!("it goes on"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_early_where_the_end_is_asked_for() {
        let (never, second) = (Duration::from_hours(1), Duration::from_secs(1));
        for (patience, stops_after, asked) in [
            (Patience::None, never, Duration::ZERO),
            (Patience::TenSeconds, never, TEN_SECONDS),
            (Patience::TenSeconds, second, LAST_TRIES),
            (Patience::TenSeconds, 5 * second, 5 * second),
            (Patience::OfAWorker, second, LAST_TRIES),
            (Patience::OfAWorker, 60 * second, 60 * second),
        ] {
            let took = asked_for(patience, stops_after).await;
            let late = took.saturating_sub(asked);
            assert!(
                took >= asked && late <= ASK_AGAIN_AFTER,
                "{patience:?} {stops_after:?}: {took:?}"
            );
        }
    }
}
