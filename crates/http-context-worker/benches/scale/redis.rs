//! Redis, as it tells of itself.

use std::path::Path;
use std::process::Child;

use redis::{Commands as _, Connection, InfoDict};

use crate::loads::Engine;
use crate::servers;

pub(crate) struct Redis(Connection);

impl Redis {
    fn info<T: redis::FromRedisValue>(&mut self, name: &str) -> T {
        let info: InfoDict = redis::cmd("INFO").query(&mut self.0).unwrap();
        info.get(name).unwrap()
    }
}

impl Engine for Redis {
    const NAME: &'static str = "Redis";
    const WORKERS: &'static [usize] = &[1, 10, 100, 1_000];
    const QUESTIONS: &'static str = "commands";

    fn start(folder: &Path) -> (Child, String) {
        servers::redis(folder, &[])
    }

    fn connect(url: &str) -> Self {
        Self(redis::Client::open(url).unwrap().get_connection().unwrap())
    }

    fn workers(&mut self) -> usize {
        self.0.zcard("jobs:workers").unwrap()
    }

    fn unfinished(&mut self) -> usize {
        self.0.hlen("jobs:data").unwrap()
    }

    fn left(&mut self) -> usize {
        self.unfinished()
    }

    fn connections(&mut self) -> usize {
        self.info::<usize>("connected_clients") - 1
    }

    fn questions(&mut self) -> u64 {
        self.info("total_commands_processed")
    }

    fn bytes(&mut self) -> Option<u64> {
        Some(self.info::<u64>("total_net_input_bytes") + self.info::<u64>("total_net_output_bytes"))
    }
}
