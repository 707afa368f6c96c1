//! The second half of an exchange whose connection was upgraded, as its holder reads and writes it.

use std::io;
use std::sync::Arc;
use std::task::Poll;

use hyper::upgrade::OnUpgrade;
use reqwest::{Method, Response, StatusCode, header};

use super::open_upgrades;
use super::state::{Driven, Exchange, Stage};
use super::upgrade_handle;
use super::upgraded_io::Farewell;
use super::upgraded_io::Upgraded;
use crate::connection::Connection;
use crate::facts::{
    BodyEnd, BodyEndReason, Direction, Upgrade, UpgradeEnd, UpgradeEndReason, UpgradeProtocol,
    UpgradeTraffic,
};
use crate::transport::Slot;

impl Exchange {
    /// Takes what a response upgrades to out of it, if it does, and puts in a handle that points
    /// here.
    pub(super) fn take_upgrade(self: &Arc<Self>, response: &mut Response) -> Option<Box<Upgraded>> {
        let may_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS
            || *self.info.method() == Method::CONNECT;
        if !may_upgrade {
            return None;
        }
        let upgrade = response.extensions_mut().remove::<OnUpgrade>()?;
        // Without it the response cannot be upgraded, and says so to who tries.
        let traffic = Arc::new(UpgradeTraffic::new());
        let ours = upgrade_handle::on_upgrade(Arc::clone(self), Arc::clone(&traffic))?;
        response.extensions_mut().insert(ours);
        let protocol = response.headers().get(header::UPGRADE);
        let is_websocket =
            protocol.is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"));
        let protocol = if is_websocket {
            UpgradeProtocol::WebSocket
        } else {
            UpgradeProtocol::Other
        };
        Some(Box::new(Upgraded::new(upgrade, protocol, traffic)))
    }

    /// From here on it has an upgraded connection.
    pub(super) fn upgrade(
        &self,
        mut upgraded: Box<Upgraded>,
        slot: Option<Slot>,
        connection: Option<Arc<Connection>>,
    ) {
        self.lock().upgraded = Some(Arc::clone(&upgraded.traffic));
        upgraded.slot = slot;
        upgraded.connection = connection;
        *self.driven() = Driven::Upgraded(upgraded);
    }

    /// Observers have heard of it: from here on it is among those that are open.
    pub(super) fn list_upgraded(self: &Arc<Self>, upgrade: Upgrade) {
        let listed = open_upgrades::list(self, upgrade);
        if let Driven::Upgraded(upgraded) = &mut *self.driven() {
            upgraded.listed = Some(listed);
        }
    }

    /// Reads or writes the upgraded connection, unless it was cut off.
    pub(super) fn poll_upgraded<T>(
        &self,
        poll: impl FnOnce(&mut Upgraded) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut *self.driven() {
            Driven::Upgraded(upgraded) => poll(upgraded),
            _ => Poll::Ready(Err(self.cut_off_error())),
        }
    }

    /// Whether the response has reached its caller, and with it what it was upgraded to.
    pub(super) fn has_handed_over(&self) -> bool {
        !matches!(self.lock().stage, Stage::PollingRequest | Stage::Notifying)
    }

    /// What can take leave of the peer, while it is upgraded.
    pub(crate) fn farewell(&self) -> Option<Arc<dyn Farewell>> {
        if self.lock().stage != Stage::Upgraded {
            return None;
        }
        match &*self.driven() {
            Driven::Upgraded(upgraded) => upgraded.farewell.as_ref()?.upgrade(),
            _ => None,
        }
    }

    /// Ends it, while its holder has a handle that reads and writes nothing any more.
    #[cfg(feature = "websocket")]
    pub(super) fn end_by_protocol(&self, reason: UpgradeEndReason, is_dropped: bool) {
        let mut locked = self.lock();
        if locked.stage != Stage::Upgraded {
            return;
        }
        locked.stage = Stage::Over;
        drop(locked);
        if let Driven::Upgraded(upgraded) = self.take_driven() {
            self.end_upgraded(*upgraded, reason, is_dropped);
        }
    }

    /// Whether its holder has one that was ended under it.
    pub(crate) fn is_kept(&self) -> bool {
        let locked = self.lock();
        locked.stage == Stage::Over && !locked.is_released
    }

    fn cut_off_error(&self) -> io::Error {
        io::Error::new(io::ErrorKind::ConnectionAborted, self.closed_error())
    }

    /// Its holder lets go of it.
    pub(super) fn drop_upgraded(&self) {
        let mut locked = self.lock();
        let is_open = locked.stage == Stage::Upgraded;
        locked.stage = Stage::Over;
        // Before its end is told: an exit that sees it is not to take it for kept.
        locked.is_released = true;
        drop(locked);
        if is_open && let Driven::Upgraded(upgraded) = self.take_driven() {
            let is_dropped = upgraded.ended.is_none();
            self.end_upgraded(*upgraded, UpgradeEndReason::Local, is_dropped);
        }
        self.release_body(self.lock());
    }

    /// Its end, for this reason where nothing has ended it before.
    pub(super) fn end_upgraded(&self, ended: Upgraded, reason: UpgradeEndReason, is_dropped: bool) {
        let Upgraded {
            io,
            slot,
            connection,
            protocol,
            traffic,
            ended,
            is_broken,
            close_code,
            listed,
            reader,
            writer,
            ..
        } = ended;
        let reason = ended.unwrap_or(reason);
        if let Some(connection) = connection.as_ref().filter(|_| !is_broken) {
            // Before that, since its close may be announced at once.
            connection.note_dropped();
        }
        // The connection is closed before observers hear of the end.
        drop(io);
        drop(slot);
        drop(listed);
        if let Some(connection) = connection {
            connection.response_ended(is_broken, false);
        }
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
        self.count_sent(traffic.bytes(Direction::Sent));
        self.count_received(traffic.bytes(Direction::Received));
        let end = UpgradeEnd {
            protocol,
            reason,
            duration: traffic.since().elapsed(),
            traffic,
            is_dropped,
            close_code,
        };
        self.notify(|observer, request| observer.upgrade_ended(request, &end));
        let reason = match reason {
            UpgradeEndReason::Exit => BodyEndReason::Aborted,
            _ => BodyEndReason::Complete,
        };
        self.end_body(BodyEnd {
            reason,
            bytes: 0,
            duration: end.duration,
            first_chunk: None,
        });
    }
}
