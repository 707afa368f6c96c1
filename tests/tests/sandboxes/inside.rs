//! The program that runs in a sandbox.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_context::{
    CloseReason, ConnectionClosed, ConnectionInfo, ContextBuilder, HeldSocket, LeakKind, Observer,
    builder, current, http_session, open_connections,
};
use http_context_tests::{SEES_SOCKETS, Server};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::BoxError;
use crate::sandbox::{Closes, Shows, entered, is_to_leave_network, leave_network};

/// Run by the sandboxes; does nothing outside of one.
#[test]
fn no_number_is_wrong() {
    let Some(shows) = entered() else { return };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(begins(shows));
    leave_network();
    runtime.block_on(async {
        sums_are_those_of_the_server(shows).await;
        what_is_open_is_not_taken_for_closed(shows).await;
        whom_a_close_is_blamed_on(shows).await;
        what_is_held_is_found_or_unknown(shows).await;
    });
}

/// From here on the library knows where it is.
async fn begins(shows: Shows) {
    let sees = http_context::sees_connection_closes();
    let (server, (_, context)) = (Server::start(), recorded());
    context
        .open(async { get(&server, "/ok").await })
        .await
        .unwrap();
    server.wait_until(|counts| counts.open() == 0).await;
    let sees_some = shows.closes != Closes::Never || SEES_SOCKETS && is_to_leave_network();
    assert_eq!(sees, sees_some);
}

async fn sums_are_those_of_the_server(shows: Shows) {
    let (server, (closed, context)) = (Server::start(), recorded());
    let (mut requests, mut opened, mut reused) = (0, 0, 0);
    for _ in 0..10 {
        let work = context.clone().open(async {
            get(&server, "/ok").await?;
            get(&server, "/ok").await?;
            get(&server, "/close").await
        });
        let (result, report) = work.with_report().await;
        let report = report.unwrap();
        result.unwrap();
        assert!(report.is_clean(), "{report}");
        requests += report.requests;
        opened += report.connections_opened;
        reused += report.connections_reused;
    }
    let counts = server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!((requests, opened), (counts.requests, counts.accepted));
    assert_eq!(requests, opened + reused);
    // All had a response that says that the server closes; who is first after that is a race.
    let either = [CloseReason::Remote, CloseReason::SessionClosed];
    let reasons = closed.reasons(opened).await;
    assert_eq!(reasons.len() as u64, opened);
    let is_either = reasons.iter().all(|reason| either.contains(reason));
    assert!(is_either, "{reasons:?} {shows:?}");
    assert_eq!(open_to(server.addr()), 0);
}

async fn what_is_open_is_not_taken_for_closed(shows: Shows) {
    let (server, (closed, context)) = (Server::start(), recorded());
    let work = context.clone().open(async {
        get(&server, "/ok").await?;
        // Where the sockets are compared with the connections, the close of this one is a reason to.
        context.job(async { get(&server, "/ok").await }).await?;
        closed.reasons(1).await;
        assert_eq!(open_to(server.addr()), 1, "{shows:?}");
        get(&server, "/ok").await
    });
    let (result, report) = work.with_report().await;
    result.unwrap();
    assert_eq!(report.unwrap().connections_reused, 1);
    let by_the_session = if shows.closes == Closes::Never {
        CloseReason::Unknown
    } else {
        CloseReason::SessionClosed
    };
    let reasons = closed.reasons(2).await;
    assert_eq!(reasons, vec![by_the_session; 2], "{shows:?}");
    let counts = server.wait_until(|counts| counts.open() == 0).await;
    assert_eq!(counts.accepted, 2);
}

/// The server hangs up, and the session closes at once after that: before anybody compares.
async fn whom_a_close_is_blamed_on(shows: Shows) {
    let (mut server, (closed, context)) = (Server::start(), recorded());
    let work = context.open(async {
        get(&server, "/ok").await?;
        // Its sockets are closed when this returns.
        server.shutdown();
        Ok::<_, BoxError>(())
    });
    work.await.unwrap();
    let [reason] = closed.reasons(1).await[..] else {
        panic!("one connection");
    };
    assert_eq!(server.counts().closed_by_server, 1);
    let truth = match shows.closes {
        Closes::AsTheyHappen => [CloseReason::Remote, CloseReason::Remote],
        _ => [CloseReason::Remote, CloseReason::Unknown],
    };
    assert!(truth.contains(&reason), "{reason:?} {shows:?}");
}

async fn what_is_held_is_found_or_unknown(shows: Shows) {
    let (server, (closed, context)) = (Server::start(), recorded());
    // What is held is held for however long one waits.
    let context = context.drain_timeout(Duration::from_millis(30));
    let (held, report) = context.open(async { held(&server) }).with_report().await;
    let (held, report) = (held.unwrap(), report.unwrap());
    let expected = match (shows.held, shows.cuts) {
        (true, true) => vec![(LeakKind::Connection, Some(HeldSocket::Cut))],
        (true, false) => vec![(LeakKind::Connection, Some(HeldSocket::StillOpen))],
        (false, _) => Vec::new(),
    };
    let leaks: Vec<_> = report.leaks.iter().map(|l| (l.kind, l.socket)).collect();
    assert_eq!(leaks, expected, "{report}");
    let is_open = u64::from(!shows.cuts);
    server.wait_until(|counts| counts.open() == is_open).await;
    // What the library goes on to list is what it has reported; what it cannot know it does not list.
    let is_listed = shows.held && !shows.cuts;
    assert_eq!(open_to(server.addr()), usize::from(is_listed), "{shows:?}");
    held.shutdown_background();
    let reasons = closed.reasons(1).await;
    server.wait_until(|counts| counts.open() == 0).await;
    if !shows.held {
        assert_eq!(reasons, [CloseReason::Unknown]);
    }
}

fn recorded() -> (Arc<Closed>, ContextBuilder) {
    let closed = Arc::new(Closed(watch::Sender::default()));
    let context = builder().observer(closed.clone());
    (closed, context)
}

async fn get(server: &Server, path: &str) -> Result<(), BoxError> {
    let response = http_session()?.get(server.url(path)).send().await?;
    response.bytes().await?;
    Ok(())
}

/// A runtime that nobody runs any more, and which holds a connection of the caller's session.
fn held(server: &Server) -> Result<Runtime, BoxError> {
    let context = current().unwrap();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            context.sync_scope(|| runtime.block_on(get(server, "/ok")))?;
            Ok::<_, BoxError>(runtime)
        });
        thread.join().unwrap()
    })
}

/// The closes that were reported.
#[derive(Debug)]
struct Closed(watch::Sender<Vec<CloseReason>>);

impl Observer for Closed {
    fn connection_closed(&self, _: &Arc<ConnectionInfo>, closed: &ConnectionClosed) {
        self.0.send_modify(|reasons| reasons.push(closed.reason));
    }
}

impl Closed {
    /// The reasons, once there are so many.
    async fn reasons(&self, count: u64) -> Vec<CloseReason> {
        let mut reasons = self.0.subscribe();
        let has_all = |reasons: &Vec<CloseReason>| reasons.len() as u64 >= count;
        reasons.wait_for(has_all).await.unwrap().clone()
    }
}

/// How many connections to this server the library takes for open.
fn open_to(server: SocketAddr) -> usize {
    let open = open_connections();
    let remotes = open
        .iter()
        .filter_map(|one| one.info.addresses.map(|pair| pair.remote));
    remotes.filter(|remote| *remote == server).count()
}
