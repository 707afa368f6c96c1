//! What this process has recorded last of its outputs, with the tokens that it left there: what an earlier process has
//! sent that was killed, and that is still on its way, has another one.

use parking_lot::Mutex;

use crate::queue::{OutputKind, ReadUpTo};

/// Of each kind of output.
#[derive(Debug, Default)]
pub(in crate::queue) struct RecordedOutputs {
    results: RecordedLength,
    rejects: RecordedLength,
}

impl RecordedOutputs {
    pub(in crate::queue) fn of(&self, kind: OutputKind) -> &RecordedLength {
        match kind {
            OutputKind::Results => &self.results,
            OutputKind::Rejects => &self.rejects,
        }
    }

    /// The token at the rejects of what was read; nothing where they are a stream, which others write to as well.
    pub(in crate::queue) fn token_of_rejects(&self, read: Option<&ReadUpTo>) -> Option<String> {
        read.filter(|read| read.rejects_are_cut)?;
        let recorded = self.rejects.0.lock();
        recorded.as_ref().map(|(_, _, token)| token.clone())
    }

    /// A batch is queued, with this.
    pub(in crate::queue) fn note_queued(&self, read: Option<&ReadUpTo>) {
        if let (Some(read), Some((_, length, _))) = (read, &mut *self.rejects.0.lock()) {
            *length = read.rejects_length;
        }
    }
}

/// The length of an output, as this process has recorded it last, with its name there and the token.
#[derive(Debug, Default)]
pub(in crate::queue) struct RecordedLength(Mutex<Option<(String, u64, String)>>);

impl RecordedLength {
    pub(in crate::queue) fn set(&self, name: String, length: u64, token: String) {
        *self.0.lock() = Some((name, length, token));
    }

    pub(in crate::queue) fn get(&self) -> (String, u64, String) {
        let recorded = self.0.lock();
        recorded.clone().unwrap_or_default()
    }
}
