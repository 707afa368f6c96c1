//! Sees host names being looked up.

use std::sync::Arc;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name as HyperName};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;
use tower_service::Service;

use crate::error::NameNotResolved;
use crate::facts::NameLookup;
use crate::scope::{CURRENT_REQUEST, RequestScope};

/// Notifies of each lookup of the resolver that it wraps.
pub(crate) struct ObservedResolver(pub(crate) Arc<dyn Resolve>);

impl Resolve for ObservedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let request = CURRENT_REQUEST.try_with(Arc::clone).ok();
        let text = name.as_str().to_owned();
        let lookup = self.0.resolve(name);
        Box::pin(async move {
            let started = Instant::now();
            match lookup.await {
                // Collected, to know how many there are; a handful at most.
                Ok(addresses) => {
                    let addresses: Vec<_> = addresses.collect();
                    notify(request.as_deref(), text, started, Some(addresses.len()));
                    if addresses.is_empty() {
                        return Err(NameNotResolved("it has no address".into()).into());
                    }
                    Ok(Box::new(addresses.into_iter()) as Addrs)
                }
                Err(error) => {
                    notify(request.as_deref(), text, started, None);
                    Err(NameNotResolved(error).into())
                }
            }
        })
    }
}

fn notify(
    request: Option<&RequestScope>,
    name: String,
    started: Instant,
    addresses: Option<usize>,
) {
    if let Some(request) = request {
        let lookup = NameLookup {
            name,
            duration: started.elapsed(),
            addresses,
        };
        request.notify(|observer, request| observer.name_resolved(request, &lookup));
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
