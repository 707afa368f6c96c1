//! What a person may ask of one job, and where the job is.

/// What a person asks of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// To run as soon as there is a place for it, whatever it waits for.
    RunNow,
    /// Not to run any more, and to have failed.
    Cancel,
}

/// Where a job is of which something was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// It waits, before all others now.
    Waits,
    /// A worker has it in hand.
    InHand,
    /// It is not in the queue: it is done, or there never was one.
    Gone,
}
