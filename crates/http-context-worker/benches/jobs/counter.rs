//! Jobs that were done, as a process reports them: how many, and between which moments.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::role::asked_to_end;

/// What a job counts when it is done, in the process that does it.
static DONE: AtomicU64 = AtomicU64::new(0);
static FIRST: AtomicU64 = AtomicU64::new(0);
static LAST: AtomicU64 = AtomicU64::new(0);

const REPORT_EVERY: Duration = Duration::from_millis(20);

/// A job is done.
pub(crate) fn count() {
    let now = now();
    if DONE.fetch_add(1, Ordering::Relaxed) == 0 {
        FIRST.store(now, Ordering::Relaxed);
    }
    LAST.fetch_max(now, Ordering::Relaxed);
}

/// Prints what was counted, again and again. Ready when standard input has ended.
pub(crate) async fn report_until_asked() {
    std::thread::spawn(|| {
        loop {
            let counted = [&DONE, &FIRST, &LAST].map(|count| count.load(Ordering::Relaxed));
            println!("{} {} {}", counted[0], counted[1], counted[2]);
            #[expect(
                clippy::disallowed_methods,
                reason = "a thread that has nothing else to do"
            )]
            std::thread::sleep(REPORT_EVERY);
        }
    });
    asked_to_end().await;
}

/// What one process has counted so far, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) jobs: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// Reads reports, and gives each on.
pub(crate) fn read_reports(from: impl Read, mut give: impl FnMut(Counted)) {
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        let mut numbers = line.split(' ').filter_map(|number| number.parse().ok());
        if let (Some(jobs), Some(first), Some(last)) =
            (numbers.next(), numbers.next(), numbers.next())
        {
            give(Counted { jobs, first, last });
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
