//! Builds the transport of a session, outside of every lock.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::sessions::{SessionOrigin, Sessions};
use crate::error::BuildError;
use crate::facts::SessionSource;
use crate::transport::Transport;

thread_local! {
    /// The sessions that are being built on this thread, by the address of their state. Options
    /// and observers run while they are.
    static BUILDING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// What carries the session of a context.
pub(super) struct Built {
    pub(super) transport: Arc<Transport>,
    pub(super) source: SessionSource,
    /// How long it took to build for a permit that came without one.
    pub(super) build_time: Option<Duration>,
}

impl Sessions {
    /// The transport of the permit, or one that is built now.
    pub(super) fn obtain_transport(&self) -> Result<Built, BuildError> {
        let _building = Building::begin(self)?;
        match &self.origin {
            SessionOrigin::Options(options) => {
                let scope = self.scope();
                let keeps_cookies = scope
                    .defaults
                    .as_ref()
                    .is_some_and(|defaults| defaults.keeps_cookies());
                let transport = Transport::build(options, &scope.observers, keeps_cookies)?;
                Ok(Built {
                    transport: Arc::new(transport),
                    source: SessionSource::Created,
                    build_time: None,
                })
            }
            SessionOrigin::Pool(pool) => {
                let warm = self
                    .permit
                    .lock()
                    .as_ref()
                    .and_then(|permit| permit.transport());
                if let Some(transport) = warm {
                    return Ok(Built {
                        transport,
                        source: SessionSource::Pooled,
                        build_time: None,
                    });
                }
                let started = Instant::now();
                Ok(Built {
                    transport: Arc::new(pool.build()?),
                    source: SessionSource::Created,
                    build_time: Some(started.elapsed()),
                })
            }
        }
    }
}

/// While a session is built on this thread: what builds it cannot wait for it.
pub(super) struct Building;

impl Building {
    pub(super) fn begin(sessions: &Sessions) -> Result<Self, BuildError> {
        let key = std::ptr::from_ref(sessions).addr();
        BUILDING.with_borrow_mut(|building| {
            if building.contains(&key) {
                return Err(BuildError::Reentrant);
            }
            building.push(key);
            Ok(Self)
        })
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        BUILDING.with_borrow_mut(Vec::pop);
    }
}
