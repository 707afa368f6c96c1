//! Requests of every sort.

use std::collections::BTreeMap;
use std::sync::Arc;

use http_context::{LeakPolicy, SessionPool};
use http_context_tests::{Capture, LongRun};

use crate::books::{Books, Ended};
use crate::connections::{Compared, Told};
use crate::jobs::Jobs;
use crate::pieces::{Kept, Pieces};
use crate::rig::{Exported, Rig, Wire};
use crate::servers::Servers;

/// Requests, unless `LENGTH_REQUESTS` is set.
const REQUESTS: u64 = 16_000;
/// What comes over many servers and proxies at once is captured in pieces: so many requests each.
const AT_MOST: u64 = 250_000;

#[test]
fn every_count_is_that_of_the_callers_the_server_and_the_wire() {
    let run = LongRun::from_env("requests", "LENGTH_REQUESTS", "LENGTH_SEED");
    let pieces = Pieces {
        run,
        usual: REQUESTS,
        at_most: AT_MOST,
    };
    let all = pieces.run(&Wire::ALL, piece_of);
    println!("{all} requests, 0 differences");
}

/// Runs so many requests over one wire, and holds everything against everything. Returns how many there were.
async fn piece_of(wire: Wire, requests: u64, seed: u64) -> u64 {
    let capture = Capture::start().inspect_err(|refused| eprintln!("{refused}"));
    let (rig, told) = (Rig::new(wire), Arc::new(Told::new()));
    let books = Books::new(usize::try_from(requests).unwrap());
    let fresh = rig
        .context()
        .leaks(LeakPolicy::Count)
        .observer(told.clone());
    let session = fresh.session_options();
    let pool = SessionPool::builder().session(session).max_size(8).build();
    let pooled = fresh.clone().pool(pool.clone());
    let jobs = Arc::new(Jobs {
        servers: Servers::start(wire, &books.tally),
        books,
        contexts: vec![fresh.clone(), pooled, fresh.lazy()],
        kept: Kept::default(),
    });
    jobs.run(seed).await;
    pool.close().await;
    jobs.servers.until_closed().await;
    let exported = rig.wait_until(|exported| is_at_rest(exported, &jobs)).await;
    let mut misfits = Vec::new();
    let ended = jobs.books.hold_against_the_server(&mut misfits);
    hold_requests(&exported, &jobs.books, ended, &mut misfits);
    hold_contexts(&exported, &jobs.books, &mut misfits);
    let connections = told.all();
    let opened = exported.opened();
    if opened != count(connections.len()) {
        misfits.push(format!(
            "{opened} connections are exported, {} were told",
            connections.len()
        ));
    }
    println!("{wire:?}: {ended:?}");
    if let Ok(capture) = capture {
        let captured = capture.finish();
        let captured = jobs.servers.fronts().flat_map(|front| captured.to(front));
        let compared = Compared::of(&connections, captured.collect(), &mut misfits);
        compared.hold(&told, &mut misfits);
        println!("{wire:?}: {compared}");
    }
    assert!(
        misfits.is_empty(),
        "{wire:?}, {} differences, the first of them:\n{}\n{exported}",
        misfits.len(),
        misfits[..misfits.len().min(20)].join("\n")
    );
    ended.all()
}

/// Whether nothing is open or in flight any more, by what is exported.
fn is_at_rest(exported: &Exported, jobs: &Jobs) -> bool {
    let open = [
        "http_client_active_requests",
        "http_context_contexts_active",
        "http_client_open_connections",
        "http_context_pool_pending_requests",
        "http_context_pool_sessions",
    ];
    let used = exported.sum("http_context_leaks_open", &[("kind", "use_after_exit")]);
    let closed = exported.sum("http_context_connections_closed_total", &[]);
    jobs.kept.is_none()
        && open.iter().all(|gauge| exported.sum(gauge, &[]) == 0)
        && exported.sum("http_context_leaks_open", &[]) == used
        && closed == exported.opened()
}

fn hold_requests(exported: &Exported, books: &Books, ended: Ended, misfits: &mut Vec<String>) {
    exported.assert_sound();
    let mut equal = |what: &str, exported: i64, counted: u64| {
        if exported != count(counted) {
            misfits.push(format!("{what}: exported {exported}, counted {counted}"));
        }
    };
    let duration = "http_client_request_duration_seconds";
    let ends = exported.ends();
    equal("answered", ends.answered, ended.answered);
    for (status, counted) in books.statuses() {
        let status = status.to_string();
        let of_status = [("http_response_status_code", &*status)];
        equal(&status, exported.count(duration, &of_status), counted);
    }
    let (bodies, bytes) = books.bodies();
    let body = "http_client_response_body_size_bytes";
    equal("whole bodies", exported.count(body, &[]), bodies);
    equal(
        "bytes of them",
        exported.sum(&format!("{body}_sum"), &[]),
        bytes,
    );
    let reason = [("reason", "complete")];
    let complete = exported.count("http_context_response_body_duration_seconds", &reason);
    // One without a byte takes no time.
    equal(
        "bodies that were complete",
        complete,
        bodies - books.empty_bodies(),
    );
    let mut within = |what: &str, exported: i64, least: u64, most: u64| {
        if !(count(least)..=count(most)).contains(&exported) {
            misfits.push(format!(
                "{what}: exported {exported}, counted {least} to {most}"
            ));
        }
    };
    // Whoever finds a session closed does not know whether the request had begun by then.
    let (all, closed) = (ended.all(), ended.session_closed);
    let started = ends.answered + ends.failed + ends.cancelled;
    within("all", started, all - closed, all);
    // A redirect may come to somebody who is about to turn away, and then to nobody.
    let redirects = exported.sum("http_context_redirects_total", &[]);
    within(
        "redirects",
        redirects,
        ended.hops,
        ended.hops + ended.other_hops,
    );
    let carried = exported.sum("http_context_connection_requests_sum", &[]);
    if carried != ends.answered + redirects {
        misfits.push(format!(
            "connections have carried {carried} requests, for {} answers and {redirects} redirects",
            ends.answered
        ));
    }
}

/// A job that is aborted may be so before its context has opened, or when that has ended.
fn hold_contexts(exported: &Exported, books: &Books, misfits: &mut Vec<String>) {
    let contexts: BTreeMap<_, _> = books.contexts();
    let cancelled = contexts.get("cancelled").copied().unwrap_or_default();
    for (outcome, counted) in contexts {
        let exported = exported.sum("http_context_contexts_total", &[("outcome", outcome)]);
        let least = if outcome == "cancelled" { 0 } else { counted };
        if !(count(least)..=count(counted + cancelled)).contains(&exported) {
            misfits.push(format!(
                "contexts {outcome}: exported {exported}, counted {counted}"
            ));
        }
    }
}

fn count(all: impl TryInto<i64, Error: std::fmt::Debug>) -> i64 {
    all.try_into().unwrap()
}
