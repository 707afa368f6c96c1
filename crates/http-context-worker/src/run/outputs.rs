//! Opening the outputs of a run where its queue says that they end.

use std::path::Path;

use crate::failure::Failure;
use crate::queue::{OutputKind, Queue, Recorded};
use crate::results::output::{Output, Target};

/// Opens an output where the queue says that it ends. `state` is the directory of an embedded
/// queue, and `sync` asks for each batch of lines to reach the disk.
pub(crate) async fn open_output(
    queue: &impl Queue,
    kind: OutputKind,
    target: &Target,
    state: Option<&Path>,
    sync: bool,
) -> Result<Output, Failure> {
    let now = target.name();
    let length = match queue.output(kind, &now).await? {
        Recorded::Length(length) => length,
        Recorded::NotFinished(before) => {
            return Err(Failure::OtherResults {
                state: state.map(Path::to_path_buf).unwrap_or_default(),
                before,
                now,
            });
        }
        Recorded::Unknown => begin(queue, kind, target).await?,
    };
    Ok(Output::open(target, length, sync)?)
}

async fn begin<Q: Queue>(queue: &Q, kind: OutputKind, target: &Target) -> Result<u64, Failure> {
    let length = if Q::BEGINS_BEHIND {
        Output::standing(target)?
    } else {
        0
    };
    queue.begin_output(kind, &target.name(), length).await?;
    Ok(length)
}
