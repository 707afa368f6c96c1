//! What children of a context do to it at once, on as many threads as there are.

use std::{pin::pin, task::Poll, time::Duration};

use http_context::{
    ContextBuilder, HttpSession, JoinSet, http_session, open, spawn, spawn_blocking,
};
use tokio::task::{self, yield_now};

use crate::{BoxError, Random, Server};

/// Opens contexts in which children look sessions up, close them, make requests and nested
/// contexts, keep what they get too long, panic, and are aborted, all at once; and which end in every
/// way, mostly in the middle of that.
///
/// What is done is drawn at random, the same for the same seed. What comes first is up to the
/// threads.
#[derive(Debug)]
pub struct Storm {
    url: String,
    random: Random,
}

impl Storm {
    /// One that makes its requests to this server.
    pub fn new(server: &Server, seed: u64) -> Self {
        Self {
            url: server.url(""),
            random: Random::new(seed),
        }
    }

    /// Opens one context and sees it to its end, and everything that was kept of it.
    pub async fn round(&mut self, context: ContextBuilder) {
        let random = &mut self.random;
        let context = if random.one_in(2) {
            context
        } else {
            context.lazy()
        };
        let context = context.drain_timeout(Duration::from_millis(random.below(3)));
        let work = context.open(work(self.url.clone(), random.another()));
        let job = tokio::spawn(work);
        if random.one_in(3) {
            for _ in 0..random.below(60) {
                yield_now().await;
            }
            job.abort();
        }
        // However it ends.
        drop(job.await);
    }
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
        match random.below(16) {
            0 | 1 => session.close(),
            2 => cancelled(&session, &long, random.below(6)).await,
            3 => open(read_ambient(&ok)).await?,
            4 => {
                let request = session.client().get(&ok).send();
                drop(request.await);
            }
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
            _ => read(&session, &ok).await,
        }
    }
    Ok(())
}

/// A request that is read, if its session lets it.
async fn read(session: &HttpSession, url: &str) {
    if let Ok(response) = session.get(url).send().await {
        drop(response.bytes().await);
    }
}

async fn read_ambient(url: &str) -> Result<(), BoxError> {
    read(&http_session()?, url).await;
    Ok(())
}

/// A request that is dropped after so many polls.
async fn cancelled(session: &HttpSession, url: &str, polls: u64) {
    let mut request = pin!(session.get(url).send());
    for _ in 0..polls {
        let polled = std::future::poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await;
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
