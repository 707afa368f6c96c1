//! A socket of a pool, while it is used.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use deadpool::managed::Object;

use super::manager::Manager;
use crate::session::Borrow;
use crate::websocket::WebSocket;

/// A WebSocket of a pool, from [`WebSocketPool::get`](super::WebSocketPool::get). Dropped without
/// [`put_back`](Self::put_back) it is closed.
pub struct PooledWebSocket {
    /// Until it goes back, or is closed.
    object: Option<Object<Manager>>,
    /// Counts it in the context that uses it.
    borrow: Option<Borrow>,
    generation: Arc<AtomicU64>,
}

impl PooledWebSocket {
    pub(super) fn new(
        object: Object<Manager>,
        borrow: Option<Borrow>,
        generation: &Arc<AtomicU64>,
    ) -> Self {
        Self {
            object: Some(object),
            borrow,
            generation: Arc::clone(generation),
        }
    }

    /// Gives it back for others to use: nothing more is expected from the peer.
    pub fn put_back(mut self) {
        self.borrow.take();
        if let Some(mut object) = self.object.take() {
            if object.is_of(&self.generation) {
                object.became_idle();
            } else {
                drop(Object::take(object));
            }
        }
    }

    fn object(&self) -> &Object<Manager> {
        let object = self.object.as_ref();
        object.expect("it is there until it goes back")
    }
}

impl Deref for PooledWebSocket {
    type Target = WebSocket;

    fn deref(&self) -> &WebSocket {
        &self.object().socket
    }
}

impl DerefMut for PooledWebSocket {
    fn deref_mut(&mut self) -> &mut WebSocket {
        let object = self.object.as_mut();
        &mut object.expect("it is there until it goes back").socket
    }
}

impl Drop for PooledWebSocket {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

impl fmt::Debug for PooledWebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PooledWebSocket").field(&**self).finish()
    }
}
