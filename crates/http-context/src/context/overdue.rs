//! Reports a context that is open for longer than its threshold.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::facts::LeakKind;
use crate::scope::Scope;
use crate::watch::{Watched, watch};

/// Reports this context when it passes its threshold, unless it has exited by then.
pub(super) fn watch_scope(scope: &Arc<Scope>, threshold: Duration) {
    let due = scope.info.opened + threshold;
    watch(due, Box::new(Overdue(Arc::downgrade(scope))));
}

struct Overdue(Weak<Scope>);

impl Watched for Overdue {
    fn look(&mut self) -> Option<Instant> {
        if let Some(scope) = self.0.upgrade() {
            scope.report_context(LeakKind::ContextOverdue);
        }
        None
    }

    fn is_over(&self) -> bool {
        self.0
            .upgrade()
            .is_none_or(|scope| scope.info.phase.has_ended())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::OpenError;

    #[tokio::test]
    async fn a_context_that_has_ended_is_forgotten() {
        let open = crate::builder().lazy().open(async {
            let context = crate::current().unwrap();
            let watched = Overdue(Arc::downgrade(context.scope()));
            assert!(!watched.is_over());
            Ok::<_, OpenError>((watched, context))
        });
        let (watched, context) = open.await.unwrap();
        assert!(watched.is_over());
        drop(context);
        assert!(watched.is_over());
    }
}
