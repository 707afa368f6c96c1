//! What WebSockets carried, by what is exported and by what a server counted.

use std::net::SocketAddr;

use http_context_tests::{WebSocketCounts, WireTraffic};

use crate::rig::Exported;

/// What is exported of the WebSockets to one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) upgraded: u64,
    pub(crate) sent: Traffic,
    pub(crate) received: Traffic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traffic {
    bytes: u64,
    /// Text, binary, ping, pong, close.
    frames: [u64; 5],
}

impl Traffic {
    pub(crate) fn of(counted: &WireTraffic) -> Self {
        let WireTraffic {
            bytes,
            text,
            binary,
            ping,
            pong,
            close,
        } = *counted;
        Self {
            bytes,
            frames: [text, binary, ping, pong, close],
        }
    }

    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let frames = self.frames.iter().zip(&other.frames);
        self.bytes <= other.bytes && frames.into_iter().all(|(less, more)| less <= more)
    }
}

impl Carried {
    pub(crate) fn of(exported: &Exported, server: SocketAddr) -> Self {
        let port = server.port().to_string();
        let at = ("server_port", port.as_str());
        let traffic = |direction| {
            let direction = ("direction", direction);
            let sum = |name: &str, labels: &[(&str, &str)]| {
                u64::try_from(exported.sum(name, labels)).unwrap()
            };
            let frames = ["text", "binary", "ping", "pong", "close"].map(|of_type| {
                let labels = [at, direction, ("type", of_type)];
                sum("http_context_websocket_messages_total", &labels)
            });
            Traffic {
                bytes: sum("http_context_upgraded_bytes_total", &[at, direction]),
                frames,
            }
        };
        let upgraded = exported.count("http_context_upgraded_duration_seconds", &[at]);
        Self {
            upgraded: u64::try_from(upgraded).unwrap(),
            sent: traffic("sent"),
            received: traffic("received"),
        }
    }

    /// What it is to be by the counts of the server.
    pub(crate) fn counted(counts: &WebSocketCounts) -> Self {
        Self {
            upgraded: counts.upgraded,
            sent: Traffic::of(&counts.received),
            received: Traffic::of(&counts.sent),
        }
    }
}
