//! Faults of looking a host's name up.

use std::net::SocketAddr;
use std::sync::Arc;

use http_context_tests::{RefusedPort, Server};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::cue::Cue;
use crate::scene::{Column, Front, Scene};

/// Answers every lookup at its cue, with these addresses or with an error.
pub(crate) struct Resolver {
    cue: Cue,
    found: Option<Vec<SocketAddr>>,
}

impl Resolve for Resolver {
    fn resolve(&self, _: Name) -> Resolving {
        let (cue, found) = (self.cue.clone(), self.found.clone());
        Box::pin(async move {
            cue.here().await;
            let found = found.ok_or("there is no such name")?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A request to a name, for which these addresses are found when the fault strikes.
pub(crate) fn resolving(front: Front, found: Option<Vec<SocketAddr>>) -> Scene {
    let cue = Cue::default();
    let resolver = Arc::new(Resolver {
        cue: cue.clone(),
        found,
    });
    Scene::get(front, "http://name.test/ok")
        .also(move |context| context.dns_resolver(resolver))
        .cue(&cue)
}

fn nobody() -> Front {
    Front::Nobody(SocketAddr::from(([127, 0, 0, 1], 80)))
}

pub(crate) fn fails(_: Column) -> Scene {
    resolving(nobody(), None).opens(0)
}

pub(crate) fn finds_nothing(_: Column) -> Scene {
    resolving(nobody(), Some(Vec::new())).opens(0)
}

pub(crate) fn stalls(column: Column) -> Scene {
    let cue = Cue::default();
    let resolver = Arc::new(Resolver {
        cue: cue.clone(),
        found: None,
    });
    resolving(nobody(), None)
        .also(move |context| {
            let context = context.dns_resolver(resolver);
            context.configure(move |client| client.connect_timeout(column.limit))
        })
        .middle(cue.reached())
        .strike(|_| {})
        .opens(0)
}

pub(crate) fn first_address_refuses(_: Column) -> Scene {
    let (refused, server) = (Arc::new(RefusedPort::new()), Arc::new(Server::start()));
    let found = vec![refused.addr(), server.addr()];
    let (held, gate) = (Arc::clone(&server), server.gate());
    let cue = Cue::default();
    cue.strike();
    // Without a port in the URL, the ports are those of the addresses.
    Scene::get(Front::Server(server), "http://name.test/slow-head")
        .also(move |context| {
            context.dns_resolver(Arc::new(Resolver {
                cue,
                found: Some(found),
            }))
        })
        .middle(async move {
            held.wait_until(|counts| counts.held == 1).await;
        })
        .strike(move |_| gate.open())
        .keep(refused)
}
