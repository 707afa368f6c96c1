//! A file of jobs that is queued again: grown, changed, cut short, replaced.

use redis::Commands as _;

use super::{RedisServer, enqueue};
use crate::input::{READINGS, content};
use crate::support::{Files, nobody};

#[test]
fn every_whole_line_of_a_file_that_is_queued_again_is_queued_exactly_once() {
    let redis = RedisServer::start();
    for reading in READINGS {
        let (files, url) = (Files::new(), nobody());
        let () = redis::cmd("FLUSHALL").query(&mut redis.connect()).unwrap();
        for file in reading.files {
            let jobs = files.write("jobs", content(file, &url));
            let done = enqueue(&redis, &jobs, &[]);
            // Its exit code is about the lines of this time.
            assert!(
                [0, 2].contains(&done.code()),
                "{}: {}",
                reading.name,
                done.stderr
            );
        }
        let mut ids: Vec<String> = redis.connect().hkeys("http-context:ids").unwrap();
        ids.sort();
        assert_eq!(ids, reading.ids, "{}", reading.name);
        assert_eq!(redis.unfinished(), ids.len(), "{}", reading.name);
    }
}
