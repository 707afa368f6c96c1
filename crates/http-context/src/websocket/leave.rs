//! A socket takes leave of its peer when its session closes.

use std::task::{Context, Poll};

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::shared::Shared;
use super::wakers::Polls;
use crate::exchange::Farewell;
use crate::facts::UpgradeEndReason;

impl Farewell for Shared {
    fn say(&self) {
        let mut state = self.lock();
        self.share(&mut state);
        if !state.is_over && !state.has_sent_close && !state.has_received_close {
            self.control.note_end(UpgradeEndReason::Exit);
            state.is_closed_by_session = true;
            state.say_close(CloseCode::Away, "");
        }
    }

    fn poll_answered(&self, cx: &mut Context<'_>) -> Poll<()> {
        let (mut state, mut cx) = self.poll(Polls::Exit, cx);
        if state.is_over {
            return Poll::Ready(());
        }
        let had_ahead = state.has_ahead();
        let polled = state.poll_ahead(&mut cx);
        let has_more = !had_ahead && state.has_ahead();
        match polled {
            Poll::Pending => {
                drop(state);
                if has_more {
                    self.wakers.wake_all();
                }
                Poll::Pending
            }
            Poll::Ready(Ok(())) => {
                self.end(state, UpgradeEndReason::Exit, None);
                Poll::Ready(())
            }
            Poll::Ready(Err(error)) => {
                let failure = self.failure_of(&mut state, error);
                self.end(state, UpgradeEndReason::Failed, Some(failure));
                Poll::Ready(())
            }
        }
    }
}
