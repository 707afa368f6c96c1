//! An observer may close the session, and with it the connection, in the middle of any fact of it.

use std::sync::{Arc, Mutex};

use http_context::{
    HttpContext, Observer, OpenError, RequestInfo, Upgrade, UpgradeEndReason, builder, http_session,
};
use http_context_tests::UpgradeServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use crate::rig::{Rig, Wire};
use crate::support::{By, assert_closed};
use crate::used::Ends;

/// Closes the session at one of the facts.
struct Closes {
    at: &'static str,
    context: Mutex<Option<HttpContext>>,
    has_closed: watch::Sender<bool>,
}

impl Closes {
    fn note(&self, fact: &'static str) {
        if fact != self.at {
            return;
        }
        let context = self.context.lock().unwrap().take();
        if let Some(context) = context {
            context.sync_scope(|| http_session().unwrap().close());
            self.has_closed.send_replace(true);
            panic!("on purpose, when it is done");
        }
    }
}

impl Observer for Closes {
    fn connection_upgraded(&self, _: &RequestInfo, _: &Upgrade) {
        self.note("connection_upgraded");
    }

    fn upgrade_progressed(&self, _: &RequestInfo, _: &Upgrade) {
        self.note("upgrade_progressed");
    }
}

#[tokio::test]
async fn an_observer_that_closes_the_session_and_panics_ends_it_and_the_next_one_is_sampled() {
    for at in ["connection_upgraded", "upgrade_progressed"] {
        let (server, ends) = (UpgradeServer::start(), Arc::new(Ends::default()));
        let closes = Arc::new(Closes {
            at,
            context: Mutex::default(),
            has_closed: watch::Sender::new(false),
        });
        let context = builder().observer(closes.clone()).observer(ends.clone());
        let work = context.open(async {
            *closes.context.lock().unwrap() = http_context::current();
            let mut io = By::Session.upgrade(&server.url("/")).await;
            // It may be closed by now.
            if io.write_all(b"hello").await.is_ok() {
                let _ = io.read_exact(&mut [0; 5]).await;
            }
            assert_closed(&io.read(&mut [0; 1]).await.unwrap_err());
            server.wait_until(|counts| counts.open == 0).await;
            // On another thread it may still be at it.
            let mut has_closed = closes.has_closed.subscribe();
            has_closed.wait_for(|has_closed| *has_closed).await.unwrap();
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
        assert_eq!(ends.reasons(), [UpgradeEndReason::Exit], "{at}");

        let rig = Rig::new(Wire::Http1);
        let work = rig.context().open(async {
            let mut io = By::Session.upgrade(&server.url("/")).await;
            io.write_all(b"hello").await.unwrap();
            let sent = [("direction", "sent")];
            rig.wait_until(|e| e.sum(crate::exported::BYTES, &sent) == 5)
                .await;
            Ok::<_, OpenError>(())
        });
        work.await.unwrap();
    }
}
