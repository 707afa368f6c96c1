//! Each way in which a peer can fail, with each way in which a WebSocket can end here.

mod awaited;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use http_context::testing::Recorder;
use http_context::websocket::{CloseCode, Message, WebSocket, WebSocketBuilder, WebSocketError};
use http_context::{ContextBuilder, ExitReport, SessionPool, UpgradeEndReason, http_session};
use http_context_tests::{InvariantObserver, Totals, WebSocketServer};

use self::awaited::{Awaited, Row};
use crate::support::{Ends as _, Wire, begin, context, in_time, no_socket_is_left, reported};

const DRAIN: Duration = Duration::from_millis(50);

/// How a WebSocket ends on this side.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    /// It is used until its end.
    Awaited,
    /// It is dropped when it is open.
    Dropped,
    /// The future that uses it is dropped, wherever it is.
    Cancelled,
    /// It is kept past the exit.
    Exit,
    /// Its session is closed under it.
    Close,
    /// The context is dropped.
    ContextDropped,
    /// It is kept past the exit of a context whose session is pooled.
    Pooled,
}

impl Ending {
    const ALL: [Self; 7] = [
        Self::Awaited,
        Self::Dropped,
        Self::Cancelled,
        Self::Exit,
        Self::Close,
        Self::ContextDropped,
        Self::Pooled,
    ];

    /// Why it may have ended, given why it ends when it is used.
    fn allows(self, reason: UpgradeEndReason, row: &Row) -> bool {
        let of_row = row.awaited.allows(reason);
        let is_mismatch = matches!(row.awaited, Awaited::Mismatch);
        match self {
            Self::Awaited => of_row,
            _ if is_mismatch => reason == UpgradeEndReason::Failed,
            Self::Dropped => reason == UpgradeEndReason::Local,
            // What uses it is dropped before its context is.
            Self::Cancelled | Self::ContextDropped => of_row || reason == UpgradeEndReason::Local,
            Self::Exit | Self::Close | Self::Pooled => reason == UpgradeEndReason::Exit,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_with_every_ending_ends_once_and_leaves_nothing() {
    let rows = rows::all().into_iter().map(Arc::new);
    let cases = rows.flat_map(|row| Wire::ALL.map(|wire| (Arc::clone(&row), wire)));
    // Some at once: most of the time is the drains that a silent peer costs. Each in a task, so that
    // one that fails does not hide the others.
    let cases = futures_util::stream::iter(cases)
        .map(|(row, wire)| tokio::spawn(Box::pin(async move { case(&row, wire).await })));
    let ended: Vec<_> = cases.buffer_unordered(4).collect().await;
    let failed = ended.iter().filter(|case| case.is_err()).count();
    assert_eq!(failed, 0, "of {} cases; each has said why", ended.len());
}

/// All endings against one server.
async fn case(row: &Row, wire: Wire) {
    let server = Arc::new(wire.server());
    let url = server.serve(row.peer.clone());
    let endings = Ending::ALL.map(|ending| Box::pin(one(row, wire, ending, &server, &url)));
    let connections = join_all(endings).await;
    // Those that do not read see the end when they do.
    server.gate().open();
    let counts = server.wait_until(|counts| counts.open == 0).await;
    let opened: u64 = connections
        .iter()
        .map(|totals| totals.connections_opened)
        .sum();
    let abandoned: u64 = connections
        .iter()
        .map(|totals| totals.connects_abandoned)
        .sum();
    // What was cancelled on its way may have come to the server by then.
    let accepted = opened..=opened + abandoned;
    assert!(
        accepted.contains(&counts.accepted),
        "{} {wire:?} {accepted:?}",
        row.name
    );
    assert!(
        abandoned <= 2,
        "two of the endings cancel: {} {wire:?}",
        row.name
    );
    assert_eq!(counts.http2, 0, "{} {wire:?}", row.name);
    assert!(
        no_socket_is_left(server.addr()).await,
        "{} {wire:?}",
        row.name
    );
}

/// One ending.
async fn one(
    row: &Row,
    wire: Wire,
    ending: Ending,
    server: &Arc<WebSocketServer>,
    url: &str,
) -> Totals {
    let what = format!("{} {wire:?} {ending:?}", row.name);
    let (recorder, invariants) = (
        Arc::new(Recorder::new()),
        Arc::new(InvariantObserver::new()),
    );
    let context = context()
        .observer(recorder.clone())
        .observer(invariants.clone())
        .drain_timeout(DRAIN);
    let report = in_time(Box::pin(end(row, ending, server, url, context, &what))).await;
    if let Some(report) = report {
        // What a busy machine adds is far below the time of a hang. What an exit waits for in vain is
        // a leak, and looked for below; how long it takes is tested where nothing else runs.
        let limit = DRAIN + Duration::from_secs(6);
        assert!(
            report.exit_duration < limit,
            "{what}: {:?} {report}",
            report.exit_duration
        );
        let is_kept = matches!(ending, Ending::Exit | Ending::Pooled) && recorder.begun() > 0;
        let may_leak = is_kept && !matches!(row.awaited, Awaited::Mismatch);
        assert_eq!(report.is_clean(), !may_leak, "{what}: {report}");
    }
    let totals = in_time(invariants.settled()).await;
    assert_eq!(recorder.begun(), recorder.ends().len(), "{what}");
    for end in recorder.ends() {
        assert!(ending.allows(end.reason, row), "{what}: {end:?}");
    }
    totals
}

async fn end(
    row: &Row,
    ending: Ending,
    server: &Arc<WebSocketServer>,
    url: &str,
    context: ContextBuilder,
    what: &str,
) -> Option<ExitReport> {
    let open = async || options(row, url).connect().await;
    match ending {
        Ending::Awaited => {
            let used = async {
                let outcome = use_it(options(row, url).heartbeat(row.heartbeat())).await;
                row.awaited.assert(&outcome, what);
            };
            Some(reported(context, used).await.1)
        }
        Ending::Dropped => Some(reported(context, async { drop(open().await) }).await.1),
        Ending::Cancelled => {
            let cancelled = async {
                let using = std::pin::pin!(use_it(options(row, url)));
                let accepted = server.counts().accepted;
                tokio::select! {
                    _ = using => {}
                    () = a_moment_after(server, accepted) => {}
                }
            };
            Some(reported(context, cancelled).await.1)
        }
        Ending::Exit => {
            let (kept, report) = reported(context, open()).await;
            drop(kept);
            Some(report)
        }
        Ending::Close => {
            let closed = async {
                let mut opened = open().await;
                http_session().unwrap().close();
                if let Ok(socket) = &mut opened {
                    assert_closed(socket, what).await;
                }
            };
            Some(reported(context, closed).await.1)
        }
        Ending::ContextDropped => {
            let accepted = server.counts().accepted;
            let mut work = Box::pin(reported(context, async {
                let using = use_it(options(row, url)).await;
                drop(using);
                std::future::pending::<()>().await;
            }));
            tokio::select! {
                _ = &mut work => unreachable!("it waits for ever"),
                () = a_moment_after(server, accepted) => {}
            }
            None
        }
        Ending::Pooled => {
            let pool = SessionPool::builder()
                .session(crate::support::context().session_options())
                .build();
            let (kept, report) = reported(context.pool(pool.clone()), open()).await;
            drop(kept);
            pool.close().await;
            Some(report)
        }
    }
}

/// A while after one more was accepted: where the other end is by then is not said.
async fn a_moment_after(server: &WebSocketServer, accepted: u64) {
    server.wait_until(|counts| counts.accepted > accepted).await;
    let moment = std::future::pending::<()>();
    let _ = tokio::time::timeout(Duration::from_millis(accepted % 7), moment).await;
}

fn options(row: &Row, url: &str) -> WebSocketBuilder {
    begin(url)
        .handshake_timeout(row.handshake_timeout())
        .close_timeout(row.close_timeout())
        .max_frame_size(rows::MOST_OF_FRAME)
        .max_message_size(rows::MOST_OF_MESSAGE)
}

/// Says hello, reads until the end, or until the peer says that it is over, and then closes.
async fn use_it(request: WebSocketBuilder) -> Result<Option<u16>, WebSocketError> {
    let mut socket = request.connect().await?;
    socket.send(Message::text("hello")).await?;
    let mut code = None;
    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) if text == "over" => {
                socket.close(CloseCode::Normal, "").await?;
            }
            Message::Close(frame) => code = Some(frame.map_or(1005, |frame| frame.code.into())),
            _ => {}
        }
    }
    Ok(code)
}

/// What it has read by then is handed out, and then comes the error.
async fn assert_closed(socket: &mut WebSocket, what: &str) {
    let error = socket.send(Message::text("more")).await.unwrap_err();
    assert!(error.is_session_closed(), "{what}: {error:?}");
    let error = socket.next().await.unwrap().unwrap_err();
    assert!(error.is_session_closed(), "{what}: {error:?}");
    assert!(socket.next().await.is_none(), "{what}");
}
