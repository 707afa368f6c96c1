//! Jobs that have a time of their own, by the clock of Redis.

use super::{RedisServer, enqueue, serve};
use crate::scheduled::{are_done, has_begun, lines, soon};
use crate::support::{Files, Server};

#[test]
fn a_job_runs_at_its_time() {
    let (files, server, second) = (Files::new(), Server::start(), soon());
    let redis = RedisServer::start();
    files.write("jobs", lines(&server, second));
    assert_eq!(enqueue(&redis, &files.path("jobs"), &[]).code(), 2);
    let serving = serve(&redis, &files.path("results"), &[]);
    redis.until_empty();
    assert!(has_begun(second));
    serving.signal("TERM");
    assert_eq!(serving.wait().code(), 0);
    are_done(&files.json("results"));
    redis.assert_tidy();
}
