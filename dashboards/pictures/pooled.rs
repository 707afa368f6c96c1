//! A program that is not the worker: contexts with sessions from a pool, and plug-ins that are not
//! well written. Its telemetry fills the panels that a worker in good health leaves empty.
//!
//! `make.mjs` starts it with the addresses of its upstream as arguments. It prints where its metrics
//! are, and works until its standard input ends.

#![expect(
    clippy::disallowed_methods,
    reason = "faults that are made of time; this is no test, and nothing is synchronised by it"
)]

use std::error::Error;
use std::io::{Read, Write};
use std::pin::pin;
use std::time::Duration;

use http_context::{SessionPool, builder, http_session, open};
use http_context_middleware::{Instrumentation, with_catalogue_buckets};
use http_context_tests::{Server, full_body};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::time::{Instant, interval, sleep};

type Done = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Done {
    let recorder = with_catalogue_buckets(PrometheusBuilder::new()).install_recorder()?;
    Instrumentation::install()?;
    let upkeep = recorder.clone();
    let metrics = Server::builder()
        .handler("/metrics", move |_| {
            upkeep.run_upkeep();
            let text = upkeep.render();
            async move { http::Response::new(full_body(text)) }
        })
        .start();
    writeln!(std::io::stdout(), "{}", metrics.addr())?;

    let upstreams: Vec<String> = std::env::args().skip(1).collect();
    let pool = SessionPool::builder()
        .max_size(6)
        .idle_timeout(Duration::from_secs(20))
        .wait_timeout(Duration::from_millis(400))
        .build();
    let stopped = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let mut stopped = pin!(stopped);
    let mut tick = interval(Duration::from_millis(40));
    let began = Instant::now();
    for number in 0_u64.. {
        tokio::select! {
            _ = &mut stopped => break,
            _ = tick.tick() => {}
        }
        // A slow swing, so that the pool is nearly empty at times and full at others.
        let since = began.elapsed();
        let swing = (since.as_secs_f64() / 75.0).sin();
        let at_once = if swing > 0.85 && number % 100 < 10 {
            3
        } else {
            1
        };
        for part in 0..at_once {
            let (pool, upstreams) = (pool.clone(), upstreams.clone());
            let fault = if part == 0 {
                Fault::due(number, since)
            } else {
                Fault::None
            };
            tokio::spawn(async move {
                // What goes wrong is in the telemetry.
                let _ = job(&pool, &upstreams, number, fault).await;
            });
        }
    }
    pool.close().await;
    Ok(())
}

/// What a plug-in does wrong.
enum Fault {
    None,
    /// It opens a context of its own, since it cannot know that there is one.
    NestedOpen,
    /// It keeps its session, and lets go of it only much later.
    KeptSession,
    /// It leaves a request behind.
    ForgottenRequest,
    Hang,
    Failure,
}

impl Fault {
    /// Some faults happen now and then, some in a bad minute of a program.
    fn due(number: u64, since: Duration) -> Self {
        let minute = since.as_secs() / 60;
        match minute {
            6 | 7 if number % 500 == 100 => Self::KeptSession,
            10 if number % 150 == 50 => Self::ForgottenRequest,
            4 | 12 if number % 700 == 350 => Self::Hang,
            _ if number.is_multiple_of(30) => Self::NestedOpen,
            _ if number % 150 == 1 => Self::Failure,
            _ => Self::None,
        }
    }
}

/// A job in a context of its own, with a plug-in that misbehaves now and then.
async fn job(pool: &SessionPool, upstreams: &[String], number: u64, fault: Fault) -> Done {
    let context = builder()
        .pool(pool.clone())
        .overdue_after(Duration::from_secs(2))
        .drain_timeout(Duration::from_millis(150));
    context
        .open(async move {
            for step in 0..3 {
                let base = &upstreams[usize::try_from(number + step)? % upstreams.len()];
                let response = http_session()?.get(format!("{base}/page/{number}"));
                response.send().await?.bytes().await?;
            }
            match fault {
                Fault::None => {}
                Fault::NestedOpen => open(async || plug_in(&upstreams[0]).await).await?,
                Fault::KeptSession => keep_the_session()?,
                Fault::ForgottenRequest => forget_a_request(&upstreams[0]).await?,
                Fault::Hang => sleep(Duration::from_secs(40)).await,
                Fault::Failure => return Err("no such page".into()),
            }
            Ok(())
        })
        .await
}

async fn plug_in(base: &str) -> Done {
    let response = http_session()?
        .get(format!("{base}/plug-in"))
        .send()
        .await?;
    response.bytes().await?;
    Ok(())
}

fn keep_the_session() -> Done {
    let session = http_session()?;
    tokio::spawn(async move {
        sleep(Duration::from_mins(4)).await;
        drop(session);
    });
    Ok(())
}

/// The request is under way when this returns, and is cut off at the exit.
async fn forget_a_request(base: &str) -> Done {
    let request = http_session()?.get(format!("{base}/hangs"));
    tokio::spawn(request.send());
    sleep(Duration::from_millis(20)).await;
    Ok(())
}
