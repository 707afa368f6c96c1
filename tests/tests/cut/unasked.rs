//! Nothing is cut off where nobody asks what is held.

use http_context::LeakPolicy;
use http_context_tests::{SEES_SOCKETS, Server};

use crate::{held, recorded};

#[tokio::test]
async fn a_socket_of_which_nobody_asks_stays_open() {
    let options = [
        (true, LeakPolicy::Warn, SEES_SOCKETS),
        (false, LeakPolicy::Warn, false),
        (true, LeakPolicy::Off, false),
    ];
    for (is_asked, policy, is_cut) in options {
        let (server, (recorder, context)) = (Server::start(), recorded());
        let work = context
            .verify_sockets(is_asked)
            .leaks(policy)
            .open(async { held(&server) });
        let (held, report) = work.with_report().await;
        let (held, report) = (held.unwrap(), report.unwrap());
        assert_eq!(held.has_ended(), is_cut);
        assert_eq!(report.is_clean(), !is_cut, "{report}");
        assert_eq!(recorder.leaks().len(), usize::from(is_cut));
        let left = u64::from(!is_cut);
        server.wait_until(|counts| counts.open() == left).await;
    }
}
