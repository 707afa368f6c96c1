//! Pools of WebSockets, and what is borrowed of them.

use std::time::Duration;

use http_context::http_session;
use http_context::websocket::{WebSocketPool, WebSocketPoolError};

use super::ask::refused;
use super::compare::compare;
use super::kept::Kept;
use super::{FOR_EVER, Parted, Run};
use crate::peers::POOLED;
use crate::reference::{MOST_IN_USE, Seen};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Run<'_> {
    pub(super) async fn build_pool(&mut self, by: usize) -> Result<(), Parted> {
        let answers = self.reference.bound_drains(by);
        let Some(expected) = self.reference.build_pool(by) else {
            return Ok(());
        };
        self.log(format_args!("task {by}: builds a pool of WebSockets"));
        let url = self.peers.urls.websockets[POOLED][usize::from(answers)].clone();
        let built = self.tasks[by].actor.run(async { pool(url) }).await;
        let seen = if built.is_some() {
            Seen::Done
        } else {
            Seen::Unbound
        };
        self.kept.extend(built.map(Kept::Pool));
        compare(&expected, &seen)
    }

    pub(super) async fn borrow(&mut self, by: usize, at: usize, pool: usize) -> Result<(), Parted> {
        let Some(expected) = self.reference.borrow(by, pool) else {
            return Ok(());
        };
        self.log(format_args!("task {by}: borrows of the pool kept at {at}"));
        let Kept::Pool(pool) = &self.kept[at] else {
            unreachable!("picked so")
        };
        let pool = pool.clone();
        let borrowed = self.tasks[by].actor.run(async move { pool.get().await });
        let seen = match borrowed.await {
            Ok(socket) => {
                self.kept.push(Kept::Lent(socket));
                Seen::Done
            }
            Err(WebSocketPoolError::Closed) => Seen::PoolClosed,
            Err(WebSocketPoolError::WaitTimeout(_)) => Seen::AllInUse,
            Err(WebSocketPoolError::Connect(error)) => match error.downcast_ref() {
                Some(error) => refused(error)?,
                None => return Err(format!("a pool opens no WebSocket: {error:?}")),
            },
            Err(error) => return Err(format!("a pool of WebSockets: {error:?}")),
        };
        compare(&expected, &seen)
    }

    pub(super) fn put_back(&mut self, at: usize) {
        self.log(format_args!("puts back what is borrowed at {at}"));
        self.reference.put_back(at);
        let Kept::Lent(socket) = self.kept.remove(at) else {
            unreachable!("picked so")
        };
        socket.put_back();
    }

    pub(super) async fn close_websockets(&mut self, at: usize, pool: usize) -> Result<(), Parted> {
        let closes = self.reference.pool_answers(pool);
        self.log(format_args!(
            "the pool kept at {at} is {}",
            if closes { "closed" } else { "invalidated" }
        ));
        self.reference.close_websockets(pool);
        let Kept::Pool(pool) = &self.kept[at] else {
            unreachable!("picked so")
        };
        if closes {
            pool.close().await;
        } else {
            pool.invalidate();
        }
        Ok(())
    }
}

/// `None` where there is no context that it would belong to.
fn pool(url: String) -> Option<WebSocketPool> {
    let connect = move || {
        let url = url.clone();
        async move {
            let session = http_session()?;
            Ok::<_, BoxError>(session.websocket(url).connect().await?)
        }
    };
    let pool = WebSocketPool::builder(connect)
        .max_size(MOST_IN_USE)
        .wait_timeout(Duration::ZERO)
        .ping_timeout(FOR_EVER);
    pool.build().ok()
}
