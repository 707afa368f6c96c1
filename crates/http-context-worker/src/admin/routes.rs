//! The one list of what there is to ask for.

use http::Method;

/// What can be asked for, each under a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Page,
    Metrics,
    Contexts,
    Latency,
    Live,
    Ready,
    Cancel,
    Retry,
}

impl Route {
    pub(super) const ALL: [Self; 8] = [
        Self::Page,
        Self::Metrics,
        Self::Contexts,
        Self::Latency,
        Self::Live,
        Self::Ready,
        Self::Cancel,
        Self::Retry,
    ];

    pub(super) fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.path() == path)
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::Metrics => "/metrics",
            Self::Contexts => "/debug/contexts",
            Self::Latency => "/debug/latency",
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Cancel => "/jobs/cancel",
            Self::Retry => "/jobs/retry",
        }
    }

    /// Whether it changes anything, and so wants the token.
    pub(super) fn is_command(self) -> bool {
        matches!(self, Self::Cancel | Self::Retry)
    }

    pub(super) fn allows(self, method: &Method) -> bool {
        if self.is_command() {
            *method == Method::POST
        } else {
            matches!(*method, Method::GET | Method::HEAD)
        }
    }

    /// The methods that it allows, as the header `allow` lists them.
    pub(super) fn methods(self) -> &'static str {
        if self.is_command() {
            "POST"
        } else {
            "GET, HEAD"
        }
    }
}
