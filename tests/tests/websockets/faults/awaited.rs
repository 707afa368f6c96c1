//! What comes of a fault for one who uses the WebSocket.

use std::time::Duration;

use http_context::UpgradeEndReason::{self, Failed, HeartbeatTimeout, Local, Remote};
use http_context::websocket::WebSocketError;
use http_context_tests::WebSocketPeer;

/// For what is not to be waited for.
const LONG: Duration = Duration::from_secs(15);
/// One way to fail.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) peer: WebSocketPeer,
    pub(super) awaited: Awaited,
}

impl Row {
    /// Short where it is waited for in vain.
    pub(super) fn handshake_timeout(&self) -> Duration {
        match self.awaited {
            Awaited::HandshakeTimeout => Duration::from_millis(400),
            // It has to be enough for the head.
            Awaited::RefusedLate(_) => Duration::from_secs(2),
            _ => LONG,
        }
    }

    /// A ping each, where it is used.
    pub(super) fn heartbeat(&self) -> Duration {
        match self.awaited {
            Awaited::Silent => Duration::from_millis(100),
            _ => LONG,
        }
    }

    pub(super) fn close_timeout(&self) -> Duration {
        match self.awaited {
            Awaited::CloseTimeout => Duration::from_millis(100),
            _ => LONG,
        }
    }
}

/// What comes of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Awaited {
    Refused(u16),
    /// With a body that does not end.
    RefusedLate(u16),
    Mismatch,
    NoResponse,
    HandshakeTimeout,
    /// It ends with the peer's Close frame, of this code.
    Closed(u16),
    /// The same, if the Close frame is read before the reset that follows it.
    ClosedOrLost(u16),
    /// It ends after a Close frame of this end.
    Answered,
    Lost(&'static [UpgradeEndReason]),
    /// The peer breaks the protocol.
    Broken,
    /// It does with its Close frame.
    BrokenClose,
    TooLong,
    Silent,
    CloseTimeout,
}

impl Awaited {
    pub(super) fn allows(self, reason: UpgradeEndReason) -> bool {
        match self {
            Self::Refused(_) | Self::RefusedLate(_) | Self::NoResponse | Self::HandshakeTimeout => {
                false
            }
            Self::Mismatch | Self::Broken | Self::TooLong => reason == Failed,
            Self::Closed(_) | Self::BrokenClose => reason == Remote,
            Self::ClosedOrLost(_) => matches!(reason, Remote | Failed),
            Self::Lost(reasons) => reasons.contains(&reason),
            Self::Silent => reason == HeartbeatTimeout,
            Self::Answered | Self::CloseTimeout => reason == Local,
        }
    }

    pub(super) fn assert(self, outcome: &Result<Option<u16>, WebSocketError>, what: &str) {
        use WebSocketError as E;
        let is_it = match (self, outcome) {
            (Self::Refused(status) | Self::RefusedLate(status), Err(E::Refused(refusal))) => {
                refusal.status == status
            }
            (Self::Closed(code) | Self::ClosedOrLost(code), Ok(Some(got))) => *got == code,
            (Self::Mismatch, Err(E::Mismatch(_)))
            | (Self::NoResponse, Err(E::Request(_)))
            | (Self::HandshakeTimeout, Err(E::HandshakeTimeout(_)))
            | (Self::Answered, Ok(None))
            | (Self::Lost(_) | Self::ClosedOrLost(_), Err(E::ConnectionLost(_)))
            | (Self::Broken | Self::BrokenClose, Err(E::Protocol(_)))
            | (Self::TooLong, Err(E::TooLong { .. }))
            | (Self::Silent, Err(E::HeartbeatTimeout(_)))
            | (Self::CloseTimeout, Err(E::CloseTimeout(_))) => true,
            _ => false,
        };
        assert!(is_it, "{what}: {outcome:?} is not {self:?}");
    }
}
