//! All observers of one context or pool.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Observer;
use super::default::default_observer;

/// The observer of the process, and those that were set on a builder, side by side.
#[derive(Clone, Default)]
pub(crate) struct Observers {
    default: Option<&'static dyn Observer>,
    /// `None` is no more: a clone of it is free.
    own: Option<Arc<[Arc<dyn Observer>]>>,
}

impl Observers {
    /// Those that are given, after the one that is installed in the process by now, if any.
    pub(crate) fn with_default(own: Option<Arc<[Arc<dyn Observer>]>>) -> Self {
        Self {
            default: default_observer(),
            own,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.default.is_none() && self.own.is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn Observer> {
        let own = self.own.iter().flat_map(|own| own.iter());
        self.default
            .into_iter()
            .chain(own.map(|observer| &**observer))
    }

    /// Calls each observer with a fact. Every fact goes through here.
    #[inline]
    pub(crate) fn notify(&self, mut fact: impl FnMut(&dyn Observer)) {
        if let Some(observer) = self.default {
            call(observer, &mut fact);
        }
        if let Some(own) = &self.own {
            for observer in own.iter() {
                call(&**observer, &mut fact);
            }
        }
    }

    /// As `notify`, the last observer first: for what undoes a fact.
    #[inline]
    pub(crate) fn notify_reversed(&self, mut fact: impl FnMut(&dyn Observer)) {
        if let Some(own) = &self.own {
            for observer in own.iter().rev() {
                call(&**observer, &mut fact);
            }
        }
        if let Some(observer) = self.default {
            call(observer, &mut fact);
        }
    }
}

fn call(observer: &dyn Observer, fact: &mut impl FnMut(&dyn Observer)) {
    // A panic of one must not take along a request, an exit, another observer, or a thread that
    // looks after others.
    drop(catch_unwind(AssertUnwindSafe(|| fact(observer))));
}
