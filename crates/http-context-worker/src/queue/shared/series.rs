//! Who queues a batch, and its number, by which the queue knows a batch that is sent again.
//!
//! It keeps the last number of each series, so the batches of one are sent one after another. As many
//! series are in use as batches are on their way at once.

use parking_lot::Mutex;
use ulid::Ulid;

/// Batches that are sent one after another.
#[derive(Debug)]
pub(in crate::queue) struct Series {
    /// Distinguishes it from every other one.
    pub(in crate::queue) name: String,
    /// The number of the batch that is sent next.
    pub(in crate::queue) number: u64,
}

/// The series that no batch is on its way in.
#[derive(Debug, Default)]
pub(in crate::queue) struct FreeSeries(Mutex<Vec<Series>>);

impl FreeSeries {
    pub(in crate::queue) fn take(&self) -> Series {
        self.0.lock().pop().unwrap_or_else(|| Series {
            name: Ulid::generate().to_string(),
            number: 0,
        })
    }

    /// Gives it back, once what became of its batch is known. One whose batch was given up, and may arrive
    /// yet, is not used again.
    pub(in crate::queue) fn give_back(&self, mut series: Series) {
        series.number += 1;
        self.0.lock().push(series);
    }
}
