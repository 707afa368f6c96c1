//! Who queues jobs: `enqueue`, again and again until the store and its standby have them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::history::History;
use crate::network::{Machine, PRODUCER, UPSTREAMS};
use crate::process::{Process, Spec};
use crate::random::Random;
use crate::store::{Engine, Store};
use crate::{Fallible, network};

/// How many are on their way at once.
const AT_ONCE: usize = 3;
/// After how long what has failed is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// Jobs of one file.
struct Batch {
    ids: Vec<String>,
    process: Process,
    /// How often the leader had changed when it was begun.
    epoch: u64,
    /// Whether a leader has said that it has them.
    is_acknowledged: bool,
    ended_at: Instant,
}

pub(crate) struct Producer {
    worker: PathBuf,
    url: String,
    folder: PathBuf,
    logs: PathBuf,
    batches: Vec<Batch>,
    files: usize,
    pub(crate) jobs: usize,
}

impl Producer {
    pub(crate) fn new(
        worker: &Path,
        engine: Engine,
        folder: PathBuf,
        logs: &Path,
    ) -> Fallible<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            worker: worker.to_owned(),
            url: engine.url(&network::GATE.address()),
            folder,
            logs: logs.to_owned(),
            batches: Vec::new(),
            files: 0,
            jobs: 0,
        })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.batches.is_empty()
    }

    /// Begins to queue some jobs, unless many are on their way.
    pub(crate) fn produce(
        &mut self,
        random: &mut Random,
        store: &Store,
        history: &History,
    ) -> Fallible {
        if self.batches.len() >= AT_ONCE {
            return Ok(());
        }
        let plans = (0..random.within(5, 25)).map(|_| {
            let takes = if random.one_in(6) {
                random.within(500, 2500)
            } else {
                random.within(0, 60)
            };
            (takes, random.one_of(&UPSTREAMS))
        });
        let plans: Vec<_> = plans.collect();
        self.begin(&plans, store, history)
    }

    /// Begins to queue this many jobs that take some seconds.
    pub(crate) fn produce_long(
        &mut self,
        jobs: usize,
        store: &Store,
        history: &History,
    ) -> Fallible {
        self.begin(&vec![(2000, UPSTREAMS[1]); jobs], store, history)
    }

    /// Begins to queue a job for each plan: how many milliseconds which upstream takes for it.
    fn begin(&mut self, plans: &[(u64, Machine)], store: &Store, history: &History) -> Fallible {
        let (mut ids, mut lines) = (Vec::new(), String::new());
        for (takes, upstream) in plans {
            let id = format!("job-{}", self.jobs);
            self.jobs += 1;
            let upstream = upstream.address();
            let url = format!("http://{upstream}/{id}/{takes}");
            let request = json!({"method": "GET", "url": url, "timeout_ms": 4000});
            writeln!(lines, "{}", json!({"id": id, "requests": [request]}))?;
            ids.push(id);
        }
        let file = self.folder.join(format!("jobs-{}", self.files));
        self.files += 1;
        std::fs::write(&file, lines)?;
        history.add("offered", json!({"jobs": ids}))?;
        let spec = Spec::new(PRODUCER, &self.worker, &self.logs)
            .args(["enqueue", "--json", "--queue", &self.url, "--jobs"])
            .args([file.to_string_lossy()]);
        self.batches.push(Batch {
            ids,
            process: Process::start(spec)?,
            epoch: store.epoch,
            is_acknowledged: false,
            ended_at: Instant::now(),
        });
        Ok(())
    }

    /// Begins again what has failed.
    pub(crate) fn look(&mut self, store: &Store, history: &History) -> Fallible {
        for batch in &mut self.batches {
            if let Some(status) = batch.process.ended()? {
                batch.is_acknowledged = status.success();
                batch.ended_at = Instant::now();
                let code = status.code();
                history.add("enqueue", json!({"first": batch.ids[0], "code": code}))?;
            }
            // What a leader had that is none any more may be lost.
            let is_lost = batch.is_acknowledged && batch.epoch != store.epoch;
            let is_early = batch.ended_at.elapsed() < AGAIN_AFTER;
            if !batch.process.runs() && !is_early && (is_lost || !batch.is_acknowledged) {
                batch.epoch = store.epoch;
                batch.is_acknowledged = false;
                batch.process.start_again()?;
            }
        }
        Ok(())
    }

    /// Writes down what the standby has as well: no disaster of the script takes it away any more.
    pub(crate) fn confirm(&mut self, store: &Store, history: &History) -> Fallible {
        let is_safe = |batch: &Batch| batch.is_acknowledged && batch.epoch == store.epoch;
        if !self.batches.iter().any(is_safe) || !store.is_followed() {
            return Ok(());
        }
        for batch in self.batches.iter().filter(|batch| is_safe(batch)) {
            history.add("queued", json!({"jobs": batch.ids}))?;
        }
        self.batches.retain(|batch| !is_safe(batch));
        Ok(())
    }

    /// Kills what is on its way. Returns whether something was.
    pub(crate) fn kill(&mut self) -> Fallible<bool> {
        for batch in &mut self.batches {
            if batch.process.runs() {
                batch.process.kill()?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}
