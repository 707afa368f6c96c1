//! Jobs of a shared queue that are cancelled and retried at the admin endpoint of a worker.

use serde_json::json;

use super::{SharedServer, enqueue, over_each_server, serve_command_of};
use crate::admin::admin_address;
use crate::control::{
    TOKEN, cancels_what_runs_and_what_waits, post, queues_what_failed_for_good_again_once,
    runs_and_cancels_what_is_scheduled, runs_now_what_waits_for_its_next_attempt,
};
use crate::support::{Files, Gate, Running, to_lines, worker};

over_each_server! {
    a_job_of_a_shared_queue_is_cancelled_while_it_runs_and_while_it_waits
    a_job_of_a_shared_queue_that_waits_for_its_next_attempt_is_run_or_cancelled_at_once
    a_job_of_a_shared_queue_that_is_scheduled_is_run_or_cancelled_before_its_time
    a_job_of_a_shared_queue_that_failed_for_good_is_queued_again_once
    a_job_in_the_hands_of_one_worker_is_cancelled_at_another
}

fn with_queue<S: SharedServer>(test: fn(Option<&str>)) {
    let store = S::start();
    test(Some(&store.url()));
    store.assert_tidy();
}

fn a_job_of_a_shared_queue_is_cancelled_while_it_runs_and_while_it_waits<S: SharedServer>() {
    with_queue::<S>(cancels_what_runs_and_what_waits);
}

fn a_job_of_a_shared_queue_that_waits_for_its_next_attempt_is_run_or_cancelled_at_once<
    S: SharedServer,
>() {
    with_queue::<S>(runs_now_what_waits_for_its_next_attempt);
}

fn a_job_of_a_shared_queue_that_is_scheduled_is_run_or_cancelled_before_its_time<
    S: SharedServer,
>() {
    with_queue::<S>(runs_and_cancels_what_is_scheduled);
}

fn a_job_of_a_shared_queue_that_failed_for_good_is_queued_again_once<S: SharedServer>() {
    with_queue::<S>(queues_what_failed_for_good_again_once);
}

fn a_job_in_the_hands_of_one_worker_is_cancelled_at_another<S: SharedServer>() {
    let (store, files, gate) = (S::start(), Files::new(), Gate::start());
    let lines = ["one", "two"].map(|id| json!({"id": id, "url": gate.url(&format!("/{id}"))}));
    let jobs = files.write("jobs", to_lines(lines));
    assert_eq!(enqueue(&store, &jobs, &[]).code(), 0);
    let start = |name: &str| {
        let more = [
            "--concurrency",
            "1",
            "--admin",
            "127.0.0.1:0",
            "--max-attempts",
            "3",
        ];
        let mut command = serve_command_of(worker(), &store.url(), &files.path(name), &more);
        let mut worker = Running::start(command.env("HTTP_CONTEXT_WORKER_ADMIN_TOKEN", TOKEN));
        let address = admin_address(&mut worker);
        (worker, address)
    };
    let (first, _) = start("first");
    let one = gate.next();
    assert_eq!(one.path(), "/one");
    let (second, second_address) = start("second");
    let two = gate.next();
    let answer = post(second_address, "/jobs/cancel", &json!({"id": "one"}));
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert!(
        answer.body.contains("by the worker that has it in hand"),
        "{}",
        answer.body
    );
    one.wait_closed();
    two.answer();
    store.until_empty();
    for worker in [first, second] {
        worker.signal("TERM");
        assert_eq!(worker.wait().code(), 0);
    }
    let line = &files.json("first")[0];
    assert_eq!(
        (&line["id"], &line["status"], &line["error"]),
        (
            &json!("one"),
            &json!("failed"),
            &json!("cancelled at the admin endpoint")
        )
    );
    assert_eq!(files.json("second")[0]["status"], "ok");
    store.assert_tidy();
}
