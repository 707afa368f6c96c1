//! Opening the outputs of a run where its queue says that they end.

use std::path::Path;

use crate::failure::Failure;
use crate::queue::{OutputKind, Queue, Recorded};
use crate::results::function::ResultsFunction;
use crate::results::output::{Output, Target};
use crate::run::plan::PlannedResults;

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

/// Opens what results go to: a file or a stream, or what stands for a function, and the function.
pub(crate) async fn open_results(
    queue: &impl Queue,
    planned: &PlannedResults,
    state: Option<&Path>,
    sync: bool,
) -> Result<(Output, Option<ResultsFunction>), Failure> {
    match planned {
        PlannedResults::Target(target) => {
            let output = open_output(queue, OutputKind::Results, target, state, sync).await?;
            Ok((output, None))
        }
        PlannedResults::Function(function) => {
            let output = open_function(queue, &function.name, state).await?;
            Ok((output, Some(function.clone())))
        }
    }
}

/// What goes to a function of the user's: a queue knows it by its name, and nothing is cut.
async fn open_function(
    queue: &impl Queue,
    name: &str,
    state: Option<&Path>,
) -> Result<Output, Failure> {
    match queue.output(OutputKind::Results, name).await? {
        Recorded::Length(_) => {}
        Recorded::NotFinished(before) => {
            return Err(Failure::OtherResults {
                state: state.map(Path::to_path_buf).unwrap_or_default(),
                before,
                now: name.to_owned(),
            });
        }
        Recorded::Unknown => queue.begin_output(OutputKind::Results, name, 0).await?,
    }
    Ok(Output::of_function(name))
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
