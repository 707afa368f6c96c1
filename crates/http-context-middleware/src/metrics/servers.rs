//! All servers, by address and port: a bounded number of them.

use std::sync::Arc;

use hashbrown::{Equivalent, HashMap};
use http_context::Origin;
use parking_lot::Mutex;

use super::server::Server;
use super::sink::Sink;
use crate::attribute::OTHER;

/// Every server up to the cap; further ones share `_OTHER`.
#[derive(Debug)]
pub(crate) struct Servers {
    sink: Sink,
    cap: usize,
    /// Protects the table. Neither the recorder nor `tracing` is called under the lock.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_address: HashMap<(Arc<str>, u16), Arc<Server>>,
    /// Created at the first server beyond the cap, which is logged.
    other: Option<Arc<Server>>,
}

/// Attached to a host: the server of one instrumentation.
#[derive(Debug)]
struct OfHost(Arc<Server>);

#[derive(Hash, PartialEq, Eq)]
struct Borrowed<'a>(&'a str, u16);

impl Equivalent<(Arc<str>, u16)> for Borrowed<'_> {
    fn equivalent(&self, key: &(Arc<str>, u16)) -> bool {
        self.0 == &*key.0 && self.1 == key.1
    }
}

impl Servers {
    pub(crate) fn new(sink: Sink, cap: usize) -> Self {
        Self {
            sink,
            cap,
            known: Mutex::default(),
        }
    }

    /// The server that a host of a session stands for.
    pub(crate) fn of<'h>(&self, host: &'h Origin) -> &'h Arc<Server> {
        if let Some(OfHost(server)) = host.attached() {
            return server;
        }
        host.attach(OfHost(self.find(host)));
        let OfHost(server) = host.attached().expect("attached on the line above");
        server
    }

    fn find(&self, host: &Origin) -> Arc<Server> {
        let mut known = self.known.lock();
        if let Some(server) = known.by_address.get(&Borrowed(host.host(), host.port())) {
            return Arc::clone(server);
        }
        if known.by_address.len() < self.cap {
            let address: Arc<str> = host.host().into();
            let server = Server::new(self.sink.clone(), Arc::clone(&address), host.port());
            let server = Arc::new(server);
            let key = (address, host.port());
            known.by_address.insert(key, Arc::clone(&server));
            return server;
        }
        let is_first = known.other.is_none();
        let make = || Arc::new(Server::new(self.sink.clone(), OTHER.into(), 0));
        let other = Arc::clone(known.other.get_or_insert_with(make));
        drop(known);
        if is_first {
            tracing::warn!(
                target: "http_context",
                cap = self.cap,
                "more servers than the cap: metrics show further ones as `_OTHER`"
            );
        }
        other
    }
}
