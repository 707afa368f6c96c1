//! The jobs: what they do, and what becomes of them, drawn at random.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_context::{
    ContextBuilder, ErrorKind, HttpVersions, JoinSet, OpenError, SessionPool, builder, http_session,
};
use http_context_tests::{InvariantObserver, Random, cancelled};
use tokio::time::Instant;

use crate::BoxError;
use crate::options::Goal;
use crate::servers::Urls;

/// Jobs at once.
const JOBS: usize = 24;

/// A request that has no answer is given up after this long.
const PATIENCE: Duration = Duration::from_millis(20);

/// The payload of every panic that a job is made to have.
struct Planned;

pub(crate) struct Jobs {
    urls: Urls,
    books: Arc<InvariantObserver>,
    seed: AtomicU64,
    pub(crate) open: AtomicI64,
    errors: Mutex<BTreeMap<&'static str, u64>>,
}

/// The contexts that jobs open in one round.
struct Round {
    pool: SessionPool,
    pooled: ContextBuilder,
    fresh: ContextBuilder,
    http2: ContextBuilder,
}

impl Jobs {
    pub(crate) fn new(urls: Urls, books: Arc<InvariantObserver>, seed: u64) -> Self {
        Self {
            urls,
            books,
            seed: AtomicU64::new(seed),
            open: AtomicI64::new(0),
            errors: Mutex::default(),
        }
    }

    /// The errors that jobs met, by kind.
    pub(crate) fn errors(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let listed: Vec<_> = errors
            .iter()
            .map(|(kind, n)| format!("{kind} {n}"))
            .collect();
        listed.join(", ")
    }

    /// Opens more connections at once than the jobs ever do: a table that has held them all has no
    /// reason to grow later.
    pub(crate) async fn warm_up(&self) -> Result<(), BoxError> {
        const AT_ONCE: usize = 6 * JOBS;
        let context = builder()
            .observer(self.books.clone())
            .max_connections_per_host(AT_ONCE);
        let work = context.open(async {
            let session = http_session()?;
            let url = format!("{}/ok", self.urls.http1);
            let responses = (0..AT_ONCE).map(|_| session.get(&url).send());
            for response in futures_util::future::join_all(responses).await {
                response?.bytes().await?;
            }
            Ok::<_, BoxError>(())
        });
        work.await
    }

    /// Runs jobs until the goal is reached, and all of them to their end.
    pub(crate) async fn run_until(self: &Arc<Self>, goal: Goal) -> Result<(), BoxError> {
        let context = builder()
            .observer(self.books.clone())
            .drain_timeout(Duration::from_secs(1));
        let pool = context.session_pool().max_size(8).build();
        let round = Arc::new(Round {
            pooled: context.clone().pool(pool.clone()),
            http2: context.clone().http_versions(HttpVersions::Http2),
            fresh: context,
            pool,
        });
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..JOBS {
            tasks.spawn(Arc::clone(self).work(Arc::clone(&round), goal));
        }
        while let Some(ended) = tasks.join_next().await {
            ended?;
        }
        let report = round.pool.close().await;
        if !report.is_clean() {
            return Err(report.to_string().into());
        }
        Ok(())
    }

    fn is_reached(&self, goal: Goal) -> bool {
        match goal {
            Goal::Counts { contexts, requests } => {
                let totals = self.books.totals();
                totals.contexts >= contexts && totals.requests >= requests
            }
            Goal::Until(end) => Instant::now() >= end,
            Goal::Seconds(_) => unreachable!("a round has an end"),
        }
    }

    /// One job after the other.
    async fn work(self: Arc<Self>, round: Arc<Round>, goal: Goal) {
        // Drawn once for each: two workers never draw the same.
        let seed = self
            .seed
            .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let mut random = Random::new(seed);
        while !self.is_reached(goal) {
            self.open.fetch_add(1, Ordering::Relaxed);
            self.job(&round, &mut random).await;
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// One job, and what becomes of it.
    async fn job(self: &Arc<Self>, round: &Round, random: &mut Random) {
        let (context, url) = match random.below(10) {
            0..5 => (round.pooled.clone(), &self.urls.http1),
            5..8 => (round.fresh.clone(), &self.urls.http1),
            _ => (round.http2.clone(), &self.urls.http2),
        };
        let work = Arc::clone(self).requests(url.clone(), random.another());
        let task = tokio::spawn(context.open(work));
        // Some are aborted in the middle of whatever they do.
        match random.below(50) {
            0 => {
                for _ in 0..random.below(200) {
                    tokio::task::yield_now().await;
                }
                task.abort();
            }
            1 => {
                let limit = Duration::from_micros(100 + random.below(3_000));
                // Either way it ends below.
                let _ = tokio::time::timeout(limit, until_over(&task)).await;
                task.abort();
            }
            _ => {}
        }
        let ended = task.await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.count(&*error),
            Err(error) if error.is_cancelled() => self.count_as("(aborted)"),
            Err(error) => {
                let panic = error.into_panic();
                if !panic.is::<Planned>() {
                    std::panic::resume_unwind(panic);
                }
                self.count_as("(panicked)");
            }
        }
    }

    async fn requests(self: Arc<Self>, url: String, mut random: Random) -> Result<(), BoxError> {
        for _ in 0..random.below(10) {
            match random.below(40) {
                0 => self.at_fault(&mut random).await,
                1 => {
                    let request = http_session()?.get(format!("{url}/bytes/50000"));
                    cancelled(request, random.below(8)).await;
                }
                2 => drop(get(&url, "/bytes/50000").await?),
                3 => children(&url, &mut random).await?,
                4 => drop(get(&url, "/chunked/5/300").await?.text().await?),
                5 => {
                    let session = http_session()?;
                    let response = session
                        .post(format!("{url}/upload"))
                        .body("x".repeat(5_000));
                    response.send().await?.bytes().await?;
                }
                6 if random.one_in(4) => http_session()?.close(),
                7 if random.one_in(4) => std::panic::panic_any(Planned),
                8 if random.one_in(4) => return Err("an error of the job's own".into()),
                9 => {
                    let nested =
                        async { Ok::<_, BoxError>(get(&url, "/ok").await?.bytes().await?) };
                    http_context::open(nested).await?;
                }
                10 if random.one_in(4) => kept_too_long(&url).await?,
                _ => drop(get(&url, "/ok").await?.bytes().await?),
            }
        }
        Ok(())
    }

    /// A request through a proxy that breaks it off, or is too slow.
    async fn at_fault(&self, random: &mut Random) {
        let faulty = &self.urls.faulty;
        let at = usize::try_from(random.below(faulty.len() as u64)).unwrap_or(0);
        let request = async {
            let request = http_session()?.get(format!("{}/bytes/3000", faulty[at]));
            let response = request.timeout(PATIENCE).send().await?;
            Ok::<_, BoxError>(response.bytes().await?)
        };
        if let Err(error) = request.await {
            self.count(&*error);
        }
    }

    fn count(&self, error: &(dyn std::error::Error + 'static)) {
        let is_pool = |error: &OpenError| matches!(error, OpenError::Pool(_));
        let kind = if error.downcast_ref().is_some_and(is_pool) {
            "(pool exhausted)"
        } else {
            match ErrorKind::of(error) {
                ErrorKind::Other => "(the job's own)",
                kind => kind.as_str(),
            }
        };
        self.count_as(kind);
    }

    fn count_as(&self, kind: &'static str) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        *errors.entry(kind).or_default() += 1;
    }
}

async fn get(url: &str, path: &str) -> Result<reqwest::Response, BoxError> {
    Ok(http_session()?.get(format!("{url}{path}")).send().await?)
}

/// A few children, awaited or dropped with their set.
async fn children(url: &str, random: &mut Random) -> Result<(), BoxError> {
    let mut children = JoinSet::new();
    for _ in 0..=random.below(4) {
        let url = url.to_owned();
        children.spawn(async move { Ok::<_, BoxError>(get(&url, "/ok").await?.bytes().await?) });
    }
    if random.one_in(3) {
        return Ok(());
    }
    while let Some(child) = children.join_next().await {
        child??;
    }
    Ok(())
}

async fn until_over<T>(task: &tokio::task::JoinHandle<T>) {
    while !task.is_finished() {
        tokio::task::yield_now().await;
    }
}

/// A leak: a handle that is let go only after the exit.
async fn kept_too_long(url: &str) -> Result<(), BoxError> {
    let session = http_session()?;
    get(url, "/ok").await?.bytes().await?;
    tokio::spawn(async move {
        let patience = Duration::from_millis(20);
        tokio::time::sleep(patience).await;
        drop(session);
    });
    Ok(())
}

/// Panics that jobs are made to have are not shown; others are.
pub(crate) fn silence_planned_panics() {
    let show = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<Planned>() {
            show(panic);
        }
    }));
}
