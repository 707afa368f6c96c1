//! Room for an observer's own state in the things that it is given.

use std::any::Any;
use std::sync::OnceLock;

/// States of different types, added one by one and kept until the end.
///
/// A list that only grows: looking one up takes no lock. Several observers of one thing each keep
/// their own.
#[derive(Default)]
pub(crate) struct Attached(OnceLock<Box<Node<dyn Any + Send + Sync>>>);

struct Node<T: ?Sized> {
    next: Attached,
    state: T,
}

impl Attached {
    /// Keeps a state, unless there is one of its type. Returns whether it was kept.
    pub(crate) fn attach<T: Any + Send + Sync>(&self, state: T) -> bool {
        let mut node: Box<Node<dyn Any + Send + Sync>> = Box::new(Node {
            next: Self::default(),
            state,
        });
        let mut end = self;
        loop {
            match end.try_set(node) {
                Ok(()) => return true,
                Err(refused) => node = refused,
            }
            let there = end.0.get().expect("it refused because it is set");
            if there.state.is::<T>() {
                return false;
            }
            end = &there.next;
        }
    }

    pub(crate) fn get<T: Any>(&self) -> Option<&T> {
        let mut next = self.0.get();
        while let Some(node) = next {
            if let Some(state) = node.state.downcast_ref() {
                return Some(state);
            }
            next = node.next.0.get();
        }
        None
    }

    fn try_set(
        &self,
        node: Box<Node<dyn Any + Send + Sync>>,
    ) -> Result<(), Box<Node<dyn Any + Send + Sync>>> {
        self.0.set(node)
    }
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attached").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_different_types_stand_side_by_side_and_the_first_of_a_type_stays() {
        let attached = Attached::default();
        assert_eq!(attached.get::<u8>(), None);
        assert!(attached.attach(1_u8));
        assert!(attached.attach("two"));
        assert!(!attached.attach(3_u8));
        assert_eq!(
            (attached.get(), attached.get()),
            (Some(&1_u8), Some(&"two"))
        );
        assert_eq!(attached.get::<u16>(), None);
    }

    #[test]
    fn states_are_not_printed() {
        let attached = Attached::default();
        attached.attach("a secret");
        assert_eq!(format!("{attached:?}"), "Attached { .. }");
    }
}
