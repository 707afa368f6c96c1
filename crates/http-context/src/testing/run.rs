//! Runs an async test in a context.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::facts::LeakPolicy;
use crate::open::{ContextBuilder, builder};

/// How a test is run in a context; [`#[http_context::test]`](crate::test) makes one.
///
/// ```
/// use http_context::{http_session, testing::TestOptions};
///
/// let answer = TestOptions::new().run(async {
///     assert!(http_session().is_ok());
///     42
/// });
/// assert_eq!(answer, 42);
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing runs until `run` is called"]
pub struct TestOptions {
    worker_threads: Option<usize>,
    context: ContextBuilder,
}

impl TestOptions {
    /// A current-thread runtime, leaks that fail the test, and a drain timeout of one second.
    pub fn new() -> Self {
        let context = builder()
            .leaks(LeakPolicy::Panic)
            .drain_timeout(Duration::from_secs(1));
        Self {
            worker_threads: None,
            context,
        }
    }

    /// Runs on a runtime with so many worker threads, besides the test's own.
    pub fn multi_thread(mut self, worker_threads: usize) -> Self {
        self.worker_threads = Some(worker_threads);
        self
    }

    /// What is done about leaks. Default: [`LeakPolicy::Panic`].
    pub fn leaks(mut self, policy: LeakPolicy) -> Self {
        self.context = self.context.leaks(policy);
        self
    }

    /// How long the test waits for what it left running before that is a leak. Default: 1 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.context = self.context.drain_timeout(timeout);
        self
    }

    /// Sets any other option of the context.
    pub fn context(mut self, set: impl FnOnce(ContextBuilder) -> ContextBuilder) -> Self {
        self.context = set(self.context);
        self
    }

    /// Runs the test to its end on a runtime of its own, and returns what it returns.
    ///
    /// # Panics
    ///
    /// When the test panics; when it left something behind, unless the policy says otherwise; and
    /// when no runtime can be made, or this is called on one.
    #[track_caller]
    pub fn run<F: Future>(self, test: F) -> F::Output {
        // Called here, so that the context has the call site of the test.
        let job = self.context.job(test);
        let runtime = runtime(self.worker_threads).expect("a runtime for the test can be made");
        runtime.block_on(job)
    }
}

impl Default for TestOptions {
    fn default() -> Self {
        Self::new()
    }
}

fn runtime(worker_threads: Option<usize>) -> std::io::Result<Runtime> {
    match worker_threads {
        Some(threads) => Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build(),
        None => Builder::new_current_thread().enable_all().build(),
    }
}
