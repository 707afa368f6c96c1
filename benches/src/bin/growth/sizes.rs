//! The time of a request, as contexts, connections and hosts grow.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use http_context::{
    ContextBuilder, HttpContext, HttpSession, OpenError, builder, current, http_session,
};
use http_context_benches::cpu;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::server::Server;
use crate::{BoxError, Growth};

/// Requests in one turn, and how many turns.
const REQUESTS: usize = 100;
const TURNS: usize = 30;

/// A context that is open until this is dropped.
pub(crate) struct Held {
    pub(crate) session: HttpSession,
    _context: HttpContext,
    _end: oneshot::Sender<()>,
}

pub(crate) async fn held(context: ContextBuilder) -> Result<Held, BoxError> {
    let (hand_out, handed_out) = oneshot::channel();
    let (end, ended) = oneshot::channel::<()>();
    tokio::spawn(context.leaks(http_context::LeakPolicy::Off).open(async {
        let _ = hand_out.send((http_session()?, current()));
        let _ = ended.await;
        Ok::<_, BoxError>(())
    }));
    let (session, context) = handed_out.await?;
    Ok(Held {
        session,
        _context: context.ok_or("bound by open")?,
        _end: end,
    })
}

pub(crate) fn options() -> ContextBuilder {
    builder()
        .max_connections_per_host(1 << 16)
        .configure(reqwest::ClientBuilder::no_proxy)
}

/// Microseconds that the client ran for one of the requests to these URLs, in turn.
async fn turn(session: &HttpSession, urls: &[String]) -> Result<f64, BoxError> {
    let ran = cpu::thread_time();
    for request in 0..REQUESTS {
        let url = &urls[request % urls.len()];
        session.get(url).send().await?.bytes().await?;
    }
    #[allow(clippy::cast_precision_loss, reason = "a hundred")]
    let micros = cpu::micros_since(ran) / REQUESTS as f64;
    Ok(micros)
}

/// Medians of the time on each of two sessions, and of their ratio within a turn.
async fn compare(
    grown: (&HttpSession, &[String]),
    small: (&HttpSession, &[String]),
) -> Result<(f64, f64), BoxError> {
    let (mut times, mut ratios) = (Vec::new(), Vec::new());
    for round in 0..TURNS {
        let (time, other);
        if round % 2 == 0 {
            time = turn(grown.0, grown.1).await?;
            other = turn(small.0, small.1).await?;
        } else {
            other = turn(small.0, small.1).await?;
            time = turn(grown.0, grown.1).await?;
        }
        times.push(time);
        ratios.push(time / other);
    }
    Ok((middle(times), middle(ratios)))
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) type Opened = Pin<Box<dyn Future<Output = Result<(), OpenError>>>>;

/// An open context that builds no session.
pub(crate) fn open_lazily(lazy: &ContextBuilder) -> Opened {
    let mut opened: Opened = Box::pin(lazy.clone().open(std::future::pending()));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(opened.as_mut().poll(&mut cx).is_pending());
    opened
}

/// Other contexts that are open. They are opened and closed again in turns.
pub(crate) async fn contexts(server: &Server) -> Result<Growth, BoxError> {
    let urls = [server.url("/ok")];
    let held = held(options()).await?;
    turn(&held.session, &urls).await?;
    let mut steps = Vec::new();
    for count in [1, 10, 100, 1_000, 10_000, 100_000] {
        let lazy = builder().lazy();
        let (mut times, mut ratios) = (Vec::new(), Vec::new());
        let turns = if count == 100_000 { TURNS / 3 } else { TURNS };
        for _ in 0..turns {
            // The turn after much was opened or closed finds cold caches, and does not count.
            turn(&held.session, &urls).await?;
            let alone = turn(&held.session, &urls).await?;
            // Itself is one of them.
            let others: Vec<_> = (1..count).map(|_| open_lazily(&lazy)).collect();
            turn(&held.session, &urls).await?;
            let time = turn(&held.session, &urls).await?;
            drop(others);
            times.push(time);
            ratios.push(time / alone);
        }
        eprintln!("{count} contexts: measured");
        steps.push((count, middle(times), middle(ratios)));
    }
    let what = "contexts";
    Ok(Growth { what, steps })
}

/// Opens so many connections of a session, which are idle when this returns.
pub(crate) async fn connect(
    server: &Server,
    session: &HttpSession,
    count: usize,
) -> Result<(), BoxError> {
    let mut requests = JoinSet::new();
    for _ in 0..count {
        let request = session.get(server.url("/hold")).send();
        requests.spawn(async { Ok::<_, BoxError>(request.await?.bytes().await?) });
    }
    server.holds(count).await?;
    server.release().await?;
    while let Some(answered) = requests.join_next().await {
        answered??;
    }
    Ok(())
}

/// Connections of one session to one host.
pub(crate) async fn connections(server: &Server) -> Result<Growth, BoxError> {
    let urls = [server.url("/ok")];
    let mut steps = Vec::new();
    for count in [1, 10, 100, 1_000, 10_000 - 10] {
        let (small, grown) = (held(options()).await?, held(options()).await?);
        turn(&small.session, &urls).await?;
        connect(server, &grown.session, count).await?;
        let (time, ratio) = compare((&grown.session, &urls), (&small.session, &urls)).await?;
        eprintln!("{count} connections: measured");
        steps.push((count, time, ratio));
    }
    let what = "connections";
    Ok(Growth { what, steps })
}

/// Hosts of one session, each with a connection.
pub(crate) async fn hosts(server: &Server) -> Result<Growth, BoxError> {
    let resolver = Arc::new(ToLoopback);
    let options = || options().dns_resolver(resolver.clone());
    let url = |host: usize| format!("http://h{host}.test:{}/ok", server.port);
    let mut steps = Vec::new();
    for count in [1, 10, 100, 1_000] {
        let (small, grown) = (held(options()).await?, held(options()).await?);
        let urls: Vec<_> = (0..count).map(url).collect();
        for url in &urls {
            grown.session.get(url).send().await?.bytes().await?;
        }
        turn(&small.session, &urls[..1]).await?;
        // Other hosts in each turn, so that all of them come up.
        let (time, ratio) = compare((&grown.session, &urls), (&small.session, &urls[..1])).await?;
        eprintln!("{count} hosts: measured");
        steps.push((count, time, ratio));
    }
    let what = "hosts";
    Ok(Growth { what, steps })
}

/// Every name is this machine.
struct ToLoopback;

impl Resolve for ToLoopback {
    fn resolve(&self, _: Name) -> Resolving {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Box::pin(std::future::ready(Ok(
            Box::new(std::iter::once(address)) as Addrs
        )))
    }
}
