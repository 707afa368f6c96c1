//! Recorded facts as lines of text, to compare a whole sequence of them at a glance.

use http_context::PoolStatus;
use http_context::testing::{Fact, Recorder};

/// The facts of a [`Recorder`], a line each.
///
/// A line begins with the name of the observer's method; what follows distinguishes facts of one
/// name: an outcome, a source, a status, or the counts of a pool (used, idle, waiting).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use http_context::{OpenError, builder, testing::Recorder};
/// use http_context_tests::FactLines;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let recorder = Arc::new(Recorder::new());
/// let context = builder().lazy().observer(recorder.clone());
/// context.open(async { Ok::<_, OpenError>(()) }).await.unwrap();
/// assert_eq!(recorder.lines(), ["context_opened", "context_closed completed"]);
/// assert_eq!(recorder.count("context_closed"), 1);
/// # }
/// ```
pub trait FactLines {
    /// The lines so far, in order.
    fn lines(&self) -> Vec<String>;

    /// How many of the lines begin like this.
    fn count(&self, beginning: &str) -> usize {
        let lines = self.lines();
        lines
            .iter()
            .filter(|line| line.starts_with(beginning))
            .count()
    }

    /// The last of the lines.
    ///
    /// # Panics
    ///
    /// When there is none.
    fn last_line(&self) -> String {
        self.lines().pop().expect("a fact was recorded")
    }
}

impl FactLines for Recorder {
    fn lines(&self) -> Vec<String> {
        self.all(|fact| Some(line_of(fact)))
    }
}

fn line_of(fact: &Fact) -> String {
    let name = fact.name();
    match fact {
        Fact::NestedOpen(nested) => format!(
            "{name} {} {} in {}",
            nested.policy.as_str(),
            nested.called_at.line(),
            nested.outer_opened_at.line()
        ),
        Fact::ContextClosed(report) => format!("{name} {}", report.outcome),
        Fact::SessionOpened { source, .. } => format!("{name} {}", source.as_str()),
        Fact::RequestStarted { method, url, .. } => format!("{name} {method} {}", url.path()),
        Fact::RequestRedirected { status, .. } => format!("{name} {}", status.as_u16()),
        Fact::RequestAnswered { head, .. } => format!(
            "{name} {} {}",
            head.status.as_u16(),
            head.connection_use.as_str()
        ),
        Fact::RequestFailed { kind, .. } | Fact::ConnectFailed { kind, .. } => {
            format!("{name} {kind}")
        }
        Fact::ResponseBodyEnded { end, .. } => format!("{name} {:?} {}", end.reason, end.bytes),
        Fact::Leak(leak) | Fact::LeakResolved(leak) => format!("{name} {}", leak.kind),
        Fact::PoolWaitStarted(pool)
        | Fact::PoolWaitAbandoned(pool)
        | Fact::PoolTimedOut(pool, _)
        | Fact::PoolSessionCreated(pool, _)
        | Fact::PoolReturned(pool, _)
        | Fact::PoolClosed(pool) => format!("{name} {}", counts(pool)),
        Fact::PoolCheckedOut(pool, checkout) => {
            let warm = if checkout.is_warm { " warm" } else { "" };
            format!("{name}{warm} {}", counts(pool))
        }
        Fact::PoolSessionClosed(pool, reason) => {
            format!("{name} {} {}", reason.as_str(), counts(pool))
        }
        _ => name.to_owned(),
    }
}

fn counts(pool: &PoolStatus) -> String {
    format!("{}/{}/{}", pool.used, pool.idle, pool.waiting)
}
