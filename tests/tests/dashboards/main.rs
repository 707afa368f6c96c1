//! `dashboards/`: rules, alerts, panels and runbook are right about what the software exports.
//!
//! What an expression computes is tested by `promtool` (`cargo xtask test --only dashboards`). Here
//! is what that cannot know: that each name and label exists, that nothing exported goes unseen,
//! and that whoever is woken finds what to do.

mod alerts;
mod files;
mod names;
mod panels;
mod promql;
