//! The progress bar: on a terminal only, and never on standard output.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::progress::Progress;
use crate::terminal;

const DRAW_EVERY: Duration = Duration::from_millis(100);

/// A bar that follows a run. Dropping it takes the bar away.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl Bar {
    /// Draws on standard error, if that is a terminal.
    pub(crate) fn show(progress: watch::Receiver<Progress>) -> Option<Self> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
        if let Ok(style) =
            ProgressStyle::with_template("  {bar:32.cyan} {pos}/{len} jobs  {per_sec}  {msg}")
        {
            bar.set_style(style.progress_chars("━╸─"));
        }
        terminal::drawn(Some(bar.clone()));
        let drawn = bar.clone();
        let task = tokio::spawn(async move {
            let mut tick = interval(DRAW_EVERY);
            loop {
                tick.tick().await;
                let progress = progress.borrow().clone();
                drawn.set_length(progress.queued.max(1));
                drawn.set_position(progress.finished);
                drawn.set_message(message(&progress));
            }
        });
        Some(Self { bar, task })
    }
}

fn message(progress: &Progress) -> String {
    let mut parts = Vec::new();
    for (n, what) in [
        (progress.tally.failed, "failed"),
        (progress.tally.poisoned, "poisoned"),
        (progress.tally.retried, "retried"),
        (progress.rejected, "rejected"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    if !progress.read_all {
        parts.push("reading jobs".to_owned());
    }
    parts.join(", ")
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.task.abort();
        terminal::drawn(None);
        self.bar.finish_and_clear();
    }
}
