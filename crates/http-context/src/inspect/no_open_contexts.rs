//! Looks for contexts that are still open in the whole process.

use std::fmt;
use std::time::Duration;

use crate::context::{HttpContext, open_contexts};
use crate::facts::{Leak, LeakKind};

/// Asserts that no context is open in this process, with the defaults of [`NoOpenContexts`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// http_context::assert_no_open_contexts().await;
/// # }
/// ```
///
/// # Panics
///
/// When one stays open. The message has a block for each.
pub async fn assert_no_open_contexts() {
    if let Err(open) = NoOpenContexts::new().check().await {
        panic!("{open}");
    }
}

/// Says of a context whether it is meant to be open.
type Rule = dyn Fn(&HttpContext) -> bool + Send + Sync;

/// A check that no context is open in this process.
///
/// A context that another task is closing right now needs a moment, so the check looks again a
/// bounded number of times before it says so.
///
/// ```
/// use http_context::NoOpenContexts;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The one that lives as long as the program is meant to be there.
/// let check = NoOpenContexts::new().ignore(|context| context.name() == Some("metrics export"));
/// check.check().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is looked for until `check` is awaited"]
pub struct NoOpenContexts {
    retries: u32,
    pause: Duration,
    ignored: Vec<Box<Rule>>,
}

impl NoOpenContexts {
    /// Looks up to 20 times again, 10 ms apart, and ignores nothing.
    pub fn new() -> Self {
        Self {
            retries: 20,
            pause: Duration::from_millis(10),
            ignored: Vec::new(),
        }
    }

    /// How often it looks again before it says that a context stays open.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How long it waits before it looks again.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Leaves out contexts that are meant to be open, say by their name or call site.
    pub fn ignore(mut self, rule: impl Fn(&HttpContext) -> bool + Send + Sync + 'static) -> Self {
        self.ignored.push(Box::new(rule));
        self
    }

    /// Looks.
    ///
    /// # Errors
    ///
    /// [`OpenContexts`] with those that stay open. Their observers are notified of
    /// a [`LeakKind::NeverClosed`], which is resolved if one does close later.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future notifies nobody.
    pub async fn check(self) -> Result<(), OpenContexts> {
        for _ in 0..self.retries {
            if self.open().is_empty() {
                return Ok(());
            }
            tokio::time::sleep(self.pause).await;
        }
        self.check_now()
    }

    /// Looks once, without a runtime: at the end of a program.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn check_now(&self) -> Result<(), OpenContexts> {
        let open = self.open();
        if open.is_empty() {
            return Ok(());
        }
        let leak = |context: &HttpContext| {
            context.scope().report_context(LeakKind::NeverClosed);
            context.scope().leak_of_context(LeakKind::NeverClosed)
        };
        Err(OpenContexts {
            leaks: open.iter().map(leak).collect(),
        })
    }

    fn open(&self) -> Vec<HttpContext> {
        let mut open = open_contexts();
        open.retain(|context| !self.ignored.iter().any(|rule| rule(context)));
        open
    }
}

impl Default for NoOpenContexts {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for NoOpenContexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoOpenContexts")
            .field("retries", &self.retries)
            .field("pause", &self.pause)
            .field("ignored", &self.ignored.len())
            .finish()
    }
}

/// Contexts that stay open; its text has a block for each.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use http_context::NoOpenContexts;
///
/// if let Err(open) = NoOpenContexts::new().check().await {
///     println!("{} are still open: {open}", open.leaks.len());
/// }
/// # }
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} HTTP contexts are still open:{}", .leaks.len(), blocks(.leaks))]
#[non_exhaustive]
pub struct OpenContexts {
    /// One for each, of the kind `never_closed`.
    pub leaks: Vec<Leak>,
}

fn blocks(leaks: &[Leak]) -> String {
    leaks.iter().fold(String::new(), |blocks, leak| {
        blocks + "\n" + &leak.to_string()
    })
}
