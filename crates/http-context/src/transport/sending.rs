//! A request that has its slot, on its way to a head.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use reqwest::{Request, Response, Url};
use reqwest_middleware::ClientWithMiddleware;

use super::chain::Chained;
use super::extensions::LentExtensions;
use super::follow::{Follow, Head};
use super::hop_client::HopClient;
use super::host_slots::Slot;
use crate::error::RequestFailure;
use crate::scope::RequestScope;

/// A request that has its slot.
pub(crate) enum Sending {
    /// In the hands of `reqwest`.
    Direct(Follow),
    /// In the hands of middleware.
    Chain {
        chain: ChainFuture,
        chained: Chained,
    },
}

pub(crate) type ChainFuture =
    Pin<Box<dyn Future<Output = Result<Response, reqwest_middleware::Error>> + Send>>;

impl Sending {
    /// Hands it to a chain of middleware.
    pub(super) fn through(
        client: ClientWithMiddleware,
        request: Request,
        mut extensions: LentExtensions,
        chained: Chained,
    ) -> Self {
        extensions.carry(chained.clone());
        let chain = Box::pin(async move {
            client
                .execute_with_extensions(request, &mut extensions)
                .await
        });
        Self::Chain { chain, chained }
    }

    /// Polls for a head, as [`Follow::poll`] does.
    #[inline]
    pub(super) fn poll(
        &mut self,
        client: &HopClient,
        scope: &RequestScope,
        cx: &mut Context<'_>,
        head: &mut Option<Head>,
    ) -> Poll<Result<(), RequestFailure>> {
        Poll::Ready(match self {
            Self::Direct(follow) => return follow.poll(client, Some(scope), cx, head),
            Self::Chain { chain, chained } => match ready!(chain.as_mut().poll(cx)) {
                Ok(response) => {
                    let connection = chained.connection_of(&response);
                    *head = Some(Head {
                        response,
                        connection,
                    });
                    Ok(())
                }
                Err(error) => Err(RequestFailure::of_chain(error)),
            },
        })
    }

    /// The slot that it has, for the body of its response.
    pub(crate) fn take_slot(&mut self) -> Option<Slot> {
        match self {
            Self::Direct(follow) => follow.take_slot(),
            Self::Chain { chained, .. } => chained.take_slot(),
        }
    }

    /// Where it failed, if that is at hand.
    pub(crate) fn failed_at(&self) -> Option<&Url> {
        match self {
            Self::Direct(follow) => follow.failed_at(),
            Self::Chain { .. } => None,
        }
    }

    /// It is dropped before its head. What is under way in a chain sees that itself.
    pub(super) fn note_dropped(&self, client: &HopClient, scope: &RequestScope) {
        if let Self::Direct(follow) = self {
            follow.note_dropped(client, scope);
        }
    }
}
