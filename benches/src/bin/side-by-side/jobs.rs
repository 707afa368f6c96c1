//! Jobs of a single request: what they pay for a session.

use http_context::http_session;
use http_context_benches::target::Target;
use tokio::time::Instant;

use crate::Effort;
use crate::contender::{BoxError, Client, Protocol, bare, context};

/// Jobs a second of each way, in the order of [`WAYS`], for each round.
pub(crate) struct Jobs {
    pub(crate) protocol: Protocol,
    pub(crate) rounds: Vec<Vec<f64>>,
}

pub(crate) const WAYS: [&str; 5] = [
    "reqwest, a fresh client for each job",
    "reqwest, a fresh client with shared TLS",
    "http-context, a fresh context",
    "http-context, a pooled context",
    "reqwest, one client for all jobs",
];

pub(crate) async fn measure(target: &Target, effort: Effort) -> Vec<Jobs> {
    let mut measured = Vec::new();
    for protocol in Protocol::ALL {
        let url = protocol.url(target);
        let pool = context(target, protocol).session_pool().build();
        let kept = Client::Bare(bare(target, protocol));
        let mut rounds = Vec::new();
        for round in 0..=effort.rounds {
            let mut rates = vec![0.0; WAYS.len()];
            for step in 0..WAYS.len() {
                let way = (round + step) % WAYS.len();
                let jobs = [20, 100, 100, 500, 500][way] / effort.divisor;
                let started = Instant::now();
                for _ in 0..jobs {
                    let done = match way {
                        0 => Client::Bare(fresh(target, protocol)).get(&url).await,
                        1 => Client::Bare(bare(target, protocol)).get(&url).await,
                        2 => context(target, protocol).open(job(&url)).await,
                        3 => {
                            http_context::builder()
                                .pool(pool.clone())
                                .open(job(&url))
                                .await
                        }
                        _ => kept.get(&url).await,
                    };
                    done.expect("the server answers");
                }
                #[allow(clippy::cast_precision_loss, reason = "counts are small")]
                let rate = jobs as f64 / started.elapsed().as_secs_f64();
                rates[way] = rate;
            }
            // The first round warms up.
            if round > 0 {
                rounds.push(rates);
            }
        }
        let closed = pool.close().await;
        assert!(closed.is_clean(), "{closed}");
        eprintln!("{}, jobs of one request: measured", protocol.name());
        measured.push(Jobs { protocol, rounds });
    }
    measured
}

async fn job(url: &str) -> Result<usize, BoxError> {
    let response = http_session()?.get(url).send().await?;
    Ok(response.bytes().await?.len())
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
