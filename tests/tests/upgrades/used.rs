//! What a connection is while it is used: active, with a slot, and counted.

use std::io::IoSlice;
use std::sync::{Arc, Mutex};

use http_context::{
    Direction, HttpVersions, MessageType, Observer, OpenError, RequestInfo, Tls, Upgrade,
    UpgradeEnd, UpgradeEndReason, UpgradeError, UpgradeProtocol, http_session,
};
use http_context_tests::{BY_ITS_SESSION, UpgradeServer, tls};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};

use crate::rig::{Rig, Wire};
use crate::support::{By, echo};

/// The ends of upgraded connections.
#[derive(Default)]
pub(crate) struct Ends {
    begun: Mutex<Vec<UpgradeProtocol>>,
    ended: Mutex<Vec<UpgradeEnd>>,
}

impl Ends {
    pub(crate) fn reasons(&self) -> Vec<UpgradeEndReason> {
        self.ended
            .lock()
            .unwrap()
            .iter()
            .map(|end| end.reason)
            .collect()
    }
}

impl Observer for Ends {
    fn connection_upgraded(&self, _: &RequestInfo, upgrade: &Upgrade) {
        self.begun.lock().unwrap().push(upgrade.protocol);
    }

    fn upgrade_ended(&self, _: &RequestInfo, end: &UpgradeEnd) {
        self.ended.lock().unwrap().push(end.clone());
    }
}

#[tokio::test]
async fn an_upgraded_connection_is_active_until_it_is_dropped_and_counts_its_bytes() {
    for by in By::ALL {
        let server = UpgradeServer::start();
        let (rig, ends) = (Rig::new(Wire::Http1), Arc::new(Ends::default()));
        let work = rig.context().observer(ends.clone()).open(async {
            let mut io = by.upgrade(&server.url("/")).await;
            for _ in 0..20 {
                echo(&mut io, b"0123456789").await;
            }
            let exported = rig.exported();
            assert_eq!(exported.active_and_idle(), (1, 0), "{by:?} {exported}");
            let context = http_context::current().unwrap();
            assert_eq!(context.requests_in_flight(), 1);
            drop(io);
            assert_eq!(context.requests_in_flight(), 0);
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{by:?} {report}");
        let counts = server.wait_until(|counts| counts.open == 0).await;
        let end = ends.ended.lock().unwrap()[0].clone();
        assert_eq!((counts.received, counts.sent), (200, 200));
        let bytes = |direction| end.traffic.bytes(direction);
        assert_eq!(bytes(Direction::Sent), 200, "{by:?}");
        assert_eq!(bytes(Direction::Received), 200, "{by:?}");
        assert_eq!((report.bytes_sent, report.bytes_received), (200, 200));
        assert_eq!(end.reason, UpgradeEndReason::Local);
        assert_eq!(*ends.begun.lock().unwrap(), [UpgradeProtocol::WebSocket]);
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        let closed = exported.closed(BY_ITS_SESSION);
        assert_eq!(closed, 1, "{exported}");
    }
}

#[tokio::test]
async fn an_upgraded_connection_holds_its_slot_until_it_ends() {
    for by in By::ALL {
        let server = UpgradeServer::start();
        let work = http_context::builder()
            .max_connections_per_host(2)
            .open(async {
                let url = server.url("/");
                let first = by.upgrade(&url).await;
                let _second = by.upgrade(&url).await;
                let mut third = Box::pin(by.upgrade(&url));
                assert!(futures_util::poll!(&mut third).is_pending());
                drop(first);
                let mut third = third.await;
                echo(&mut third, b"at last").await;
                Ok::<_, OpenError>(())
            });
        work.await.unwrap();
        assert_eq!(server.counts().accepted, 3);
    }
}

#[tokio::test]
async fn two_tasks_can_read_and_write_it_at_once() {
    let server = UpgradeServer::start();
    let work = http_context::open(async {
        let io = By::Response.upgrade(&server.url("/")).await;
        let (mut reader, mut writer) = tokio::io::split(io);
        let chunk = vec![7; 32 * 1024];
        let whole = 64 * chunk.len();
        let write = http_context::spawn(async move {
            for _ in 0..64 {
                writer.write_all(&chunk).await.unwrap();
            }
            writer
        });
        let mut all = vec![0; whole];
        reader.read_exact(&mut all).await.unwrap();
        assert!(all.iter().all(|byte| *byte == 7));
        drop(write.await.unwrap());
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    server.wait_until(|counts| counts.open == 0).await;
}

#[tokio::test]
async fn an_upgrade_goes_over_http1_where_the_server_offers_http2() {
    for by in By::ALL {
        let server = UpgradeServer::start_tls();
        let context = http_context::builder().tls(Tls::Config(tls::client_config()));
        let report = context
            .open(async {
                let mut io = by.upgrade(&server.url("/")).await;
                echo(&mut io, b"hello").await;
                Ok::<_, OpenError>(())
            })
            .with_report()
            .await
            .1
            .unwrap();
        assert!(report.is_clean(), "{by:?} {report}");
        let counts = server.wait_until(|counts| counts.open == 0).await;
        assert_eq!((counts.http2, counts.upgraded), (0, 1));
    }
}

#[tokio::test]
async fn a_refusal_is_there_to_be_read() {
    let server = UpgradeServer::start();
    let work = http_context::open(async {
        let session = http_session()?;
        let request = session
            .get(server.url("/refuse"))
            .header("upgrade", "websocket");
        let refused = session.upgrade(request.build().unwrap()).await.unwrap_err();
        assert!(refused.to_string().contains("403"), "{refused}");
        let UpgradeError::Refused(response) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(response.url().path(), "/refuse");
        assert_eq!(response.text().await.unwrap(), "no");
        let plain = session.get(server.url("/")).build().unwrap();
        let refused = session.upgrade(plain).await.unwrap_err();
        assert!(refused.to_string().contains("426"), "{refused}");
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn a_peer_that_closes_ends_it_as_the_remote() {
    for by in By::ALL {
        let server = UpgradeServer::start();
        let (rig, ends) = (Rig::new(Wire::Http1), Arc::new(Ends::default()));
        let work = rig.context().observer(ends.clone()).open(async {
            let mut io = by.upgrade(&server.url("/")).await;
            io.write_all(b"bye\n").await.unwrap();
            assert_eq!(io.read(&mut [0; 8]).await.unwrap(), 0);
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{by:?} {report}");
        assert_eq!(ends.reasons(), [UpgradeEndReason::Remote], "{by:?}");
        let exported = rig.wait_until(|e| e.open_connections() == 0).await;
        exported.assert_sound();
        let closed = exported.closed(http_context::CloseReason::Remote);
        assert_eq!(closed, 1, "{by:?} {exported}");
    }
}

/// A frame of a WebSocket as a client sends it, with a mask of zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    let head = [0x81, 0x80 | length, 0, 0, 0, 0];
    [&head, text.as_bytes()].concat()
}

#[tokio::test]
async fn what_is_written_in_several_pieces_at_once_is_counted_as_one_that_is_written_whole() {
    let (server, ends) = (UpgradeServer::start(), Arc::new(Ends::default()));
    let messages = [frame("one"), frame(""), frame("the third of them")].concat();
    let work = http_context::builder().observer(ends.clone()).open(async {
        let request = http_session()?.get(server.url("/"));
        let mut io = request
            .header("upgrade", "websocket")
            .upgrade()
            .await
            .unwrap();
        assert_eq!(io.response().status(), 101);
        assert!(io.is_write_vectored());
        // In the middle of a head, of a payload, and at the end of a frame.
        for at in [1, 4, 8, 9, 15, messages.len()] {
            let (one, two) = messages.split_at(at);
            let pieces = [IoSlice::new(one), IoSlice::new(&[]), IoSlice::new(two)];
            let written = io.write_vectored(&pieces).await.unwrap();
            assert_eq!(written, messages.len());
            let mut back = vec![0; written];
            io.read_exact(&mut back).await.unwrap();
            assert_eq!(back, messages);
        }
        Ok::<_, OpenError>(())
    });
    let report = work.with_report().await.1.unwrap();
    assert!(report.is_clean(), "{report}");
    let counts = server.wait_until(|counts| counts.open == 0).await;
    let traffic = Arc::clone(&ends.ended.lock().unwrap()[0].traffic);
    assert_eq!(traffic.bytes(Direction::Sent), counts.received);
    assert_eq!(traffic.messages(Direction::Sent, MessageType::Text), 18);
}

#[tokio::test]
async fn a_connection_is_upgraded_whatever_versions_its_session_speaks() {
    for versions in [HttpVersions::All, HttpVersions::Http1, HttpVersions::Http2] {
        let server = UpgradeServer::start();
        let context = http_context::builder().http_versions(versions);
        let work = context.open(async {
            let mut io = By::Session.upgrade(&server.url("/")).await;
            echo(&mut io, b"hello").await;
            Ok::<_, OpenError>(())
        });
        let report = work.with_report().await.1.unwrap();
        assert!(report.is_clean(), "{versions:?} {report}");
        assert_eq!(report.bytes_sent, 5, "{versions:?}");
        server.wait_until(|counts| counts.open == 0).await;
    }
}
