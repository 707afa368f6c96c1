//! The histograms of requests, by their labels.

use std::hash::BuildHasher as _;
use std::sync::OnceLock;

use hashbrown::DefaultHashBuilder;
use http_context::ErrorKind;
use metrics::{Histogram, Label, SharedString};
use reqwest::StatusCode;

use super::handle::Lazy;
use super::sink::label;
use crate::attribute::{
    ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, NETWORK_PROTOCOL_VERSION,
    URL_TEMPLATE,
};
use crate::method::KnownMethod;
use crate::version::ProtocolVersion;

/// How many series of one server are cached. Further ones cost a lookup in the recorder each.
const SLOTS: usize = 64;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Answered(StatusCode, ProtocolVersion),
    Failed(ErrorKind),
    /// The caller dropped it.
    Cancelled,
}

/// The labels of one series of a server. Each comes from a closed or a bounded set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SeriesKey {
    pub(crate) method: KnownMethod,
    pub(crate) end: End,
    pub(crate) template: Option<SharedString>,
}

impl SeriesKey {
    /// Appends the labels to those of the server.
    pub(crate) fn labels(&self, mut labels: Vec<Label>) -> Vec<Label> {
        labels.push(label(HTTP_REQUEST_METHOD, self.method.as_str()));
        match self.end {
            End::Answered(status, version) => {
                let status: SharedString = status.as_str().to_owned().into();
                if is_error(&status) {
                    labels.push(label(ERROR_TYPE, status.clone()));
                }
                labels.push(label(HTTP_RESPONSE_STATUS_CODE, status));
                labels.push(label(NETWORK_PROTOCOL_VERSION, version.as_str()));
            }
            End::Failed(kind) => labels.push(label(ERROR_TYPE, kind.as_str())),
            End::Cancelled => {}
        }
        if let Some(template) = &self.template {
            labels.push(label(URL_TEMPLATE, template.clone()));
        }
        labels
    }
}

fn is_error(status: &str) -> bool {
    matches!(status.as_bytes().first(), Some(b'4'..=b'9'))
}

/// The three histograms of one series.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) duration: Lazy<Histogram>,
    pub(crate) request_size: Lazy<Histogram>,
    pub(crate) response_size: Lazy<Histogram>,
}

/// Open addressing over slots that are set once: a lookup takes no lock.
#[derive(Debug)]
pub(crate) struct SeriesTable {
    slots: Box<[OnceLock<(SeriesKey, Series)>]>,
    hasher: DefaultHashBuilder,
}

impl Default for SeriesTable {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| OnceLock::new()).collect(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl SeriesTable {
    /// The series of a key, or `None` when all slots belong to others.
    pub(crate) fn get(&self, key: &SeriesKey) -> Option<&Series> {
        #[allow(clippy::cast_possible_truncation, reason = "a few bits are enough")]
        let start = self.hasher.hash_one(key) as usize;
        for step in 0..SLOTS {
            let slot = &self.slots[start.wrapping_add(step) % SLOTS];
            let (owner, series) = slot.get_or_init(|| {
                let series = Series {
                    duration: Lazy::new(),
                    request_size: Lazy::new(),
                    response_size: Lazy::new(),
                };
                (key.clone(), series)
            });
            if owner == key {
                return Some(series);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(status: u16) -> SeriesKey {
        SeriesKey {
            method: KnownMethod::of(&reqwest::Method::GET),
            end: End::Answered(
                StatusCode::from_u16(status).unwrap(),
                ProtocolVersion::of(reqwest::Version::HTTP_2),
            ),
            template: None,
        }
    }

    #[test]
    fn a_key_finds_its_own_series_until_all_slots_are_taken() {
        let table = SeriesTable::default();
        for status in 200..264 {
            assert!(table.get(&key(status)).is_some());
        }
        let first: *const Series = table.get(&key(200)).unwrap();
        assert!(std::ptr::eq(first, table.get(&key(200)).unwrap()));
        assert!(table.get(&key(500)).is_none());
    }

    #[test]
    fn every_failure_has_an_error_type_and_a_cancellation_has_none() {
        let names = |end| {
            let key = SeriesKey { end, ..key(200) };
            let labels = key.labels(Vec::new());
            labels
                .iter()
                .filter(|label| label.key() == ERROR_TYPE)
                .map(|label| label.value().to_owned())
                .collect::<Vec<_>>()
        };
        let answered =
            |status| End::Answered(status, ProtocolVersion::of(reqwest::Version::HTTP_2));
        assert_eq!(names(answered(StatusCode::OK)), Vec::<String>::new());
        assert_eq!(names(answered(StatusCode::NOT_FOUND)), ["404"]);
        assert_eq!(names(answered(StatusCode::BAD_GATEWAY)), ["502"]);
        assert_eq!(names(End::Failed(ErrorKind::Timeout)), ["timeout"]);
        assert_eq!(names(End::Cancelled), Vec::<String>::new());
    }
}
