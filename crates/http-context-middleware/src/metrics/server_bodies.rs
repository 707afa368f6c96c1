//! The handles of what the bodies of a server's responses take.

use http_context::BodyEndReason;
use metrics::Histogram;

use super::catalogue;
use super::handle::Lazy;
use super::server::Server;
use super::sink::label;
use crate::attribute::{HTTP_REQUEST_METHOD, REASON};
use crate::method::KnownMethod;

/// Of one server, by method. A server has one with its first body.
#[derive(Debug, Default)]
pub(super) struct BodyHandles {
    durations: [[Lazy<Histogram>; BodyEndReason::ALL.len()]; KnownMethod::COUNT],
    first_chunks: [Lazy<Histogram>; KnownMethod::COUNT],
}

impl Server {
    pub(crate) fn body_duration(&self, method: KnownMethod, reason: BodyEndReason) -> &Histogram {
        let index = match reason {
            BodyEndReason::Complete => 0,
            BodyEndReason::Failed => 1,
            BodyEndReason::Dropped => 2,
            _ => 3,
        };
        self.bodies().durations[method.index()][index].get_or_take(|| {
            let mut labels = self.labels_and(HTTP_REQUEST_METHOD, method.as_str());
            labels.push(label(REASON, reason.as_str()));
            self.sink
                .histogram(&catalogue::RESPONSE_BODY_DURATION, labels)
        })
    }

    pub(crate) fn time_to_first_chunk(&self, method: KnownMethod) -> &Histogram {
        self.bodies().first_chunks[method.index()].get_or_take(|| {
            let labels = self.labels_and(HTTP_REQUEST_METHOD, method.as_str());
            self.sink.histogram(&catalogue::TIME_TO_FIRST_CHUNK, labels)
        })
    }

    fn bodies(&self) -> &BodyHandles {
        self.bodies.get_or_take(Box::default)
    }
}
