//! Asking what keeps the queue, and asking again.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::queue::QueueError;

const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long a worker that is on its way out goes on asking.
const LAST_TRIES: Duration = Duration::from_secs(2);
const TEN_SECONDS: Duration = Duration::from_secs(10);

/// For how long a question is asked again when there is no answer. It must be safe to ask twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::queue) enum Patience {
    /// Not at all.
    None,
    /// That of a reader of jobs, and of a worker that begins: there was a server when it connected.
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
        let is_over = match patience {
            Patience::None => true,
            Patience::TenSeconds => began.elapsed() >= TEN_SECONDS,
            Patience::OfAWorker => stop.is_cancelled() && began.elapsed() >= LAST_TRIES,
        };
        if is_over || !error.meaning().passes() {
            return Err(error);
        }
        again.tick().await;
    }
}
