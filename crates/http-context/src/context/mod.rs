//! Contexts: the ambient scope of a job, and which one is bound to the task.

mod children;
mod current;
mod http_context;
mod nested;
mod open_contexts;
mod options;
mod overdue;

pub(crate) use current::{
    BOUND, Bound, bound, http_session_at, open_context, passes_through_unobserved,
};
pub use current::{closing, current, http_session};
pub use http_context::HttpContext;
pub use open_contexts::open_contexts;
pub(crate) use options::{ContextOptions, default_options};
