//! The names of callers: few, and kept for as long as the process lives.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashSet;
use parking_lot::RwLock;

/// So many distinct names are kept.
const NAMES: usize = 128;
/// What is longer is cut off, in bytes.
const LENGTH: usize = 64;
/// All that come after so many.
const OTHER: &str = "_OTHER";

/// Nothing of a user runs under the lock, and no other is taken under it.
static KEPT: LazyLock<RwLock<HashSet<&'static str>>> = LazyLock::new(RwLock::default);
/// Whether there was ever one. A request of a process that names no caller looks no further.
static IS_ANY: AtomicBool = AtomicBool::new(false);

/// The code that makes requests, by its name; see [`caller`](crate::caller()).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caller(&'static str);

impl Caller {
    pub(crate) fn named(name: &str) -> Self {
        // Relaxed: a scope is entered by whoever has set it, or was handed the caller by them.
        IS_ANY.store(true, Ordering::Relaxed);
        let name = beginning_of(name);
        if let Some(kept) = KEPT.read().get(name) {
            return Self(kept);
        }
        let mut names = KEPT.write();
        if let Some(kept) = names.get(name) {
            return Self(kept);
        }
        if names.len() == NAMES {
            return Self(OTHER);
        }
        let kept = Box::leak(Box::<str>::from(name));
        names.insert(kept);
        Self(kept)
    }

    /// Whether any caller has a name in this process.
    pub(super) fn is_any() -> bool {
        IS_ANY.load(Ordering::Relaxed)
    }

    /// Its name; `_OTHER` where the process has had too many.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// As much of it as is kept, in whole characters.
fn beginning_of(name: &str) -> &str {
    let ends = (0..=LENGTH.min(name.len())).rev();
    let end = ends.into_iter().find(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or_default()]
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Caller").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test: the table is that of the process.
    #[test]
    fn names_are_short_and_few() {
        assert_eq!(Caller::named("sdk"), Caller::named("sdk"));
        let cut = Caller::named(&"é".repeat(40));
        assert_eq!(cut.name(), "é".repeat(32));
        let cut = Caller::named(&format!("a{}", "é".repeat(40)));
        assert_eq!(cut.name(), format!("a{}", "é".repeat(31)));
        assert_eq!(Caller::named("").name(), "");
        let many: Vec<_> = (0..NAMES).map(|n| Caller::named(&n.to_string())).collect();
        let kept = many.iter().filter(|caller| caller.name() != OTHER);
        assert_eq!(kept.count(), NAMES - 4);
        assert_eq!(Caller::named("one more").name(), OTHER);
        assert_eq!(Caller::named("sdk").name(), "sdk");
        assert_eq!(format!("{:>5}", Caller::named("sdk")), "  sdk");
    }
}
