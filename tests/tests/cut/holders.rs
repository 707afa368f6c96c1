//! Whatever holds a socket when an exit has waited for it reads an end, and so does the server.

use std::sync::Arc;
use std::time::Duration;

use http_context::{
    CloseReason, ConnectionClosed, ConnectionInfo, ContextBuilder, HeldSocket, HttpVersions,
    Observer, Tls, http_session,
};
use http_context_tests::{SEES_SOCKETS, Server, sockets, tls};
use reqwest::Proxy;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{BoxError, check, held, held_after, recorded, resolved};

/// Sends what it is told of closes.
struct Closes(UnboundedSender<ConnectionClosed>);

impl Observer for Closes {
    fn connection_closed(&self, _: &Arc<ConnectionInfo>, closed: &ConnectionClosed) {
        self.0.send(*closed).unwrap();
    }
}

/// A connection whose task is held past the exit, over this protocol.
async fn a_runtime_that_nobody_runs(server: Server, options: fn(ContextBuilder) -> ContextBuilder) {
    let (recorder, context) = recorded();
    let (sender, mut observed) = unbounded_channel();
    let context = context.observer(Arc::new(Closes(sender)));
    let work = options(context).open(async { held(&server) });
    let (held, report) = work.with_report().await;
    let (held, report) = (held.unwrap(), report.unwrap());
    assert!(held.has_ended());
    check(&report.leaks, &server, HeldSocket::Cut);
    assert!(report.to_string().contains("cut"), "{report}");
    server.wait_until(|counts| counts.open() == 0).await;
    // Its descriptors are held, and the kernel has no connection.
    sockets::wait_until(server.addr(), 0).await;
    resolved(&recorder).await;
    let closed = observed.recv().await.unwrap();
    assert_eq!(closed.reason, CloseReason::SessionClosed);
    assert!(closed.duration < report.duration, "{closed:?}");
    drop(held);
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_runtime_that_nobody_runs_over_http1() {
    a_runtime_that_nobody_runs(Server::builder().http1().start(), |context| context).await;
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_runtime_that_nobody_runs_over_ipv6() {
    a_runtime_that_nobody_runs(Server::builder().ipv6().start(), |context| context).await;
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_runtime_that_nobody_runs_over_http2() {
    let server = Server::builder().http2().start();
    a_runtime_that_nobody_runs(server, |context| context.http_versions(HttpVersions::Http2)).await;
}

fn trusting(context: ContextBuilder) -> ContextBuilder {
    context.tls(Tls::ClientBuilder).configure(tls::trusting)
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_runtime_that_nobody_runs_over_tls() {
    a_runtime_that_nobody_runs(Server::builder().tls().start(), trusting).await;
    a_runtime_that_nobody_runs(Server::builder().tls().http1().start(), trusting).await;
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_runtime_that_nobody_runs_of_a_connection_to_a_proxy() {
    let (proxy, (recorder, context)) = (Server::start(), recorded());
    let proxied = context.proxy(Proxy::http(proxy.url("/")).unwrap());
    let work = proxied.open(async {
        held_after(proxy.addr(), async {
            let response = http_session()?.get("http://example.test/ok").send().await?;
            response.bytes().await?;
            Ok(())
        })
    });
    let (held, report) = work.with_report().await;
    assert!(held.unwrap().has_ended());
    check(&report.unwrap().leaks, &proxy, HeldSocket::Cut);
    proxy.wait_until(|counts| counts.open() == 0).await;
    resolved(&recorder).await;
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn an_upload_that_nobody_reads() {
    let (server, (recorder, context)) = (Server::builder().http1().start(), recorded());
    let work = context.open(async {
        let upload = http_session()?.post(server.url("/never"));
        let mut upload = Box::pin(upload.body(vec![0; 32 << 20]).send());
        tokio::select! {
            _ = server.wait_until(|counts| counts.held == 1) => Ok::<_, BoxError>(()),
            _ = &mut upload => panic!("nobody answers"),
        }
    });
    let report = work.with_report().await.1.unwrap();
    assert_eq!(
        sockets::to(server.addr()),
        [],
        "after the exit none is open"
    );
    check(&report.leaks, &server, HeldSocket::Cut);
    // It is gone, so that it was resolved with the exit.
    assert_eq!(recorder.leaks().len(), recorder.resolved().len());
    let names = recorder.names();
    let at = |name| names.iter().position(|known| known.starts_with(name));
    assert!(at("leak") < at("leak_resolved"), "{names:?}");
}

/// In a task of the context, which does not hear of its end.
#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn an_upload_that_ignores_the_exit_costs_the_drain_and_little_more() {
    let (server, (_, context)) = (Server::builder().http1().start(), recorded());
    let (drain, never) = (Duration::from_secs(5), Duration::from_millis(6_500));
    let work = context.drain_timeout(drain).open(async {
        let upload = http_session()?.post(server.url("/never"));
        http_context::spawn(upload.body(vec![0; 32 << 20]).send());
        server.wait_until(|counts| counts.held == 1).await;
        Ok::<_, BoxError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert_eq!(sockets::to(server.addr()), []);
    let took = report.exit_duration;
    assert!(took >= drain && took < never, "{report}");
}

#[tokio::test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
async fn a_session_that_was_closed_early() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let work = context.open(async {
        let held = held(&server)?;
        http_session()?.close();
        Ok::<_, BoxError>(held)
    });
    let (held, report) = work.with_report().await;
    assert!(held.unwrap().has_ended());
    check(&report.unwrap().leaks, &server, HeldSocket::Cut);
    server.wait_until(|counts| counts.open() == 0).await;
    resolved(&recorder).await;
}

#[tokio::test]
async fn what_is_not_to_be_cut_stays_open_until_it_is_dropped() {
    let (server, (recorder, context)) = (Server::start(), recorded());
    let work = context
        .cut_held_sockets(false)
        .open(async { held(&server) });
    let (held, report) = work.with_report().await;
    let (held, report) = (held.unwrap(), report.unwrap());
    assert!(!held.has_ended());
    assert_eq!(server.counts().open(), 1);
    assert_eq!(sockets::established_to(server.addr()), 1);
    if SEES_SOCKETS {
        check(&report.leaks, &server, HeldSocket::StillOpen);
    } else {
        assert!(report.is_clean(), "{report}");
    }
    drop(held);
    server.wait_until(|counts| counts.open() == 0).await;
    if SEES_SOCKETS {
        resolved(&recorder).await;
    }
}

#[tokio::test]
async fn a_connection_of_another_client_to_the_same_server_is_left_alone() {
    let server = Server::start();
    let other = reqwest::Client::new();
    let (_, context) = recorded();
    let work = context.open(async {
        let held = held(&server)?;
        other.get(server.url("/ok")).send().await?.bytes().await?;
        Ok::<_, BoxError>(held)
    });
    let held = work.await.unwrap();
    assert_eq!(held.has_ended(), SEES_SOCKETS);
    let response = other.get(server.url("/ok")).send().await.unwrap();
    response.bytes().await.unwrap();
    // It went over the connection that was there.
    assert_eq!(server.counts().accepted, 2);
}
