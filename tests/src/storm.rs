//! What children of a context do to it at once, on as many threads as there are.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use http_context::{
    ContextBuilder, JoinSet, Open, RequestBuilder, http_session, open, spawn, spawn_blocking,
};
use tokio::task::{self, yield_now};

use crate::{BoxError, LongRun, Random, Server};

/// Contexts at once.
const AT_ONCE: u64 = 4;

/// Opens so many contexts in which children look sessions up, close them, make requests and nested
/// contexts, keep what they get too long, panic, and are aborted, all at once; and which end in every
/// way, mostly in the middle of that. Returns how many were asked for: `STORM_ROUNDS`, if that is
/// set.
///
/// What is done is drawn at random, the same for the same seed, `STORM_SEED`. What comes first is up
/// to the threads. What was kept of the last contexts may be let go a moment after the end of this.
///
/// # Panics
///
/// When one of the variables is no number.
///
/// # Cancel safety
///
/// Dropping the future ends no context: they go on in their tasks.
pub async fn storm(name: &str, server: &Server, context: &ContextBuilder, contexts: u64) -> u64 {
    let LongRun { wanted, seed } = LongRun::from_env(name, "STORM_ROUNDS", "STORM_SEED");
    let contexts = wanted.unwrap_or(contexts);
    let storms = (0..AT_ONCE).map(|nth| {
        let mut random = Random::new((seed * AT_ONCE + nth) << 1);
        let (context, url) = (context.clone(), server.url(""));
        task::spawn(async move {
            for _ in 0..contexts / AT_ONCE {
                one(context.clone(), &url, &mut random).await;
            }
        })
    });
    for storm in storms.collect::<Vec<_>>() {
        storm.await.expect("what panics is another task");
    }
    contexts
}

/// Opens one context, and sees it to its end.
async fn one(context: ContextBuilder, url: &str, random: &mut Random) {
    let job = task::spawn(drawn(context, url, random));
    if random.one_in(3) {
        for _ in 0..random.below(60) {
            yield_now().await;
        }
        job.abort();
    }
    // However it ends.
    drop(job.await);
}

/// One context of a [`storm`], with what its children do; it may panic.
pub fn drawn(
    context: ContextBuilder,
    url: &str,
    random: &mut Random,
) -> Open<impl Future<Output = Result<(), BoxError>> + Send + use<>> {
    let is_lazy = random.one_in(2);
    let context = if is_lazy { context.lazy() } else { context };
    let context = context.drain_timeout(Duration::from_millis(random.below(3)));
    context.open(work(url.to_owned(), random.another()))
}

async fn work(url: String, mut random: Random) -> Result<(), BoxError> {
    let mut children = JoinSet::new();
    for _ in 0..=random.below(4) {
        children.spawn(child(url.clone(), random.another()));
    }
    match random.below(5) {
        0 => drop(children.join_next().await),
        1 => {}
        2 => panic_unseen(),
        _ => while children.join_next().await.is_some() {},
    }
    Ok(())
}

async fn child(url: String, mut random: Random) -> Result<(), BoxError> {
    for _ in 0..=random.below(5) {
        let session = http_session()?;
        let ok = format!("{url}/ok");
        let long = format!("{url}/bytes/20000");
        match random.below(24) {
            0 | 1 => session.close(),
            2 => cancelled(session.get(&long), random.below(6)).await,
            3 => open(read_ambient(&ok)).await?,
            4 => drop(session.client().get(&ok).send().await),
            5 => {
                let task = spawn(async move { read_ambient(&ok).await });
                if random.one_in(2) {
                    yield_now().await;
                    task.abort();
                }
            }
            6 => drop(spawn_blocking(http_session).await),
            7 => {
                let panics = spawn(async { panic_unseen() });
                drop(panics.await);
            }
            8 => keep(session, random.below(40)),
            9 => {
                if let Ok(response) = session.get(&long).send().await {
                    keep(response, random.below(40));
                }
            }
            10 => drop(session.get(&long).send().await),
            11 => read(session.get(format!("{url}/redirect/2"))).await,
            12 => read(session.get(format!("{url}/chunked/3/100"))).await,
            13 => {
                let upload = session
                    .post(format!("{url}/upload"))
                    .body("x".repeat(3_000));
                cancelled(upload, random.below(6)).await;
            }
            14 => {
                let limit = Duration::from_micros(random.below(2_000));
                read(session.get(&long).timeout(limit)).await;
            }
            15 => {
                let client = session.client();
                drop(session);
                drop(client.get(&ok).send().await);
                keep(client, random.below(20));
            }
            16 => drop(http_context::snapshot()),
            17 => {
                let requests = [session.get(&ok), session.get(&long), session.get(&ok)];
                let mut requests = requests.map(|request| Box::pin(request.send()));
                // All on their way at once; then one is read, and the others are dropped.
                for request in &mut requests {
                    let polled = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx)));
                    if polled.await.is_ready() {
                        return Ok(());
                    }
                }
                let [first, second, last] = requests;
                // Held and not polled, they would keep the last one from its connection.
                drop((first, second));
                drop(last.await);
            }
            _ => read(session.get(&ok)).await,
        }
    }
    Ok(())
}

/// A request that is read, if its session lets it.
async fn read(request: RequestBuilder) {
    if let Ok(response) = request.send().await {
        drop(response.bytes().await);
    }
}

async fn read_ambient(url: &str) -> Result<(), BoxError> {
    read(http_session()?.get(url)).await;
    Ok(())
}

/// Sends a request, and drops it after so many polls, if it is not over before.
pub async fn cancelled(request: RequestBuilder, polls: u64) {
    let mut request = pin!(request.send());
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await;
        if polled.is_ready() {
            return;
        }
        yield_now().await;
    }
}

/// A panic that no hook prints.
fn panic_unseen() {
    std::panic::resume_unwind(Box::new("on purpose"))
}

/// Lets go of something later, in a task that is bound to nothing.
fn keep<T: Send + 'static>(kept: T, turns: u64) {
    task::spawn(async move {
        for _ in 0..turns {
            yield_now().await;
        }
        drop(kept);
    });
}
