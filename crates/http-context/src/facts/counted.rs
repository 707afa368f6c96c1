//! Numbers of things, as one writes them.

use std::fmt;

/// A number and what it is of, whose name is for one of them: `1 leak`, `2 leaks`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted(pub(crate) u64, pub(crate) &'static str);

impl Counted {
    /// As many as there are in a list.
    pub(crate) fn of(length: usize, name: &'static str) -> Self {
        Self(u64::try_from(length).unwrap_or(u64::MAX), name)
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, name) = self;
        let plural = if *number == 1 { "" } else { "s" };
        write!(f, "{number} {name}{plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_named_by_the_singular_alone() {
        let said = [0, 1, 2].map(|number| Counted::of(number, "leak").to_string());
        assert_eq!(said, ["0 leaks", "1 leak", "2 leaks"]);
    }
}
