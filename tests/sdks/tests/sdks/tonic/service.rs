//! Two services of one kind: a desk that knows its prices, and a gateway that asks it, each call in a
//! context of its own.

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use futures_util::{Stream, StreamExt as _, stream};
use http_context::testing::Recorder;
use http_context::{HttpSession, builder, http_session};
use http_context_sdks::Server;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Result, Status, Streaming};

use super::quotes::client::QuotesClient;
use super::quotes::server::{Quotes, QuotesServer};
use super::quotes::{Item, Price};

pub(crate) struct Desk;

/// A hundred for each letter.
fn price(item: &Item) -> Price {
    let cents = u32::try_from(item.name.len() * 100).unwrap();
    Price { cents }
}

#[tonic::async_trait]
impl Quotes for Desk {
    type FollowStream = BoxStream<Price>;
    type TalkStream = BoxStream<Price>;

    async fn quote(&self, item: Request<Item>) -> Result<Response<Price>> {
        Ok(Response::new(price(item.get_ref())))
    }

    /// Of a mill it says one price, and fails.
    async fn follow(&self, item: Request<Item>) -> Result<Response<BoxStream<Price>>> {
        let item = item.into_inner();
        let mut prices = vec![Ok(price(&item))];
        if item.name == "mill" {
            let mut error = Status::resource_exhausted("one price a day");
            let retry_in = "3".parse().unwrap();
            error.metadata_mut().insert("retry-in", retry_in);
            prices.push(Err(error));
        }
        Ok(Response::new(stream::iter(prices).boxed()))
    }

    /// A price for each item, when it comes.
    async fn talk(&self, items: Request<Streaming<Item>>) -> Result<Response<BoxStream<Price>>> {
        let items = items.into_inner();
        let prices = items.map(|item| item.map(|item| price(&item)));
        Ok(Response::new(prices.boxed()))
    }
}

/// It has no client: each call asks by the session of its context.
pub(crate) struct Gateway {
    pub(crate) desk: String,
}

impl Gateway {
    fn desk(&self) -> Result<QuotesClient<HttpSession>> {
        let session = http_session().map_err(|error| Status::from_error(error.into()))?;
        let origin = self.desk.parse().map_err(|_| Status::internal("origin"))?;
        Ok(QuotesClient::with_origin(session, origin))
    }
}

#[tonic::async_trait]
impl Quotes for Gateway {
    type FollowStream = Streaming<Price>;
    type TalkStream = Streaming<Price>;

    async fn quote(&self, item: Request<Item>) -> Result<Response<Price>> {
        self.desk()?.quote(item.into_inner()).await
    }

    async fn follow(&self, item: Request<Item>) -> Result<Response<Streaming<Price>>> {
        self.desk()?.follow(item.into_inner()).await
    }

    async fn talk(&self, items: Request<Streaming<Item>>) -> Result<Response<Streaming<Price>>> {
        self.desk()?.talk(until_error(items.into_inner())).await
    }
}

/// What a client says until it hangs up.
fn until_error(items: Streaming<Item>) -> impl Stream<Item = Item> + Send + 'static {
    items
        .take_while(|item| ready(item.is_ok()))
        .filter_map(|item| ready(item.ok()))
}

/// A server of gRPC, and of HTTP/1.1 beside it.
pub(super) fn serve(quotes: impl Quotes) -> Server {
    Server::start(router(quotes))
}

/// The same, each call in a context.
pub(super) fn serve_in_contexts(quotes: impl Quotes, observer: Arc<Recorder>) -> Server {
    let context = builder().observer(observer);
    Server::start(router(quotes).layer(context.http_layer()))
}

fn router(quotes: impl Quotes) -> Router {
    let health = Router::new().route("/health", get(async || "well"));
    routes(quotes).merge(health)
}

/// The paths of the service alone.
pub(crate) fn routes(quotes: impl Quotes) -> Router {
    let service = QuotesServer::new(quotes);
    Router::new().route_service("/quotes.Quotes/{*method}", service)
}
