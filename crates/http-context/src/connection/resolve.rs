//! Sees host names being looked up.

use std::sync::Arc;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name as HyperName};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;
use tower_service::Service;

use crate::error::NameNotResolved;
use crate::facts::NameLookup;
use crate::scope::{CURRENT_CONNECT, CURRENT_REQUEST, PlainConnect, RequestScope};

/// Notifies of each lookup of the resolver that it wraps.
pub(crate) struct ObservedResolver {
    pub(crate) resolver: Arc<dyn Resolve>,
    /// Whether it is that of a plain client.
    pub(crate) is_plain: bool,
}

/// For whom a name is looked up.
enum Asker {
    Request(Arc<RequestScope>),
    Plain(Arc<PlainConnect>),
}

impl Resolve for ObservedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let asker = if self.is_plain {
            CURRENT_CONNECT.try_with(Arc::clone).ok().map(Asker::Plain)
        } else {
            CURRENT_REQUEST
                .try_with(Arc::clone)
                .ok()
                .map(Asker::Request)
        };
        let text = name.as_str().to_owned();
        let lookup = self.resolver.resolve(name);
        Box::pin(async move {
            let started = Instant::now();
            match lookup.await {
                // Collected, to know how many there are; a handful at most.
                Ok(addresses) => {
                    let addresses: Vec<_> = addresses.collect();
                    notify(asker.as_ref(), text, started, Some(addresses.len()));
                    if addresses.is_empty() {
                        return Err(NameNotResolved("it has no address".into()).into());
                    }
                    Ok(Box::new(addresses.into_iter()) as Addrs)
                }
                Err(error) => {
                    notify(asker.as_ref(), text, started, None);
                    Err(NameNotResolved(error).into())
                }
            }
        })
    }
}

fn notify(asker: Option<&Asker>, name: String, started: Instant, addresses: Option<usize>) {
    let Some(asker) = asker else { return };
    let lookup = NameLookup {
        name,
        duration: started.elapsed(),
        addresses,
    };
    match asker {
        Asker::Request(request) => {
            request.notify(|observer, request| observer.name_resolved(request, &lookup));
        }
        Asker::Plain(connect) => connect.plain.note_name_resolved(&lookup),
    }
}

/// The operating system's resolver, which `reqwest` uses as well by default.
#[derive(Clone, Debug)]
pub(crate) struct SystemResolver(GaiResolver);

impl SystemResolver {
    pub(crate) fn new() -> Self {
        Self(GaiResolver::new())
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let mut resolver = self.0.clone();
        Box::pin(async move {
            let name: HyperName = name.as_str().parse()?;
            let addresses = resolver.call(name).await?;
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
