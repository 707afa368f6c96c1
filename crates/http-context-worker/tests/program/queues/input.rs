//! A file of jobs that is queued again: grown, changed, cut short, replaced.

use super::{SharedServer, enqueue, over_each_server};
use crate::input::{READINGS, content};
use crate::support::{Files, nobody};

over_each_server! {
    every_whole_line_of_a_file_that_is_queued_again_is_queued_exactly_once
}

fn every_whole_line_of_a_file_that_is_queued_again_is_queued_exactly_once<S: SharedServer>() {
    let store = S::start();
    for reading in READINGS {
        let (files, url) = (Files::new(), nobody());
        store.empty();
        for file in reading.files {
            let jobs = files.write("jobs", content(file, &url));
            let done = enqueue(&store, &jobs, &[]);
            // Its exit code is about the lines of this time.
            assert!(
                [0, 2].contains(&done.code()),
                "{}: {}",
                reading.name,
                done.stderr
            );
        }
        let ids = store.ids();
        assert_eq!(ids, reading.ids, "{}", reading.name);
        assert_eq!(store.unfinished(), ids.len(), "{}", reading.name);
    }
}
