//! A request that has its slot, on its way to a head.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use reqwest::{Response, Url};

use super::chain::Chained;
use super::follow::{Follow, Head};
use super::hop_client::HopClient;
use super::host_slots::Slot;
use crate::connection::ResponseConnection;
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

/// What a request is answered with.
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) connection: ResponseConnection,
    pub(crate) slot: Option<Slot>,
}

impl Sending {
    pub(super) fn poll(
        &mut self,
        client: &HopClient,
        scope: &RequestScope,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, RequestFailure>> {
        Poll::Ready(match self {
            Self::Direct(follow) => {
                let head = ready!(follow.poll(client, Some(scope), cx));
                head.map(
                    |Head {
                         response,
                         connection,
                     }| Answer {
                        response,
                        connection,
                        slot: follow.take_slot(),
                    },
                )
            }
            Self::Chain { chain, chained } => match ready!(chain.as_mut().poll(cx)) {
                Ok(response) => Ok(Answer {
                    connection: chained.connection_of(&response),
                    response,
                    slot: chained.take_slot(),
                }),
                Err(error) => Err(RequestFailure::of_chain(error)),
            },
        })
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
