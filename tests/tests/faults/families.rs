//! Runs the table, each family of faults in a test of its own.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use crate::cell;
use crate::scene::Column;
use crate::table::{Family, Row, TABLE};

/// Makes a test of each family.
macro_rules! families {
    ($($family:ident => $test:ident),* $(,)?) => {
        /// Those that are run.
        const RUN: &[Family] = &[$(Family::$family),*];

        $(
            #[tokio::test]
            async fn $test() {
                run(Family::$family).await;
            }
        )*
    };
}

families! {
    Names => names_that_do_not_resolve,
    Connecting => connections_that_cannot_be_made,
    Handshakes => handshakes_that_fail,
    Disconnects => connections_that_end_too_early,
    Uploads => uploads_that_go_wrong,
    Responses => responses_that_go_wrong,
    Reuse => connections_that_end_while_idle,
    Http2 => streams_that_are_refused_or_reset,
    Proxies => proxies_that_fail,
    Sessions => requests_that_are_ended_from_this_side,
}

/// Runs each cell of a family's rows, or says why there is none.
async fn run(family: Family) {
    let only = std::env::var("ONLY").unwrap_or_default();
    let rows: Vec<&Row> = TABLE
        .iter()
        .filter(|row| row.family == family && row.fault.contains(&only))
        .collect();
    assert!(!rows.is_empty(), "{family:?} has no row");
    // All of them are run, also after one that fails: they show more together.
    let mut failed = Vec::new();
    for row in rows {
        for column in Column::all().filter(|column| row.missing(*column).is_none()) {
            let run = AssertUnwindSafe(cell::run(row, column));
            if run.catch_unwind().await.is_err() {
                let Column {
                    protocol, caller, ..
                } = column;
                failed.push(format!("{}, {protocol:?}, {caller:?}", row.fault));
            }
        }
    }
    assert!(failed.is_empty(), "these cells failed: {failed:#?}");
}

#[test]
fn each_fault_is_one_row_that_is_run_or_says_why_it_is_not() {
    let mut names: Vec<&str> = TABLE.iter().map(|row| row.fault).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TABLE.len(), "two rows have one name");
    assert!(TABLE.iter().all(|row| RUN.contains(&row.family)));
    let cells = TABLE
        .iter()
        .flat_map(|row| Column::all().map(|column| row.missing(column)));
    let missing: Vec<&str> = cells.clone().flatten().collect();
    assert!(missing.iter().all(|why| !why.is_empty()), "{missing:?}");
    // A row that runs nowhere is no row.
    for row in TABLE {
        let runs = Column::all().any(|column| row.missing(column).is_none());
        assert!(runs, "{} is never run", row.fault);
    }
    let run = cells.filter(Option::is_none).count();
    println!("{run} cells are run, {} are not", missing.len());
}
