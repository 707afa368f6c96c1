//! Who queues a batch, and its number, by which Redis knows a batch that is sent again.
//!
//! Redis keeps the last number of each series, so the batches of one are sent one after another. As many
//! series are in use as batches are on their way at once.

use parking_lot::Mutex;
use ulid::Ulid;

/// Batches that are sent one after another.
#[derive(Debug)]
pub(super) struct Series {
    /// Distinguishes it from every other one.
    pub(super) name: String,
    /// The number of the batch that is sent next.
    pub(super) number: u64,
}

/// The series that no batch is on its way in.
#[derive(Debug, Default)]
pub(super) struct FreeSeries(Mutex<Vec<Series>>);

impl FreeSeries {
    pub(super) fn take(&self) -> Series {
        self.0.lock().pop().unwrap_or_else(|| Series {
            name: Ulid::generate().to_string(),
            number: 0,
        })
    }

    /// Gives it back, once what became of its batch is known. One whose batch was given up, and may arrive
    /// yet, is not used again.
    pub(super) fn give_back(&self, mut series: Series) {
        series.number += 1;
        self.0.lock().push(series);
    }
}
