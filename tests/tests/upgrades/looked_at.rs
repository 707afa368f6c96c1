//! Who looks at the process sees its upgraded connections, for as long as each is open.

use std::io::IoSlice;
use std::sync::Arc;

use http_context::{
    Direction, LeakPolicy, LiveUpgrade, MessageType, OpenError, UpgradeProtocol, builder,
};
use http_context_tests::UpgradeServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{By, echo};

fn open_to(server: &UpgradeServer) -> Vec<LiveUpgrade> {
    let mut open = http_context::snapshot().upgraded;
    open.retain(|one| one.origin.port() == server.addr().port());
    open
}

#[tokio::test]
async fn a_snapshot_has_it_with_what_it_carries_and_whose_it_is_until_it_is_dropped() {
    for by in By::ALL {
        let server = UpgradeServer::start();
        let work = builder().name("chat").open(async {
            let context = http_context::current().unwrap();
            assert_eq!(open_to(&server).len(), 0);
            let mut io = by.upgrade(&server.url("/")).await;
            echo(&mut io, b"hello").await;
            let open = open_to(&server);
            assert_eq!(open.len(), 1, "{by:?}");
            let one = &open[0];
            assert_eq!(one.context, context.id());
            assert_eq!(one.name.as_deref(), Some("chat"));
            assert_eq!(one.opened_at, context.opened_at());
            assert!(one.call_site.file().ends_with("support.rs"));
            assert_eq!(one.origin.host(), "127.0.0.1");
            assert_eq!(one.upgrade.protocol, UpgradeProtocol::WebSocket);
            assert!(one.upgrade.connection.is_some());
            let traffic = &one.upgrade.traffic;
            assert_eq!(traffic.bytes(Direction::Sent), 5);
            assert_eq!(traffic.bytes(Direction::Received), 5);
            assert!(traffic.quiet_for() <= one.age() && one.age() <= context.age());
            // A snapshot that is kept keeps nothing open.
            drop(io);
            assert_eq!(open_to(&server).len(), 0);
            server.wait_until(|counts| counts.open == 0).await;
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
}

/// Of two frames that are handed over at once the second is none that was sent while the first is on its way.
#[tokio::test]
async fn a_message_counts_when_it_is_written_and_not_when_it_was_handed_over() {
    let server = UpgradeServer::start();
    let work = builder().open(async {
        let mut io = By::Session.upgrade(&server.url("/")).await;
        // More than fits between here and a peer whose echo nobody reads.
        let length: usize = 64 << 20;
        let mut long = [&[0x82, 0xff], &length.to_be_bytes()[..], &[0; 4]].concat();
        long.resize(long.len() + length, 0);
        let text = [0x81, 0x81, 0, 0, 0, 0, b'x'];
        let both = [IoSlice::new(&long), IoSlice::new(&text)];
        let written = io.write_vectored(&both).await.unwrap();
        assert!((1..long.len()).contains(&written), "{written}");
        let traffic = Arc::clone(&open_to(&server)[0].upgrade.traffic);
        assert_eq!(traffic.bytes(Direction::Sent), written as u64);
        for &of in MessageType::ALL {
            assert_eq!(traffic.messages(Direction::Sent, of), 0, "{of:?}");
        }
        let (mut read, mut write) = tokio::io::split(io);
        let drain =
            tokio::spawn(async move { tokio::io::copy(&mut read, &mut tokio::io::sink()).await });
        write.write_all(&long[written..]).await.unwrap();
        assert_eq!(traffic.messages(Direction::Sent, MessageType::Binary), 1);
        let halves = text.split_at(3);
        let both = [IoSlice::new(halves.0), IoSlice::new(halves.1)];
        assert_eq!(write.write_vectored(&both).await.unwrap(), text.len());
        assert_eq!(traffic.messages(Direction::Sent, MessageType::Text), 1);
        write.shutdown().await.unwrap();
        drain.await.unwrap().unwrap();
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}

#[tokio::test]
async fn one_that_its_session_has_closed_is_open_no_more_though_its_holder_keeps_it() {
    let server = UpgradeServer::start();
    // Also of a context that is not listed itself.
    let work = builder().leaks(LeakPolicy::Off).open(async {
        let mut older = By::Session.upgrade(&server.url("/")).await;
        let newer = By::Session.upgrade(&server.url("/")).await;
        let ages: Vec<_> = open_to(&server).iter().map(LiveUpgrade::age).collect();
        assert_eq!(ages.len(), 2);
        assert!(ages[0] >= ages[1], "oldest first: {ages:?}");
        http_context::http_session()?.close();
        older.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(open_to(&server).len(), 0);
        drop((older, newer));
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
}
