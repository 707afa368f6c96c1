//! What the program says of its contexts while it runs: leaks, nested opens, slow queues.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Writes warnings of contexts to standard error, a line each; the instrumentation sees to it that
/// one place does not fill the log. What other libraries say is not shown.
///
/// Does nothing where the process has a subscriber already.
pub(crate) fn install() {
    let warnings = Targets::new().with_target("http_context", LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(warnings)
        .try_init();
}
