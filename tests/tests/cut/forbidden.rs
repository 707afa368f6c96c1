//! A process that may not duplicate its descriptors, as in a container by its usual profile: what is
//! held can only be reported.
//!
//! A filter of system calls stays for good, so this test starts itself again.

use std::process::Command;

use http_context::testing::Fact;
use http_context::{HeldSocket, Outcome};
use http_context_tests::{Server, sockets};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter_all_threads};

use crate::{BoxError, check, held, recorded, resolved};

/// Set in the child.
const CHILD: &str = "TEST_CUT_FORBIDDEN";

/// The same on all architectures.
const PIDFD_GETFD: i64 = 438;

/// From here on the system says of that call that it is not permitted, to all threads.
fn forbid() {
    let filter = SeccompFilter::new(
        [(PIDFD_GETFD, Vec::new())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(Errno::PERM.raw_os_error().unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    apply_filter_all_threads(&program).unwrap();
    let process = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let forbidden = pidfd_getfd(&process, 0, PidfdGetfdFlags::empty());
    assert_eq!(forbidden.unwrap_err(), Errno::PERM);
}

#[test]
#[cfg_attr(http_context_no_kernel, ignore = "nobody shows that it is held")]
fn what_the_system_lets_nobody_cut_off_is_reported_as_open() {
    let child = |name| {
        let status = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(CHILD, "")
            .status();
        assert!(status.unwrap().success(), "{name}");
    };
    child("forbidden::awaited");
    child("forbidden::dropped");
}

#[tokio::test]
async fn awaited() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (server, (recorder, context)) = (Server::start(), recorded());
    let work = context.open(async {
        let held = held(&server)?;
        forbid();
        Ok::<_, BoxError>(held)
    });
    let (held, report) = work.with_report().await;
    let (held, report) = (held.unwrap(), report.unwrap());
    check(&report.leaks, &server, HeldSocket::StillOpen);
    assert!(report.to_string().contains("still open"), "{report}");
    assert!(!held.has_ended());
    assert_eq!(server.counts().open(), 1);
    drop(held);
    resolved(&recorder).await;
}

#[tokio::test]
async fn dropped() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (server, (recorder, context)) = (Server::start(), recorded());
    let mut kept = None;
    let mut work = Box::pin(context.open(async {
        kept = Some(held(&server)?);
        forbid();
        std::future::pending::<Result<(), BoxError>>().await
    }));
    tokio::select! {
        biased;
        _ = &mut work => unreachable!("it never ends"),
        _ = recorder.wait_for(|fact| matches!(fact, Fact::ResponseBodyEnded { .. })) => {}
    }
    drop(work);
    assert_eq!(recorder.reports()[0].outcome, Outcome::Cancelled);
    let held = kept.unwrap();
    recorder
        .wait_for(|fact| matches!(fact, Fact::Leak(_)))
        .await;
    check(&recorder.leaks(), &server, HeldSocket::StillOpen);
    assert!(!held.has_ended());
    assert_eq!(sockets::established_to(server.addr()), 1);
    drop(held);
    resolved(&recorder).await;
}
