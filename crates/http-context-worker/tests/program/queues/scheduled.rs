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
