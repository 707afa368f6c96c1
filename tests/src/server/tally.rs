//! What became of each request, by a number that its caller gave it.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use http::HeaderMap;

/// The header that has the number.
const NUMBER: &str = "x-number";

/// Of each request that has a number, in the header `x-number`: how often its head arrived at a server, and how
/// many response heads the server has sent to it. Beyond 255 both stand still.
///
/// Many servers may write into one.
#[derive(Debug)]
pub struct Tally {
    arrivals: Box<[AtomicU8]>,
    heads: Box<[AtomicU8]>,
}

impl Tally {
    /// For numbers below this one; others are not noted.
    pub fn new(size: usize) -> Arc<Self> {
        let none = || (0..size).map(|_| AtomicU8::new(0)).collect();
        Arc::new(Self {
            arrivals: none(),
            heads: none(),
        })
    }

    /// How often a request with this number arrived.
    pub fn arrivals(&self, number: usize) -> u8 {
        read(&self.arrivals, number)
    }

    /// How many response heads were sent to it.
    pub fn heads(&self, number: usize) -> u8 {
        read(&self.heads, number)
    }

    /// Notes an arrival; returns the number, if there is one.
    pub(super) fn arrived(&self, headers: &HeaderMap) -> Option<usize> {
        let number = headers.get(NUMBER)?.to_str().ok()?.parse().ok()?;
        count(&self.arrivals, number);
        Some(number)
    }

    pub(super) fn head_sent(&self, number: usize) {
        count(&self.heads, number);
    }
}

fn read(of: &[AtomicU8], number: usize) -> u8 {
    of.get(number)
        .map_or(0, |count| count.load(Ordering::Relaxed))
}

fn count(of: &[AtomicU8], number: usize) {
    if let Some(count) = of.get(number) {
        // It fails where the count stands still.
        let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            count.checked_add(1)
        });
    }
}
