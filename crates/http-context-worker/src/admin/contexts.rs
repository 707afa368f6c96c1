//! `/debug/contexts`: what is alive, upgraded connections, what leaked, what was opened nested, and the queue.

use std::collections::HashSet;
use std::time::Duration;

use http_context::{
    Caller, CallerReport, Direction, HeldSocket, LeakProgress, LiveContext, LiveUpgrade,
    MessageType, RecentLeak, RecentNestedOpen, Redaction, Snapshot, UpgradeProtocol,
};
use serde_json::{Value, json};

use crate::jobs::{FailedAttempt, JobContext, RunView};
use crate::queue::Ticket;
use crate::redact::redacted;

/// So many contexts are shown, the oldest; of the others only the number.
const CONTEXTS: usize = 500;
/// As many upgraded connections, the oldest.
const UPGRADED: usize = 500;
/// After so long without a byte an upgraded connection is shown as quiet.
const QUIET: Duration = Duration::from_secs(30);
/// As many jobs, those that have been under way for longest.
const JOBS: usize = 500;

pub(super) fn to_json(snapshot: &Snapshot, run: Option<&RunView>, can_control: bool) -> String {
    let contexts = snapshot.contexts.iter().take(CONTEXTS).map(context);
    let closing = snapshot.contexts.iter().filter(|one| one.is_closing);
    let closing: HashSet<u64> = closing.map(|one| one.context.id().get()).collect();
    let upgraded = snapshot.upgraded.iter().take(UPGRADED);
    let upgraded = upgraded.map(|one| self::upgraded(one, &closing));
    let (jobs, jobs_running) = run.map(|run| run.jobs.oldest(JOBS)).unwrap_or_default();
    let running = run.map(|run| run.jobs.by_kind()).unwrap_or_default();
    let kinds = running
        .iter()
        .map(|(kind, running)| (kind.as_ref(), json!({"running": running})));
    let kinds: serde_json::Map<String, Value> =
        kinds.map(|(kind, of)| (kind.to_owned(), of)).collect();
    let failures = run.map(|run| run.failures.list()).unwrap_or_default();
    let queue = run.map(|run| {
        let progress = run.progress.borrow();
        json!({
            "queued": progress.queued,
            "finished": progress.finished,
            "unfinished": progress.unfinished(),
            "rejected": progress.rejected,
            "read_all": progress.read_all,
            "draining": progress.draining,
        })
    });
    json!({
        "contexts_open": snapshot.contexts.len(),
        "contexts": contexts.collect::<Vec<Value>>(),
        "upgraded_open": snapshot.upgraded.len(),
        "upgraded": upgraded.collect::<Vec<Value>>(),
        "leaks": snapshot.leaks.iter().map(leak).collect::<Vec<Value>>(),
        "nested_opens": snapshot.nested_opens.iter().map(nested_open).collect::<Vec<Value>>(),
        "jobs_running": jobs_running,
        "kinds": kinds,
        "can_control": can_control,
        "jobs": jobs.iter().map(|(ticket, one)| job(*ticket, one)).collect::<Vec<Value>>(),
        "failures": failures.iter().map(failure).collect::<Vec<Value>>(),
        "queue": queue,
    })
    .to_string()
}

fn job(ticket: Ticket, job: &JobContext) -> Value {
    let shared = job.shared();
    let progress = *shared.progress.lock();
    json!({
        "number": ticket.0,
        "id": redacted(job.id(), &Redaction::default()),
        "kind": job.kind(),
        "attempt": job.attempt(),
        "age_ms": millis(shared.began.elapsed()),
        "progress": progress.map(|(done, all)| json!({"done": done, "all": all})),
    })
}

fn failure(failed: &FailedAttempt) -> Value {
    json!({
        "number": failed.ticket.0,
        "id": redacted(&failed.id, &Redaction::default()),
        "kind": &*failed.kind,
        "attempt": failed.attempt,
        "error": failed.error,
        "request": failed.request,
        "can_retry": failed.retry_in.is_some() || failed.job.is_some(),
        "ago_ms": millis(failed.at.elapsed()),
        "took_ms": millis(failed.took),
        "retry_in_ms": failed.retry_in.map(millis),
    })
}

fn context(live: &LiveContext) -> Value {
    let context = &live.context;
    json!({
        "id": context.id().get(),
        "name": context.name().map(|name| redacted(name, context.info().redaction())),
        "opened_at": context.opened_at().to_string(),
        "age_ms": millis(live.age),
        "is_overdue": live.is_overdue,
        "is_closing": live.is_closing,
        "requests_in_flight": live.requests_in_flight,
        "requests": live.requests,
        "plain_requests": live.plain_requests,
        "callers": live.callers.iter().map(caller_report).collect::<Vec<Value>>(),
        "children": live.children,
        "nested_opens": live.nested_opens,
    })
}

fn caller_report(report: &CallerReport) -> Value {
    json!({
        "caller": name_of(report.caller),
        "requests": report.requests,
        "plain_requests": report.plain_requests,
        "connections_opened": report.connections_opened,
        "connections_reused": report.connections_reused,
        "bytes_sent": report.bytes_sent,
        "bytes_received": report.bytes_received,
    })
}

/// Whoever names a caller may have put a URL into its name.
fn name_of(caller: Caller) -> String {
    redacted(caller.name(), &Redaction::default())
}

/// What an upgraded connection does: it is `closing` once its context is on its way out, and `quiet` when
/// nothing has gone over it for a while.
fn state_of(live: &LiveUpgrade, closing: &HashSet<u64>) -> &'static str {
    if closing.contains(&live.context.get()) {
        "closing"
    } else if live.upgrade.traffic.quiet_for() >= QUIET {
        "quiet"
    } else {
        "active"
    }
}

fn upgraded(live: &LiveUpgrade, closing: &HashSet<u64>) -> Value {
    let (upgrade, traffic) = (&live.upgrade, &live.upgrade.traffic);
    let messages = |direction| -> u64 {
        let of_type = |of: &MessageType| traffic.messages(direction, *of);
        MessageType::ALL.iter().map(of_type).sum()
    };
    let is_websocket = upgrade.protocol == UpgradeProtocol::WebSocket;
    let messages = |direction| is_websocket.then(|| messages(direction));
    let name = live.name.as_deref();
    json!({
        "state": state_of(live, closing),
        "server": live.origin.to_string(),
        "protocol": upgrade.protocol.as_str(),
        "connection": upgrade.connection.as_ref().map(|connection| connection.id.get()),
        "age_ms": millis(live.age()),
        "quiet_ms": millis(traffic.quiet_for()),
        "bytes_sent": traffic.bytes(Direction::Sent),
        "bytes_received": traffic.bytes(Direction::Received),
        "messages_sent": messages(Direction::Sent),
        "messages_received": messages(Direction::Received),
        "context": live.context.get(),
        "name": name.map(|name| redacted(name, &Redaction::default())),
        "opened_at": live.opened_at.to_string(),
        "acquired_at": live.call_site.to_string(),
        "caller": live.caller.map(name_of),
    })
}

fn leak(recent: &RecentLeak) -> Value {
    let leak = &recent.leak;
    let name = leak.name.as_deref();
    json!({
        "kind": leak.kind.as_str(),
        "count": recent.count,
        "resolved": recent.resolved,
        "last_seen_ms": millis(recent.last_seen.elapsed()),
        "context": leak.context.get(),
        "name": name.map(|name| redacted(name, &Redaction::default())),
        "opened_at": leak.opened_at.to_string(),
        "acquired_at": leak.acquired_at.map(ToString::to_string),
        "caller": leak.caller.map(name_of),
        "detail": leak.detail,
        "progress": leak.progress.as_ref().map(leak_progress),
        "socket": leak.socket.map(HeldSocket::as_str),
        "remedy": leak.kind.fix(),
    })
}

/// How far a stream had come, and for how long it had been silent.
fn leak_progress(progress: &LeakProgress) -> Value {
    json!({
        "sent_bytes": progress.sent,
        "received_bytes": progress.received,
        "quiet_ms": progress.quiet_for.map(millis),
    })
}

fn nested_open(recent: &RecentNestedOpen) -> Value {
    let nested = &recent.nested;
    json!({
        "policy": nested.policy.as_str(),
        "count": recent.count,
        "first_seen_ms": millis(recent.first_seen.elapsed()),
        "outer_opened_at": nested.outer_opened_at.to_string(),
        "called_at": nested.called_at.to_string(),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
