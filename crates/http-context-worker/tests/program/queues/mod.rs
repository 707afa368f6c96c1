//! The queues that many processes share, in real servers: what several processes make of one, whatever
//! keeps it. What only one of them has is tested beside it, in `redis` and `postgres`.

mod calls;
mod control;
pub(crate) mod crash;
pub(crate) mod failover;
mod handed_twice;
mod idle;
mod input;
mod late;
mod outage;
mod parity;
mod poison;
mod road;
mod scheduled;
mod share;
mod slow_start;
mod usage;

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use http_context_worker::QueueAddress;

use crate::support::{Files, Finished, Running, finish, json_lines, until, worker};

/// Runs each of these tests over each server.
macro_rules! over_each_server {
    ($($test:ident)*) => {
        mod over_redis {
            $(#[test]
            fn $test() {
                super::$test::<crate::redis::RedisServer>();
            })*
        }

        mod over_postgres {
            $(#[test]
            fn $test() {
                super::$test::<crate::postgres::PostgresServer>();
            })*
        }
    };
}
use over_each_server;

/// A server of its own that keeps a queue, on a free port. Killed when the test ends.
pub(crate) trait SharedServer: Sized {
    /// Credentials that serve; those that are wrong once it asks for the password `right`; and those that
    /// are right then.
    const OPEN: &str;
    const WRONG: [&str; 2];
    const RIGHT: &str;
    /// What a question for the number of its jobs has in it, and none that comes before.
    const COUNTS: &str;

    fn start() -> Self;

    /// The address of what listens at a port, with credentials such as `user:password@`.
    fn url_with(credentials: &str, port: u16) -> String;

    fn port(&self) -> u16;

    /// The address, with credentials that serve.
    fn url(&self) -> String {
        Self::url_with(Self::OPEN, self.port())
    }

    /// The address of a queue of this name in it, for calls.
    fn address(&self, name: &str) -> QueueAddress;

    /// Ends it, as a service manager would: it keeps its data.
    fn stop(&mut self);

    fn start_again(&mut self);

    /// Sends all of its processes a signal.
    fn signal(&self, name: &str);

    /// Jobs that are not finished.
    fn unfinished(&self) -> usize;

    /// Jobs that wait until they may run again.
    fn delayed(&self) -> usize;

    /// Every id that was ever queued, sorted.
    fn ids(&self) -> Vec<String>;

    /// Takes all of it away.
    fn empty(&self);

    /// Has every job that is in hand wait again, before all others: what a follower knows that takes over, and was
    /// not told in time that they were handed out.
    fn forget_what_is_in_hand(&self);

    /// Forgets what it has recorded of rejects, as one that is put back from an older copy.
    fn forget_rejects(&self);

    /// Makes the one job unreadable.
    fn spoil_the_job(&self);

    /// One that counts what it is asked.
    fn start_counting() -> Self {
        Self::start()
    }

    /// How many scripts or statements it has run, but for those of this test.
    fn asked(&self) -> usize;

    /// Asks for this password from now on.
    fn ask_for_password(&self, password: &str);

    /// What finished jobs and workers that ended leave: no job, no worker, nothing handed out.
    fn assert_tidy(&self);

    /// Waits until every job is finished, for as long as some are.
    fn until_empty(&self) {
        let mut left = self.unfinished();
        while left > 0 {
            let before = left;
            until("fewer jobs are left", || {
                left = self.unfinished();
                left < before
            });
        }
    }
}

/// A port where nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// `enqueue`, to the end.
pub(crate) fn enqueue(server: &impl SharedServer, jobs: &Path, more: &[&str]) -> Finished {
    enqueue_at(&server.url(), jobs, more)
}

pub(crate) fn enqueue_at(url: &str, jobs: &Path, more: &[&str]) -> Finished {
    enqueue_by(worker(), url, jobs, more)
}

fn enqueue_by(mut command: Command, url: &str, jobs: &Path, more: &[&str]) -> Finished {
    command.arg("enqueue").arg("--queue").arg(url);
    finish(command.arg("--jobs").arg(jobs).args(more))
}

/// `serve`, not started yet.
fn serve_command_of(mut command: Command, url: &str, results: &Path, more: &[&str]) -> Command {
    command.args(["serve", "--json", "--queue"]).arg(url);
    command.arg("--results").arg(results).args(more);
    command
}

pub(crate) fn serve(server: &impl SharedServer, results: &Path, more: &[&str]) -> Running {
    serve_at(&server.url(), results, more)
}

pub(crate) fn serve_at(url: &str, results: &Path, more: &[&str]) -> Running {
    Running::start(&mut serve_command_of(worker(), url, results, more))
}

/// How often each id stands in the results, over all files. Each line must be whole.
fn counted(files: &Files, names: &[String]) -> HashMap<String, usize> {
    let mut count = HashMap::new();
    for name in names {
        for line in json_lines(&files.read(name)) {
            let id = line["id"].as_str().unwrap().to_owned();
            *count.entry(id).or_default() += 1;
        }
    }
    count
}
