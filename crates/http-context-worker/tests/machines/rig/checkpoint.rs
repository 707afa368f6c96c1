//! Everything is healed, the queue is worked off, and all witnesses are asked.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Fallible;
use crate::disasters::end_worker;
use crate::history::now;
use crate::network::{self, WORKERS};
use crate::prometheus::{self, ADMIN_PORT};
use crate::rig::{Rig, Role};

/// For jobs that wait for their next attempt, at most a minute each, and somewhat more.
const LIMIT: Duration = Duration::from_mins(3);
/// For what is exported or closed a moment later.
const SOON: Duration = Duration::from_secs(20);

/// What is to be 0 where nothing runs.
const GAUGES: &str = "{job=\"machines\", __name__=~\"http_client_active_requests|http_context_contexts_active|\
                      http_context_leaks_open|http_context_pool_pending_requests|http_context_upgraded_connections|\
                      http_context_worker_queue_jobs\"} or http_context_pool_sessions{state=\"used\"} or \
                      http_client_open_connections{http_connection_state=\"active\"}";

/// Waits until all jobs are settled, and writes down what is so then.
pub(crate) fn settle(rig: &mut Rig) -> Fallible {
    rig.heal_all()?;
    let began = now();
    let mut is_settled = rig.wait(LIMIT, |rig| Ok(rig.producer.is_done()))?;
    // Not by the books of any worker: by the store.
    is_settled &= rig.wait(LIMIT, |rig| {
        Ok(rig.store.unfinished() == Some(0) && rig.store.is_followed())
    })?;
    let left = rig.store.unfinished();
    rig.history.add(
        "settled",
        json!({"in_time": is_settled, "left": left, "took": now() - began}),
    )?;
    if !is_settled {
        return Err(format!("jobs are left: {left:?}").into());
    }
    // What is cut off at the start of a worker is cut off once it is scraped.
    are_scraped(rig)?;
    for worker in WORKERS {
        let ids = settled_by(rig, worker.name)?;
        rig.history
            .add("results", json!({"at": worker.name, "jobs": ids}))?;
    }
    let nonzero = at_zero(rig)?;
    rig.history.add("gauges", json!({"nonzero": nonzero}))?;
    connections(rig)
}

/// Waits until each worker was scraped, from now on.
fn are_scraped(rig: &mut Rig) -> Fallible {
    let fresh = format!(
        "count(timestamp(up{{job=\"machines\"}} == 1) > {:.3}) == {}",
        now(),
        WORKERS.len()
    );
    let is_so = |_: &mut Rig| Ok(prometheus::query(&fresh).is_ok_and(|found| !found.is_empty()));
    if rig.wait(LIMIT, is_so)? {
        Ok(())
    } else {
        Err("not all workers are scraped".into())
    }
}

/// The ids in the results of a worker, in their order. A line that is torn has none.
fn settled_by(rig: &Rig, worker: &str) -> Fallible<Vec<Value>> {
    let results = std::fs::read_to_string(rig.folder.join(worker).join("results"))?;
    let lines = results.lines();
    let parsed = lines.map(|line| serde_json::from_str::<Value>(line).unwrap_or_default());
    Ok(parsed.map(|mut line| line["id"].take()).collect())
}

/// The series that are not 0, after a while.
fn at_zero(rig: &mut Rig) -> Fallible<Vec<String>> {
    let nonzero = format!("({GAUGES}) != 0");
    let mut found = Vec::new();
    rig.wait(SOON, |_| {
        let all = prometheus::query(GAUGES).map_or(0, |series| series.len());
        found = match prometheus::query(&nonzero) {
            Ok(series) => series
                .iter()
                .map(|one| format!("{} {}", one["metric"], one["value"][1]))
                .collect(),
            Err(error) => vec![error.to_string()],
        };
        // That there are none says nothing where nothing is exported.
        if all < 6 * WORKERS.len() {
            found.push(format!("only {all} series"));
        }
        Ok(found.is_empty())
    })?;
    Ok(found)
}

/// What a worker exports of its connections to upstreams, and what its machine says of them.
fn connections(rig: &mut Rig) -> Fallible {
    for worker in WORKERS {
        let expression = format!(
            "sum(http_client_open_connections{{instance=\"{}:{ADMIN_PORT}\"}})",
            worker.address()
        );
        let (mut exported, mut open, mut half_closed) = (0, 0, Vec::new());
        rig.wait(SOON, |_| {
            let found = prometheus::query(&expression)?;
            let value = found.first().and_then(|one| one["value"][1].as_str());
            exported = value.and_then(|value| value.parse().ok()).unwrap_or(0);
            open = worker
                .sockets(&["state", "established", "dport", "=", ":80"])?
                .len();
            half_closed = worker.sockets(&["state", "close-wait"])?;
            Ok(exported == open && half_closed.is_empty())
        })?;
        rig.history.add(
            "connections",
            json!({
                "at": worker.name, "exported": exported, "open": open, "half_closed": half_closed,
            }),
        )?;
    }
    Ok(())
}

/// Ends the workers, and asks for the last time.
pub(crate) fn end(rig: &mut Rig) -> Fallible {
    for number in 0..WORKERS.len() {
        end_worker(rig, Role::Worker(number), "at the end")?;
    }
    for worker in WORKERS {
        let mut left = Vec::new();
        let is_over = |state: &str| state.starts_with("TIME-WAIT") || state.starts_with("LISTEN");
        crate::until("sockets are gone", LIMIT, || {
            left = worker.sockets(&[])?;
            left.retain(|socket| !is_over(socket));
            Ok(left.is_empty())
        })
        .or_else(|_| rig.history.add("note", json!({"said": "sockets are left"})))?;
        rig.history
            .add("sockets", json!({"at": worker.name, "left": left}))?;
    }
    alerts(rig)?;
    let spans = std::fs::read_to_string(rig.out.join("logs/collector-rotel-agent.log"))?;
    let spans = spans
        .lines()
        .filter(|line| line.contains("Received traces"))
        .count();
    rig.history.add("collected", json!({"lines": spans}))?;
    let unfinished = rig.store.unfinished();
    rig.history.add(
        "end",
        json!({"unfinished": unfinished, "jobs": rig.producer.jobs}),
    )
}

/// Which alerts have fired, and when.
fn alerts(rig: &Rig) -> Fallible {
    let began = std::fs::read_to_string(rig.out.join("rig.jsonl"))?;
    let began: Value = serde_json::from_str(began.lines().next().unwrap_or_default())?;
    let from = began["t"].as_f64().unwrap_or(0.0);
    for series in prometheus::query_range("ALERTS{alertstate=\"firing\"}", from, now())? {
        let values = series["values"].as_array().cloned().unwrap_or_default();
        let at: Vec<Value> = values
            .into_iter()
            .map(|mut value| value[0].take())
            .collect();
        let instance = series["metric"]["instance"].as_str().unwrap_or_default();
        let server = series["metric"]["server_address"]
            .as_str()
            .unwrap_or_default();
        let host = instance.split(':').next().unwrap_or_default();
        let machine = network::ALL
            .iter()
            .find(|machine| [host, server].contains(&machine.address().as_str()));
        let alert = &series["metric"]["alertname"];
        rig.history.add("alert", json!({
            "alert": alert, "machine": machine.map(|machine| machine.name), "at": at, "labels": series["metric"],
        }))?;
    }
    Ok(())
}

/// Keeps the results of all workers beside the history.
pub(crate) fn keep_results(rig: &Rig) -> Fallible {
    for worker in WORKERS {
        let results = rig.folder.join(worker.name).join("results");
        std::fs::copy(results, rig.out.join(format!("{}.results", worker.name)))?;
    }
    Ok(())
}
