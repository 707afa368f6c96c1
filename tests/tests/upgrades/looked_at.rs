//! Who looks at the process sees its upgraded connections, for as long as each is open.

use http_context::{Direction, LeakPolicy, LiveUpgrade, OpenError, UpgradeProtocol, builder};
use http_context_tests::UpgradeServer;
use tokio::io::AsyncReadExt as _;

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
