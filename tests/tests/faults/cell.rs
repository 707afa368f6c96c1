//! One cell of the table: a fault, over one protocol, awaited or cancelled in the middle.

use std::time::Duration;

use http_context::{
    ErrorKind, ExitReport, LeakKind, NoOpenContexts, OpenError, SessionPool, current, http_session,
};
use http_context_tests::{Gate, SEES_SOCKETS, sockets};
use tokio::time::{Instant, timeout};

use crate::rig::{Ends, Exported, Rig};
use crate::scene::{Caller, Column, Failure, Front, Scene};
use crate::table::{Cancel, Expect, Row};

/// Everything but a time limit shows within this time, and a time limit this much after itself.
const SLACK: Duration = Duration::from_secs(2);

/// A request that does not come to its middle, or to its end, hangs.
const HANGS: Duration = Duration::from_secs(25);

/// Runs a cell, and holds what was exported of it against what happened.
pub(crate) async fn run(row: &Row, column: Column) {
    let Column {
        protocol, caller, ..
    } = column;
    let cell = format!("{}, {protocol:?}, {caller:?}", row.fault);
    let scene = (row.scene)(column);
    let expect = Told::of(row, column);
    let played = play(scene, column, Sessions::Own, expect.has_head, &cell);
    let Ok(played) = timeout(HANGS, played).await else {
        panic!("{cell}: it hangs");
    };
    played.check(&expect, &cell).await;
}

/// Where the session of a cell comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// It is built for the context, and closed with it.
    Own,
    /// It is taken from a pool, which is closed after the context.
    #[allow(dead_code, reason = "the target `wire` runs the cells so")]
    Pooled,
}

/// What has to be exported of a cell.
pub(crate) struct Told {
    pub(crate) ends: Ends,
    /// What the caller got, unless it turned away.
    pub(crate) result: Option<Result<u16, ErrorKind>>,
    /// Whether the fault strikes after the head of the response.
    pub(crate) has_head: bool,
    whole_bodies: i64,
}

impl Told {
    pub(crate) fn of(row: &Row, column: Column) -> Self {
        match (column.caller, row.cancelled) {
            (Caller::Awaits, _) => Self::awaited(row.expect(column.protocol)),
            (Caller::Cancels, Cancel::Request) => Self::cancelled_request(),
            (Caller::Cancels, Cancel::Body) => Self::cancelled_body(),
            (Caller::Cancels, Cancel::Never(_)) => unreachable!("the cell is not run"),
        }
    }

    fn awaited(expect: Expect) -> Self {
        let (answered, failed) = (Ends::default(), Ends::default());
        let answered = Ends {
            answered: 1,
            ..answered
        };
        let failed = Ends {
            failed: 1,
            ..failed
        };
        match expect {
            Expect::Answered(status) => Self {
                ends: answered,
                result: Some(Ok(status)),
                has_head: false,
                whole_bodies: 1,
            },
            Expect::Fails(kind) => Self {
                ends: failed,
                result: Some(Err(kind)),
                has_head: false,
                whole_bodies: 0,
            },
            Expect::BodyFails(kind) => Self {
                ends: answered,
                result: Some(Err(kind)),
                has_head: true,
                whole_bodies: 0,
            },
            Expect::BodyDropped => Self {
                ends: answered,
                result: Some(Ok(200)),
                has_head: true,
                whole_bodies: 0,
            },
            Expect::NotHere(_) => unreachable!("the cell is not run"),
        }
    }

    fn cancelled_request() -> Self {
        Self {
            ends: Ends {
                cancelled: 1,
                ..Ends::default()
            },
            result: None,
            has_head: false,
            whole_bodies: 0,
        }
    }

    fn cancelled_body() -> Self {
        Self {
            result: None,
            ..Self::awaited(Expect::BodyDropped)
        }
    }
}

/// What happened in a cell.
pub(crate) struct Played {
    pub(crate) result: Option<Result<u16, Failure>>,
    limit: Duration,
    took: Duration,
    pub(crate) report: ExitReport,
    pub(crate) rig: Rig,
    pub(crate) front: Front,
    pub(crate) opened: u64,
    pub(crate) lost: u64,
    pub(crate) others: i64,
    others_closed: i64,
    pub(crate) leaves: Option<Box<dyn FnOnce()>>,
    _keeps: Vec<std::sync::Arc<dyn std::any::Any>>,
}

/// So long a cell may take to come to its fault.
const MIDDLE_WITHIN: Duration = Duration::from_secs(20);

pub(crate) async fn play(
    scene: Scene,
    column: Column,
    sessions: Sessions,
    has_head: bool,
    cell: &str,
) -> Played {
    let Scene {
        front,
        is_tls,
        options,
        before,
        ask,
        middle,
        strike,
        others,
        others_closed,
        opened,
        lost,
        leaves,
        keeps,
    } = scene;
    let rig = Rig::new(column.protocol.wire(is_tls));
    let work = async {
        let session = http_session()?;
        let mut going_on = None;
        if let Some(before) = before {
            going_on = Some(before(session.clone()).await);
        }
        let head = Gate::new();
        let middle = async {
            middle.await;
            // The fault is one of the body, so the head has to be there before it strikes.
            if has_head {
                head.pass().await;
            }
        };
        let asked = Instant::now();
        let mut asking = ask(session.clone(), head.clone());
        let result = match column.caller {
            Caller::Awaits => {
                let strike = async {
                    // A request that runs out of time before it, on a machine that is too busy for this, never
                    // comes to its middle.
                    let middle = timeout(MIDDLE_WITHIN, middle);
                    middle
                        .await
                        .unwrap_or_else(|elapsed| panic!("{cell}: no middle, {elapsed}"));
                    strike(&session);
                };
                Some(tokio::join!(asking, strike).0)
            }
            Caller::Cancels => {
                tokio::select! {
                    biased;
                    result = &mut asking => panic!("{cell}: it ended before its middle: {result:?}"),
                    () = middle => {}
                }
                drop(asking);
                strike(&session);
                None
            }
        };
        let took = asked.elapsed();
        if let Some(going_on) = going_on {
            going_on.await;
        }
        let in_flight = current().unwrap().requests_in_flight();
        assert_eq!(in_flight, 0, "{cell}: in flight at the end");
        Ok::<_, OpenError>((result, took))
    };
    let context = options(rig.context()).name(cell);
    let (context, pool) = match sessions {
        Sessions::Own => (context, None),
        Sessions::Pooled => {
            let session = context.session_options();
            let pool = SessionPool::builder().session(session).build();
            (context.pool(pool.clone()), Some(pool))
        }
    };
    let (result, report) = context.open(work).with_report().await;
    let (result, took) = result.unwrap();
    if let Some(pool) = pool {
        pool.close().await;
    }
    Played {
        result,
        limit: column.limit,
        took,
        report: report.unwrap(),
        rig,
        front,
        opened,
        lost,
        others,
        others_closed,
        leaves,
        _keeps: keeps,
    }
}

impl Played {
    async fn check(mut self, expect: &Told, cell: &str) {
        // First what holds the moment the context has exited.
        let (report, front) = (&self.report, self.front.addr());
        if let Some(let_go) = self.leaves.take() {
            let leaks: Vec<LeakKind> = report.leaks.iter().map(|leak| leak.kind).collect();
            // Nobody but the kernel shows the socket that is kept.
            let kept = SEES_SOCKETS.then_some(LeakKind::Connection);
            assert_eq!(leaks, Vec::from_iter(kept), "{cell}: {report}");
            // It was cut off, so that nobody has it any more.
            let left = usize::from(!SEES_SOCKETS);
            assert_eq!(sockets::to(front).len(), left, "{cell}");
            let_go();
            sockets::wait_until(front, 0).await;
        } else {
            if !SEES_SOCKETS {
                // The exit had nobody to ask, and did not wait.
                sockets::wait_until(front, 0).await;
            }
            assert_eq!(sockets::to(front), [], "{cell}: sockets left");
            assert!(report.is_clean(), "{cell}: {report}");
        }
        let open = NoOpenContexts::new()
            .retries(0)
            .ignore({
                let cell = cell.to_owned();
                move |context| context.name() != Some(&cell)
            })
            .check_now();
        assert!(open.is_ok(), "{cell}: {open:?}");

        let result = match &self.result {
            Some(Ok(status)) => Some(Ok(*status)),
            Some(Err(failure)) => Some(Err(failure.kind())),
            None => None,
        };
        assert_eq!(result, expect.result, "{cell}: {:?}", self.result);
        self.check_time(expect, cell);

        // The kernel announces closes a moment later.
        let exported = self.rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        self.check_ends(&exported, expect, cell);
        let opened = i64::try_from(self.opened).unwrap();
        assert_eq!(exported.opened(), opened, "{cell}: opened\n{exported}");
        assert_eq!(report.connections_opened, self.opened, "{cell}: {report}");
        self.front.has_accepted(self.opened + self.lost).await;
    }

    fn check_time(&self, expect: &Told, cell: &str) {
        let took = self.took;
        let waits = [ErrorKind::Timeout, ErrorKind::QueueTimeout].map(|kind| Some(Err(kind)));
        let least = if waits.contains(&expect.result) {
            self.limit
        } else {
            Duration::ZERO
        };
        assert!(took >= least, "{cell}: too early, after {took:?}");
        assert!(took < least + SLACK, "{cell}: too late, after {took:?}");
    }

    fn check_ends(&self, exported: &Exported, expect: &Told, cell: &str) {
        const DURATION: &str = "http_client_request_duration_seconds";
        const SIZES: &str = "http_client_response_body_size_bytes";
        let mut ends = expect.ends;
        ends.answered += self.others;
        ends.failed += self.others_closed;
        assert_eq!(exported.ends(), ends, "{cell}\n{exported}");
        let ended = ends.answered + ends.failed + ends.cancelled;
        let started = i64::try_from(self.report.requests).unwrap();
        assert_eq!(started, ended, "{cell}: each request ends once\n{exported}");
        if let (1, Some(Err(kind))) = (expect.ends.failed, expect.result) {
            let error = [("error_type", kind.as_str())];
            let counted = exported.count(DURATION, &error);
            // Others are closed with the session only by the close that ends this one.
            assert_eq!(counted, 1 + self.others_closed, "{cell}\n{exported}");
        }
        let whole = expect.whole_bodies + self.others;
        assert_eq!(exported.count(SIZES, &[]), whole, "{cell}\n{exported}");
    }
}
