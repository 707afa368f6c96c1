//! Jobs that have a time of their own, by the clock of the server, and by the calendar.

use super::{SharedServer, counted, enqueue, over_each_server, serve};
use crate::scheduled::{are_done, has_begun, lines, soon};
use crate::support::{Files, Server, until};

over_each_server! {
    a_job_runs_at_its_time
}

#[cfg(feature = "cron")]
mod by_the_calendar {
    use super::*;

    over_each_server! {
        of_two_workers_with_one_schedule_each_time_has_one_job
        a_schedule_goes_on_when_its_server_is_back_and_says_once_that_it_was_away
    }
}

fn a_job_runs_at_its_time<S: SharedServer>() {
    let (files, server, store) = (Files::new(), Server::start(), S::start());
    // What takes its time comes before the time is chosen.
    assert_eq!(enqueue(&store, &files.write("none", ""), &[]).code(), 0);
    let serving = serve(&store, &files.path("results"), &[]);
    until("it serves", || files.path("results").exists());
    let second = soon();
    files.write("jobs", lines(&server, second));
    assert_eq!(enqueue(&store, &files.path("jobs"), &[]).code(), 2);
    store.until_empty();
    assert!(has_begun(second));
    serving.signal("TERM");
    assert_eq!(serving.wait().code(), 0);
    are_done(&files.json("results"));
    store.assert_tidy();
}

#[cfg(feature = "cron")]
fn of_two_workers_with_one_schedule_each_time_has_one_job<S: SharedServer>() {
    use std::sync::Arc;

    use http_context_worker::{JobError, Kind, Plan, Schedule, Target, Worker};
    use serde_json::{Value, json};
    use tokio::sync::{Barrier, Semaphore};

    let (files, store) = (Files::new(), S::start());
    let done = Arc::new(Semaphore::new(0));
    let at_once = Arc::new(Barrier::new(2));
    let run = |results: &str| {
        let (add, at_once, done) = (Arc::clone(&done), Arc::clone(&at_once), Arc::clone(&done));
        let tick = move |_: Value| {
            add.add_permits(1);
            async { Ok::<_, JobError>(()) }
        };
        let worker = Worker::builder("clock")
            .kind(Kind::new(tick))
            .schedule(Schedule::cron("tick", "* * * * * *", &json!({})))
            .build();
        let plan =
            Plan::serve(store.address("http-context")).results(Target::File(files.path(results)));
        async move {
            // Each goes on until four were done by both.
            at_once.wait().await;
            let stop = async { drop(done.acquire_many(4).await.unwrap()) };
            worker.run(plan, stop).await.unwrap();
        }
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { tokio::join!(run("first"), run("second")) });
    let counted = counted(&files, &["first".to_owned(), "second".to_owned()]);
    assert!(counted.len() >= 4, "{counted:?}");
    assert!(counted.values().all(|times| *times == 1), "{counted:?}");
}

/// What is logged on this thread.
#[cfg(feature = "cron")]
#[derive(Clone, Default)]
struct Log(tokio::sync::watch::Sender<String>);

#[cfg(feature = "cron")]
impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = std::str::from_utf8(bytes).unwrap();
        self.0.send_modify(|text| text.push_str(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "cron")]
fn a_schedule_goes_on_when_its_server_is_back_and_says_once_that_it_was_away<S: SharedServer>() {
    use http_context_worker::{JobError, Kind, Plan, Schedule, Target, Worker};
    use serde_json::{Value, json};
    use tokio::sync::mpsc;

    const SAID: &str = "the next job of a schedule cannot be queued";
    let (files, mut store, log) = (Files::new(), S::start(), Log::default());
    let (ticks, mut ticked) = mpsc::unbounded_channel();
    let tick = move |_: Value| {
        let told = ticks.send(());
        async move { told.map_err(JobError::failed) }
    };
    let worker = Worker::builder("clock")
        .kind(Kind::new(tick))
        .schedule(Schedule::cron("tick", "* * * * * *", &json!({})))
        .build();
    let address = store.address("http-context");
    let plan = Plan::serve(address).results(Target::File(files.path("results")));
    let writer = log.clone();
    let lines = tracing_subscriber::fmt().with_writer(move || writer.clone());
    let _here = tracing::subscriber::set_default(lines.finish());
    let outage = async {
        ticked.recv().await.unwrap();
        store.stop();
        let mut said = log.0.subscribe();
        said.wait_for(|text| text.contains(SAID)).await.unwrap();
        store.start_again();
        // What was handed out before comes as well.
        while ticked.try_recv().is_ok() {}
        for _ in 0..2 {
            ticked.recv().await.unwrap();
        }
    };
    // On this thread, where the log is.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ended = runtime.block_on(worker.run(plan, outage));
    assert!(ended.unwrap().progress.tally.ok >= 3);
    let said = log.0.borrow().clone();
    assert_eq!(said.matches(SAID).count(), 1, "{said}");
}
