//! Every cell of the table of faults, held against the wire.

use std::net::SocketAddr;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{FutureExt as _, StreamExt as _, stream};
use http_context_tests::{Capture, LongRun, Random, Served, sockets};

use crate::bounds::{Case, Extent, Findings};
use crate::cell::{Played, Told, play};
use crate::exports::{Exports, all_served};
use crate::scene::{Caller, Column, Failure, Front, Protocol};
use crate::table::{Row, TABLE};
use crate::truth::Witnessed;
use crate::variant::{Threads, Variant, alone, in_every_way};

/// So many cells at once. Most of their time they wait: more of them would keep each other from
/// seeing in time what their peers do.
const AT_ONCE: usize = 4;

/// How long a request waits where its fault is that nothing comes: in one round, and in many, which may have
/// other things beside them. Others have to come to their faults in that time.
const LIMITS: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(2)];

in_every_way! {
    run:
    every_fault_is_exported_as_the_wire_shows_it,
    every_fault_is_exported_as_the_wire_shows_it_on_several_threads,
    every_fault_is_exported_as_the_wire_shows_it_with_a_pool,
    every_fault_is_exported_as_the_wire_shows_it_with_a_pool_on_several_threads
}

fn run(variant: Variant) {
    let _alone = alone();
    // Without it the peers' side of these has no witness, and the rest is held all the same.
    let capture = Capture::start().inspect_err(|refused| eprintln!("{refused}"));
    let asked = LongRun::from_env(&format!("{variant:?}"), "WIRE_ROUNDS", "WIRE_SEED");
    let limit = LIMITS[usize::from(asked.wanted.is_some())];
    let mut cells = Vec::new();
    for _ in 0..asked.wanted.unwrap_or(1) {
        let rows = TABLE.iter().filter(|row| is_run(row, variant));
        cells.extend(rows.flat_map(|row| {
            let columns = Column::all().filter(|column| row.missing(*column).is_none());
            columns.map(move |column| (row, impatient(column, limit)))
        }));
    }
    let mut random = Random::new(asked.seed);
    for last in (1..cells.len()).rev() {
        let other = usize::try_from(random.below(last as u64 + 1)).unwrap();
        cells.swap(last, other);
    }
    let played = variant.runtime().block_on(async {
        let cells = cells.into_iter().map(|(row, column)| {
            let cell = AssertUnwindSafe(cell(row, column, variant)).catch_unwind();
            async move { (name(row, column), cell.await) }
        });
        stream::iter(cells)
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await
    });
    let captured = capture.ok().map(Capture::finish);
    let extent = Extent::of(asked);
    let mut findings = match captured {
        Some(_) => Findings::by_capture(extent),
        None => Findings::without_witness(extent),
    };
    let mut by_notes = Findings::by_notes(extent, captured.is_some());
    for (name, played) in played {
        let Ok(run) = played else {
            findings.broken(&name);
            continue;
        };
        if let Some(noted) = &run.noted {
            by_notes.hold(&run.case, Witnessed::served(noted));
        }
        let Some(captured) = &captured else {
            findings.hold_alone(&run.case);
            continue;
        };
        // Before and after it the port may have been another's.
        let connections = captured.to(run.front).into_iter();
        let of_it = connections.filter(|captured| run.during.contains(&captured.opened_at));
        findings.hold(&run.case, Witnessed::captured(of_it));
    }
    // The wire is right where the two differ.
    findings.check();
    by_notes.check();
}

/// Whether the fault can be set up on this runtime.
fn is_run(row: &Row, variant: Variant) -> bool {
    // Set up by blocking the one thread that could see it.
    row.fault != "closed while idle, and not seen yet" || variant.threads == Threads::One
}

fn impatient(column: Column, limit: Duration) -> Column {
    match column.caller {
        Caller::Awaits => Column { limit, ..column },
        Caller::Cancels => column,
    }
}

fn name(row: &Row, column: Column) -> String {
    format!("{}, {:?}, {:?}", row.fault, column.protocol, column.caller)
}

/// A cell that was run.
struct Run {
    case: Case,
    /// Whom it connected to, and between when and when.
    front: SocketAddr,
    during: Range<Duration>,
    /// What that one noted of its connections, where it is a server that does.
    noted: Option<Vec<Served>>,
}

async fn cell(row: &Row, column: Column, variant: Variant) -> Run {
    let (name, expected) = (name(row, column), Told::of(row, column));
    let scene = (row.scene)(column);
    let begins = since_the_epoch();
    let mut played = play(scene, column, variant.sessions, expected.has_head, &name).await;
    let front = played.front.addr();
    if let Some(let_go) = played.leaves.take() {
        let_go();
        sockets::wait_until(front, 0).await;
    }
    let exports = Exports::once_closed(&played.rig).await;
    let heads = heads(row, &expected, &played);
    let lost = usize::try_from(played.lost).unwrap();
    // A request that is cancelled may give up a connection that is being made for it.
    let given_up = lost..=lost + usize::from(column.caller == Caller::Cancels);
    let case = Case {
        carried: Vec::new(),
        heads: heads..=heads,
        given_up,
        unused: None,
        at_once: close_at_once(row, column),
        lifetimes: format!("{:?}", column.protocol),
        name,
        exports,
    };
    let noted = match &played.front {
        Front::Server(server) => Some(all_served(server, &case.exports).await),
        Front::Proxy(_) | Front::Peer(_) | Front::Nobody(_) => None,
    };
    Run {
        case,
        front,
        during: begins..since_the_epoch(),
        noted,
    }
}

/// Now, by the clock of a capture.
fn since_the_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// The heads that came to the client, those of redirects among them.
fn heads(row: &Row, expected: &Told, played: &Played) -> i64 {
    let of_the_request = match &played.result {
        Some(Ok(_) | Err(Failure::Body(_))) => 1,
        // Ten are followed, and the eleventh is not.
        Some(Err(Failure::Head(_))) if row.fault == "there are too many redirects" => 11,
        Some(Err(Failure::Head(_))) => 0,
        None => expected.ends.answered,
    };
    of_the_request + played.others
}

/// The faults at which both sides close without waiting for one another.
fn close_at_once(row: &Row, column: Column) -> Option<&'static str> {
    let is_at_once = match (column.protocol, column.caller) {
        // Whoever ends a connection says so by a GOAWAY, at which the other ends it as well.
        (Protocol::Http2, _) => return Some("HTTP/2, both at once"),
        // Whoever turns away closes as the fault strikes.
        (_, Caller::Cancels) => true,
        // What comes, or what is left to send, is the end of the connection for both.
        (_, Caller::Awaits) => [
            "a 401 comes during the upload",
            "the response is not HTTP",
            "the body is longer than announced",
            // The FIN stands behind data that nobody reads.
            "nobody reads the upload",
        ]
        .contains(&row.fault),
    };
    is_at_once.then_some("HTTP/1.1, both at once")
}
