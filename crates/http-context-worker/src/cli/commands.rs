//! The commands, from their arguments to the exit code.

use std::sync::Arc;

use futures_util::FutureExt;

use crate::admin::Admin;
use crate::cli::progress_bar::Bar;
use crate::cli::{Asked, Cli, Command, EnqueueArgs, RunArgs, ServeArgs, WorkArgs};
use crate::cli::{environment, metrics_file};
use crate::failure::Failure;
use crate::grouped::counted;
use crate::log::{self, say};
use crate::run::enqueue::enqueue;
use crate::run::signals::{Signal, Signals};
use crate::run::summary::Summary;
use crate::run::{Ended, Plan, StoppedBy, run};
use crate::telemetry::Telemetry;
use crate::terminal::print;

/// The exit code of everything that is wrong with the input, the flags or the files.
const USAGE: u8 = 2;
/// The exit code of leaks that are denied.
const LEAKS: u8 = 3;

/// Does what the command line says, and returns the exit code.
pub(crate) async fn execute(cli: Cli, asked: Asked) -> u8 {
    let done = match cli.command {
        Command::Run(args) => match args.plan(asked.context.clone()) {
            Ok(plan) => run_jobs(&args, &asked, plan).await,
            Err(sentence) => return refuse(&sentence),
        },
        Command::Enqueue(args) => queue_jobs(&args, &asked).await,
        Command::Serve(args) => match args.plan(asked.context.clone()) {
            Ok(plan) => serve(&args, &asked, plan).await,
            Err(sentence) => return refuse(&sentence),
        },
    };
    done.unwrap_or_else(|failure| refuse(&failure.to_string()))
}

async fn run_jobs(args: &RunArgs, asked: &Asked, plan: Plan) -> Result<u8, Failure> {
    let (ended, interrupted) = work(&args.work, asked, plan).await?;
    let summary = Summary::from(&ended);
    let mut code = summary.exit_code(args.work.deny_leaks);
    if let Some(signal) = interrupted {
        code = signal.exit_code();
        say(&format!(
            "{}\n",
            interruption(args, &ended, signal.as_str())
        ));
    }
    conclude(&args.work, &summary, &ended);
    Ok(code)
}

/// A worker that serves a queue ends by a signal, and its failed jobs are in its results: its
/// exit code is 0 but for leaks that are denied.
async fn serve(args: &ServeArgs, asked: &Asked, plan: Plan) -> Result<u8, Failure> {
    let (ended, _) = work(&args.work, asked, plan).await?;
    let summary = Summary::from(&ended);
    conclude(&args.work, &summary, &ended);
    let is_leaky = args.work.deny_leaks && summary.leaks > 0;
    Ok(if is_leaky { LEAKS } else { 0 })
}

async fn queue_jobs(args: &EnqueueArgs, asked: &Asked) -> Result<u8, Failure> {
    let plan = match args.plan() {
        Ok(plan) => plan,
        Err(sentence) => return Ok(refuse(&sentence)),
    };
    let signals = Signals::listen()?;
    let kinds = Arc::clone(&asked.definition.kinds);
    let queued = enqueue(kinds, &plan, &signals).await?;
    if args.json {
        print(&format!("{}\n", queued.to_json()));
    } else {
        say(&format!("{}\n", queued.to_sentence()));
    }
    if let Some(signal) = queued.interrupted {
        say(&format!(
            "ended by {}: not all jobs were read\n",
            signal.as_str()
        ));
        return Ok(signal.exit_code());
    }
    Ok(if queued.rejected > 0 { USAGE } else { 0 })
}

/// Runs the plan with everything around it: signals, telemetry, the admin page, the progress bar. Returns
/// the signal as well that ended it with jobs left to do.
async fn work(
    args: &WorkArgs,
    asked: &Asked,
    plan: Plan,
) -> Result<(Ended, Option<Signal>), Failure> {
    let signals = Signals::listen()?;
    let telemetry = Telemetry::install(&*asked.name)?;
    let admin = match args.admin {
        Some(address) => {
            let token = match &args.admin_token {
                Some(token) => Some(token.clone()),
                None => environment::admin_token().map_err(Failure::AdminToken)?,
            };
            let mut admin = Admin::new(&asked.name, telemetry.metrics());
            if let Some(token) = token {
                admin = admin.token(token);
            }
            admin.set_ready(false);
            let server = admin.serve(address).await?;
            say(&format!("admin page at {}\n", server.url()));
            Some((admin, server))
        }
        None => None,
    };
    let mut bar = None;
    let stop = async { StoppedBy::Signal(signals.first().await) };
    let ended = run(asked.definition.clone(), plan, stop, |view| {
        if let Some((admin, _)) = &admin {
            admin.follow(view.clone());
        }
        if !args.json {
            bar = Bar::show(view.progress);
        }
    })
    .await;
    drop(bar);
    // Also when the run failed: what led to it is worth a look.
    let interrupted = matches!(&ended, Ok(ended) if ended.interrupted);
    if let Some(lost) = telemetry.flush_at_end(interrupted).await {
        say(&format!("{lost}\n"));
    }
    let ended = ended?;
    if let Some(path) = &args.metrics_file {
        metrics_file::write(path, &telemetry.settled().await)?;
    }
    let signal = signals.first().now_or_never().filter(|_| interrupted);
    Ok((ended, signal))
}

fn refuse(sentence: &str) -> u8 {
    say(&format!("error: {sentence}\n"));
    USAGE
}

/// Says how a run ended.
fn conclude(args: &WorkArgs, summary: &Summary, ended: &Ended) {
    if args.json {
        print(&format!("{}\n", summary.to_json()));
    } else {
        let table = if log::is_json() {
            "the run has ended".to_owned()
        } else {
            summary.to_table(ended)
        };
        log::say_with(&table, serde_json::json!({"summary": summary}));
    }
}

fn interruption(args: &RunArgs, ended: &Ended, signal: &str) -> String {
    let left = if ended.progress.read_all {
        format!("{} left to do", counted(ended.progress.unfinished(), "job"))
    } else {
        "not all jobs were read".to_owned()
    };
    if let Some(queue) = &args.queue {
        return format!(
            "ended by {signal}: {left}; the same command goes on from {queue}, and so do other workers of it"
        );
    }
    match &args.state {
        Some(state) => format!(
            "ended by {signal}: {left}; the same command goes on from {}",
            state.display()
        ),
        None => format!("ended by {signal}: {left}, and without --state they are not kept"),
    }
}
