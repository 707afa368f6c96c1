//! Jobs of a single request, and of none: what they pay for a session.

use http_context::{SessionPool, http_session};
use http_context_benches::target::Target;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Effort;
use crate::aiohttp::{Aiohttp, What};
use crate::contender::{BoxError, Client, Protocol, bare, context};

/// So many jobs are under way at once.
pub(crate) const AT_ONCE: [usize; 2] = [1, 100];

/// Jobs a second of each way, in the order of [`Way::ALL`], for each round.
pub(crate) struct Jobs {
    pub(crate) protocol: Protocol,
    /// Whether each sends a request; otherwise its session is opened and closed, and that is all.
    pub(crate) is_request: bool,
    pub(crate) at_once: usize,
    pub(crate) rounds: Vec<Vec<f64>>,
}

/// How a job comes to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    FreshClient,
    SharedTls,
    FreshContext,
    FreshUnasked,
    PooledContext,
    OneClient,
    Aiohttp,
}

impl Way {
    pub(crate) const ALL: [Self; 7] = [
        Self::FreshClient,
        Self::SharedTls,
        Self::FreshContext,
        Self::FreshUnasked,
        Self::PooledContext,
        Self::OneClient,
        Self::Aiohttp,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FreshClient => "reqwest, a fresh client for each job",
            Self::SharedTls => "reqwest, a fresh client with shared TLS",
            Self::FreshContext => "http-context, a fresh context",
            Self::FreshUnasked => "the same, the kernel not asked",
            Self::PooledContext => "http-context, a pooled context",
            Self::OneClient => "reqwest, one client for all jobs",
            Self::Aiohttp => "aiohttp, a fresh session, shared TLS",
        }
    }

    /// Jobs of a turn: some tenths of a second of them.
    fn jobs(self, is_request: bool) -> usize {
        match (self, is_request) {
            (Self::FreshClient, _) => 20,
            (Self::SharedTls | Self::FreshContext | Self::FreshUnasked | Self::Aiohttp, true) => {
                100
            }
            (Self::Aiohttp, false) => 2_000,
            (Self::FreshContext | Self::FreshUnasked, false) => 20_000,
            (Self::PooledContext, false) => 50_000,
            (Self::SharedTls | Self::PooledContext | Self::OneClient, _) => 500,
        }
    }
}

/// What the ways need.
#[derive(Clone)]
struct Means {
    protocol: Protocol,
    url: String,
    target: std::sync::Arc<Target>,
    pool: SessionPool,
    kept: Client,
}

pub(crate) async fn measure(target: &std::sync::Arc<Target>, effort: Effort) -> Vec<Jobs> {
    let mut aiohttp = Aiohttp::start(target).await.ok();
    let mut measured = Vec::new();
    for protocol in Protocol::ALL {
        let pool = context(target, protocol).session_pool().build();
        let means = Means {
            protocol,
            url: protocol.url(target),
            target: std::sync::Arc::clone(target),
            pool: pool.clone(),
            kept: Client::Bare(bare(target, protocol)),
        };
        let mut kinds = AT_ONCE.map(|at_once| (true, at_once)).to_vec();
        if !protocol.is_http2 && !protocol.is_secure {
            kinds.push((false, 1));
        }
        for (is_request, at_once) in kinds {
            let mut rounds = Vec::new();
            for round in 0..=effort.rounds {
                let mut rates = vec![f64::NAN; Way::ALL.len()];
                for step in 0..rates.len() {
                    let next = (round + step) % rates.len();
                    let way = Way::ALL[next];
                    let jobs = (way.jobs(is_request) / effort.divisor).max(at_once);
                    rates[next] = match (way, &mut aiohttp) {
                        (Way::Aiohttp, Some(aiohttp)) if !protocol.is_http2 => {
                            let url = if is_request { &means.url } else { "" };
                            let done = aiohttp.order(What::Jobs, url, at_once, jobs).await;
                            done.expect("it answers").0
                        }
                        (Way::Aiohttp, _) => f64::NAN,
                        (Way::OneClient, _) if !is_request => f64::NAN,
                        _ => rate(&means, way, is_request, at_once, jobs).await,
                    };
                }
                // The first round warms up.
                if round > 0 {
                    rounds.push(rates);
                }
            }
            measured.push(Jobs {
                protocol,
                is_request,
                at_once,
                rounds,
            });
        }
        drop(means);
        let closed = pool.close().await;
        assert!(closed.is_clean(), "{closed}");
        eprintln!("{}, jobs: measured", protocol.name());
    }
    measured
}

async fn rate(means: &Means, way: Way, is_request: bool, at_once: usize, jobs: usize) -> f64 {
    let share = jobs.div_ceil(at_once);
    let started = Instant::now();
    if at_once == 1 {
        work(means, way, is_request, share).await;
    } else {
        let mut tasks = JoinSet::new();
        for _ in 0..at_once {
            let means = means.clone();
            tasks.spawn(async move { work(&means, way, is_request, share).await });
        }
        tasks.join_all().await;
    }
    #[allow(clippy::cast_precision_loss, reason = "counts are small")]
    let rate = (share * at_once) as f64 / started.elapsed().as_secs_f64();
    rate
}

async fn work(means: &Means, way: Way, is_request: bool, jobs: usize) {
    let (target, protocol) = (&means.target, means.protocol);
    for _ in 0..jobs {
        let client = |client| Client::Bare(client);
        let url = &means.url;
        let done = match way {
            Way::FreshClient => one(client(fresh(target, protocol)), url, is_request).await,
            Way::SharedTls => one(client(bare(target, protocol)), url, is_request).await,
            Way::FreshContext => context(target, protocol).open(job(url, is_request)).await,
            Way::FreshUnasked => {
                let unasked = context(target, protocol).verify_sockets(false);
                unasked
                    .cut_held_sockets(false)
                    .open(job(url, is_request))
                    .await
            }
            Way::PooledContext => {
                let pooled = http_context::builder().pool(means.pool.clone());
                pooled.open(job(url, is_request)).await
            }
            Way::OneClient => one(means.kept.clone(), url, is_request).await,
            Way::Aiohttp => Ok(()),
        };
        done.expect("the server answers");
    }
}

async fn one(client: Client, url: &str, is_request: bool) -> Result<(), BoxError> {
    if is_request {
        client.get(url).await?;
    }
    Ok(())
}

async fn job(url: &str, is_request: bool) -> Result<(), BoxError> {
    if is_request {
        http_session()?.get(url).send().await?.bytes().await?;
    }
    Ok(())
}

/// As one makes a client without a second thought: with the system's trust store.
fn fresh(target: &Target, protocol: Protocol) -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy();
    let client = if protocol.is_http2 {
        client.http2_prior_knowledge()
    } else {
        client.http1_only()
    };
    let authority = reqwest::Certificate::from_der(&target.authority);
    client
        .tls_certs_merge([authority.expect("the authority is a certificate")])
        .build()
        .expect("the options go together")
}
