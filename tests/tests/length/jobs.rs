//! The jobs: contexts that make requests of every sort, and end in every way.

use std::sync::Arc;
use std::time::Duration;

use http_context::{ContextBuilder, JoinSet, http_session, spawn};
use http_context_tests::{BoxError, Random};
use tokio::task::yield_now;

use crate::books::Books;
use crate::pieces::Kept;
use crate::servers::Servers;

/// Jobs at once.
const AT_ONCE: u64 = 16;
/// A request that has no answer is given up after this long.
const PATIENCE: Duration = Duration::from_millis(20);
/// None of the others takes so long.
const LONG: Duration = Duration::from_mins(1);

/// What jobs need.
pub(crate) struct Jobs {
    pub(crate) books: Books,
    pub(crate) servers: Servers,
    pub(crate) contexts: Vec<ContextBuilder>,
    /// Things that are held past their context.
    pub(crate) kept: Kept,
}

impl Jobs {
    /// Runs jobs until the books are full, all to their end.
    pub(crate) async fn run(self: &Arc<Self>, seed: u64) {
        let workers = (0..AT_ONCE).map(|nth| {
            let (jobs, mut random) = (Arc::clone(self), Random::new((seed * AT_ONCE + nth) << 1));
            tokio::spawn(async move {
                while !jobs.books.is_full() {
                    jobs.one(&mut random).await;
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
    }

    /// One context, to its end.
    async fn one(self: &Arc<Self>, random: &mut Random) {
        let context = usize::try_from(random.below(self.contexts.len() as u64)).unwrap();
        let context = self.contexts[context].clone();
        let drain = Duration::from_millis(random.below(5));
        let work = Arc::clone(self).work(random.another());
        let job = tokio::spawn(context.drain_timeout(drain).open(work));
        if random.one_in(20) {
            for _ in 0..random.below(60) {
                yield_now().await;
            }
            job.abort();
        }
        let outcome = match job.await {
            Ok(Ok(())) => "completed",
            Ok(Err(_)) => "failed",
            Err(error) if error.is_cancelled() => "cancelled",
            Err(_) => "panicked",
        };
        self.books.context(outcome);
        if random.one_in(300) {
            self.servers.strike(random.below(4));
        }
    }

    async fn work(self: Arc<Self>, mut random: Random) -> Result<(), BoxError> {
        let mut children = JoinSet::new();
        for _ in 0..random.below(3) {
            children.spawn(Arc::clone(&self).requests(random.another()));
        }
        Arc::clone(&self).requests(random.another()).await?;
        match random.below(40) {
            // The exit ends them.
            0 => return Ok(()),
            1 => return Err("on purpose".into()),
            2 => std::panic::resume_unwind(Box::new("on purpose")),
            3 => http_session()?.close(),
            _ => {}
        }
        while children.join_next().await.is_some() {}
        Ok(())
    }

    async fn requests(self: Arc<Self>, mut random: Random) -> Result<(), BoxError> {
        for _ in 0..random.below(8) {
            self.request(&mut random).await?;
        }
        Ok(())
    }

    async fn request(self: &Arc<Self>, random: &mut Random) -> Result<(), BoxError> {
        let usual = self.servers.usual(random.below(64));
        match random.below(60) {
            0 => {
                let faulty = self.servers.faulty(random.below(100));
                self.read(&faulty, "/bytes/5000", 0, PATIENCE).await?;
            }
            1 => {
                let paths = [
                    "/cut/1000",
                    "/cut-chunked/1000",
                    "/reset/2",
                    "/reset/8",
                    "/reset-body/2",
                ];
                let path = paths[usize::try_from(random.below(5))?];
                self.read(&usual, path, 0, PATIENCE).await?;
            }
            2 => self.read(&usual, "/close", 0, LONG).await?,
            3 => self.read(&usual, "/redirect/3", 3, LONG).await?,
            4 => self.read(&usual, "/status/503", 0, LONG).await?,
            5 => self.read(&usual, "/chunked/5/300", 0, LONG).await?,
            6 => self.read(&usual, "/bytes/70000", 0, LONG).await?,
            7 if random.one_in(4) => {
                let patience = Duration::from_millis(random.below(4));
                self.read(&usual, "/never", 0, patience).await?;
            }
            // A body that is let go.
            8 => drop(self.send(&usual, "/bytes/200000", 0, LONG).await?),
            // A future that is dropped, wherever it is.
            9 => {
                let request = self.read(&usual, "/bytes/20000", 0, LONG);
                let limit = Duration::from_micros(random.below(1_500));
                let _ = tokio::time::timeout(limit, request).await;
            }
            // A task that is aborted.
            10 => {
                let (jobs, usual) = (Arc::clone(self), usual);
                let task = spawn(async move { jobs.read(&usual, "/bytes/20000", 0, LONG).await });
                for _ in 0..random.below(20) {
                    yield_now().await;
                }
                task.abort();
                let _ = task.await;
            }
            11 => self.upload(&usual).await?,
            12 if random.one_in(4) => http_session()?.close(),
            // Held for longer than its context, perhaps.
            13 if random.one_in(4) => {
                let response = self.send(&usual, "/bytes/50000", 0, LONG).await?;
                self.kept.keep(response, random.below(40));
            }
            14 => {
                let nested = self.read(&usual, "/ok", 0, LONG);
                http_context::open(nested).await?;
            }
            _ => self.read(&usual, "/ok", 0, LONG).await?,
        }
        Ok(())
    }

    /// Asks, and writes down what came of it.
    async fn send(
        &self,
        url: &str,
        path: &str,
        hops: u8,
        patience: Duration,
    ) -> Result<Option<reqwest::Response>, BoxError> {
        let session = http_session()?;
        let Some(entry) = self.books.begin(hops) else {
            return Ok(None);
        };
        let request = session.get(format!("{url}{path}"));
        let request = request.header("x-number", entry.number);
        let result = request.timeout(patience).send().await;
        entry.ends(&result);
        Ok(result.ok())
    }

    async fn read(
        &self,
        url: &str,
        path: &str,
        hops: u8,
        patience: Duration,
    ) -> Result<(), BoxError> {
        let response = self.send(url, path, hops, patience).await?;
        if let Some(response) = response
            && let Ok(body) = response.bytes().await
        {
            self.books.body(body.len());
        }
        Ok(())
    }

    async fn upload(&self, url: &str) -> Result<(), BoxError> {
        let session = http_session()?;
        let Some(entry) = self.books.begin(0) else {
            return Ok(());
        };
        let request = session.post(format!("{url}/upload"));
        let request = request
            .header("x-number", entry.number)
            .body(vec![0; 3_000]);
        let result = request.send().await;
        entry.ends(&result);
        if let Ok(response) = result
            && let Ok(body) = response.bytes().await
        {
            self.books.body(body.len());
        }
        Ok(())
    }
}
