//! The messages that a conversation has received, as far as its result has room for them.

use crate::program::job::{MAX_RECEIVED_BYTES, WebSocketMessage};

/// The first messages, whole ones, up to [`MAX_RECEIVED_BYTES`].
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) kept: Vec<WebSocketMessage>,
    bytes_kept: usize,
    /// Those from the first one on that had no room.
    pub(super) omitted: u64,
}

impl Received {
    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.kept.len() as u64 + self.omitted
    }

    pub(super) fn text(&mut self, text: &str) {
        if self.has_room_for(text.len()) {
            self.kept.push(WebSocketMessage::Text(text.to_owned()));
        }
    }

    pub(super) fn binary(&mut self, bytes: &[u8]) {
        if self.has_room_for(bytes.len()) {
            let base64 = bytes.to_vec();
            self.kept.push(WebSocketMessage::Binary { base64 });
        }
    }

    /// Counts a message. Once one was left out all are, so that what is kept has no gaps.
    fn has_room_for(&mut self, bytes: usize) -> bool {
        let fits = self.omitted == 0 && self.bytes_kept + bytes <= MAX_RECEIVED_BYTES;
        if fits {
            self.bytes_kept += bytes;
        } else {
            self.omitted += 1;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_are_whole_messages_without_gaps() {
        let mut received = Received::default();
        received.text(&"a".repeat(MAX_RECEIVED_BYTES - 1));
        received.binary(&[1]);
        assert_eq!((received.kept.len(), received.omitted), (2, 0));
        received.binary(&[2]);
        received.text("");
        assert_eq!((received.kept.len(), received.omitted), (2, 2));
        assert_eq!(received.count(), 4);
    }

    #[test]
    fn a_message_that_is_longer_than_all_there_is_room_for_is_counted() {
        let mut received = Received::default();
        received.binary(&vec![0; MAX_RECEIVED_BYTES + 1]);
        received.text("short");
        assert_eq!((received.kept.len(), received.omitted), (0, 2));
    }
}
