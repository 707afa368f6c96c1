//! Which connection of a session a pair of addresses stands for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::{HashMap, HashSet};
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::Response;

use super::{AddressPair, ConnectionInfo, ConnectionUse};
use crate::sockets;

/// The connections that one session opened, by their addresses.
#[derive(Debug, Default)]
pub(crate) struct ConnectionTable(Mutex<Connections>);

#[derive(Debug, Default)]
struct Connections {
    by_addresses: HashMap<AddressPair, Entry>,
    /// At this many entries those whose socket is gone are forgotten.
    prune_at: usize,
}

/// An ephemeral port comes back once its connection is gone: the entry is then replaced, and the
/// id tells the two apart.
#[derive(Debug)]
struct Entry {
    info: Arc<ConnectionInfo>,
    has_carried: bool,
}

/// How a response came.
#[derive(Clone, Debug)]
pub(crate) struct Carrier {
    pub(crate) connection_use: ConnectionUse,
    pub(crate) connection: Option<Arc<ConnectionInfo>>,
    pub(crate) addresses: Option<AddressPair>,
}

const FEWEST_TO_PRUNE: usize = 1024;

impl ConnectionTable {
    pub(crate) fn opened(&self, info: &Arc<ConnectionInfo>) {
        let Some(addresses) = info.addresses else {
            return;
        };
        sockets::claim(addresses, info.id);
        let mut connections = self.lock();
        if connections.by_addresses.len() >= FEWEST_TO_PRUNE.max(connections.prune_at) {
            connections.forget_closed();
        }
        connections.by_addresses.insert(
            addresses,
            Entry {
                info: Arc::clone(info),
                has_carried: false,
            },
        );
    }

    /// Finds the connection that a response came over, and notes that it has carried one.
    pub(crate) fn carried(&self, response: &Response) -> Carrier {
        let unknown = Carrier {
            connection_use: ConnectionUse::Unknown,
            connection: None,
            addresses: None,
        };
        let Some(info) = response.extensions().get::<HttpInfo>() else {
            return unknown;
        };
        let addresses = AddressPair {
            local: info.local_addr(),
            remote: info.remote_addr(),
        };
        let mut connections = self.lock();
        let Some(entry) = connections.by_addresses.get_mut(&addresses) else {
            return Carrier {
                addresses: Some(addresses),
                ..unknown
            };
        };
        let had_carried = std::mem::replace(&mut entry.has_carried, true);
        Carrier {
            connection_use: if had_carried {
                ConnectionUse::Reused
            } else {
                ConnectionUse::New
            },
            connection: Some(Arc::clone(&entry.info)),
            addresses: Some(addresses),
        }
    }

    /// Takes every connection that was opened and not forgotten since. Who takes them has to
    /// [`release`](sockets::release) them.
    pub(crate) fn take(&self) -> Vec<sockets::Connection> {
        let taken = std::mem::take(&mut self.lock().by_addresses);
        taken
            .into_iter()
            .map(|(pair, entry)| (pair, entry.info.id))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    fn forget_closed(&mut self) {
        let all: Vec<_> = self
            .by_addresses
            .iter()
            .map(|(pair, entry)| (*pair, entry.info.id))
            .collect();
        if let Some(held) = sockets::still_held(&all) {
            let held: HashSet<_> = held.into_iter().collect();
            for (pair, id) in all {
                if !held.contains(&(pair, id)) {
                    sockets::release(pair, id);
                    self.by_addresses.remove(&pair);
                }
            }
        }
        self.prune_at = self.by_addresses.len() * 2;
    }
}

impl Drop for ConnectionTable {
    fn drop(&mut self) {
        let connections = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (pair, entry) in &connections.by_addresses {
            sockets::release(*pair, entry.info.id);
        }
    }
}
