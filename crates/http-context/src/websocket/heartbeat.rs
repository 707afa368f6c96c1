//! Asks the peer of a socket whether it is there, whether or not anybody reads.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::sleep;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::shared::Shared;
use crate::error::WebSocketError;
use crate::facts::{Direction, MessageType, UpgradeEndReason, UpgradeTraffic};

/// Begins it. It ends with the socket.
pub(super) fn begin(shared: &Arc<Shared>, interval: Duration) {
    let task = tokio::spawn(run(Arc::downgrade(shared), interval));
    shared.set_heartbeat(task.abort_handle());
}

async fn run(shared: Weak<Shared>, interval: Duration) {
    let mut beat = Beat::default();
    loop {
        sleep(interval).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if !shared.beat(&mut beat, interval) {
            return;
        }
    }
}

impl Shared {
    /// One interval of the heartbeat is over. Returns whether it goes on.
    fn beat(&self, beat: &mut Beat, interval: Duration) -> bool {
        let mut cx = Context::from_waker(&self.waker);
        let mut state = self.lock();
        if state.is_over || state.has_sent_close {
            return false;
        }
        let had_ahead = state.has_ahead();
        // What is polled here wakes them in place of the connection, until they poll it again.
        self.wakers.take_over(&mut state.waiting);
        // A pong may have come that nobody has read.
        match state.poll_ahead(&mut cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                self.end(state, UpgradeEndReason::Remote, None);
                return false;
            }
            Poll::Ready(Err(error)) => {
                let failure = self.failure_of(&mut state, error);
                self.end(state, UpgradeEndReason::Failed, Some(failure));
                return false;
            }
        }
        let traffic = self.control.traffic();
        let may_be_behind = state.is_ahead_full();
        if beat.is_missed(traffic, may_be_behind, self.control.is_amid_frame()) {
            self.control.note_end(UpgradeEndReason::HeartbeatTimeout);
            state.say_close(CloseCode::Away, "");
            let failure = WebSocketError::HeartbeatTimeout(interval);
            self.end(state, UpgradeEndReason::HeartbeatTimeout, Some(failure));
            return false;
        }
        if beat.is_answered(traffic) {
            beat.ask(traffic);
            // What is wrong with the connection shows when it is read or written next.
            let _ = state.ping(&mut cx);
        }
        let has_more = !had_ahead && state.has_ahead();
        drop(state);
        if has_more {
            self.wakers.wake_all();
        }
        true
    }
}

/// What was there when the peer was asked last.
#[derive(Default)]
struct Beat(Option<Asked>);

struct Asked {
    pings: u64,
    pongs: u64,
    sent: u64,
    received: u64,
    /// Whether there was more than is read for a holder who does not, so that the answer may be behind
    /// all that comes when he does.
    was_behind: bool,
}

impl Beat {
    fn ask(&mut self, traffic: &UpgradeTraffic) {
        self.0 = Some(Asked {
            pings: traffic.messages(Direction::Sent, MessageType::Ping),
            pongs: traffic.messages(Direction::Received, MessageType::Pong),
            sent: traffic.bytes(Direction::Sent),
            received: traffic.bytes(Direction::Received),
            was_behind: false,
        });
    }

    /// Whether the peer owes no answer.
    fn is_answered(&self, traffic: &UpgradeTraffic) -> bool {
        let pongs = traffic.messages(Direction::Received, MessageType::Pong);
        self.0.as_ref().is_none_or(|asked| asked.pongs < pongs)
    }

    /// Whether the peer has not answered, though it could have. It could not where its answer may be
    /// behind what nobody reads here, or behind a long message that comes or goes.
    fn is_missed(
        &mut self,
        traffic: &UpgradeTraffic,
        may_be_behind: bool,
        is_amid_frame: bool,
    ) -> bool {
        if self.is_answered(traffic) {
            return false;
        }
        let Some(asked) = &mut self.0 else {
            return false;
        };
        let (sent, received) = (
            traffic.bytes(Direction::Sent),
            traffic.bytes(Direction::Received),
        );
        let is_out = traffic.messages(Direction::Sent, MessageType::Ping) > asked.pings;
        let is_going = !is_out && sent > asked.sent;
        asked.was_behind |= may_be_behind;
        let is_coming = (is_amid_frame || asked.was_behind) && received > asked.received;
        (asked.sent, asked.received) = (sent, received);
        !(may_be_behind || is_going || is_coming)
    }
}

#[cfg(test)]
mod tests;
