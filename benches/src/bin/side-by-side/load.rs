//! Long jobs: requests a second on a warm session, with so many in flight.

use std::sync::Arc;

use http_context_benches::cpu::{self, Cores};
use http_context_benches::target::Target;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::Effort;
use crate::aiohttp::{Aiohttp, What};
use crate::contender::{BoxError, Client, Contender, Protocol};

pub(crate) const IN_FLIGHT: [usize; 3] = [1, 64, 1024];

/// Requests a second of each contender, in the order of [`Contender::ALL`], for each round.
pub(crate) struct Load {
    pub(crate) protocol: Protocol,
    pub(crate) in_flight: usize,
    pub(crate) rounds: Vec<Vec<f64>>,
    /// Microseconds that the client ran for a request, likewise.
    pub(crate) cpu: Vec<Vec<f64>>,
}

struct Order {
    in_flight: usize,
    requests: usize,
    done: oneshot::Sender<(f64, f64)>,
}

pub(crate) async fn measure(target: &Target, effort: Effort, cores: Cores) -> Vec<Load> {
    let mut loads = Vec::new();
    for protocol in Protocol::ALL {
        // They live through all rounds, each with its own connections.
        let url = protocol.url(target);
        let (mut contenders, mut aiohttp) = (Vec::new(), None);
        for contender in Contender::ALL {
            contenders.push(match contender.client(target, protocol) {
                Some(client) => Some(start(client, url.clone())),
                // It speaks no HTTP/2.
                None if protocol.is_http2 => None,
                None => {
                    let started = start_aiohttp(target, url.clone()).await;
                    started.map(|(orders, process)| {
                        aiohttp = process;
                        orders
                    })
                }
            });
        }
        for in_flight in IN_FLIGHT {
            // One at a time they take turns on one core: on two, the wake-up of the other one is what
            // would be measured.
            let core = if in_flight == 1 {
                cores.server
            } else {
                cores.client
            };
            cpu::stay_on(core).expect("it may run there");
            if let Some(process) = aiohttp {
                cpu::keep_process_on(process, core).expect("it may run there");
            }
            let requests = if in_flight == 1 { 2_000 } else { 8_192 } / effort.divisor;
            for contender in contenders.iter().flatten() {
                turn(contender, in_flight, in_flight * 2).await;
            }
            let (mut rounds, mut cpu) = (Vec::new(), Vec::new());
            for round in 0..effort.rounds {
                let mut rates = vec![f64::NAN; contenders.len()];
                let mut micros = rates.clone();
                for step in 0..contenders.len() {
                    // Another one begins each round, so that none always follows the same.
                    let next = (round + step) % contenders.len();
                    if let Some(contender) = &contenders[next] {
                        (rates[next], micros[next]) = turn(contender, in_flight, requests).await;
                    }
                }
                rounds.push(rates);
                cpu.push(micros);
            }
            eprintln!("{}, {in_flight} in flight: measured", protocol.name());
            loads.push(Load {
                protocol,
                in_flight,
                rounds,
                cpu,
            });
        }
    }
    loads
}

async fn turn(
    contender: &mpsc::UnboundedSender<Order>,
    in_flight: usize,
    requests: usize,
) -> (f64, f64) {
    let (done, rate) = oneshot::channel();
    let order = Order {
        in_flight,
        requests,
        done,
    };
    assert!(contender.send(order).is_ok(), "it runs");
    rate.await.expect("its requests are answered")
}

/// aiohttp and its process, where there is a Python that has it.
async fn start_aiohttp(
    target: &Target,
    url: String,
) -> Option<(mpsc::UnboundedSender<Order>, Option<u32>)> {
    let mut aiohttp = match Aiohttp::start(target).await {
        Ok(aiohttp) => aiohttp,
        Err(error) => {
            eprintln!("without aiohttp: {error}");
            return None;
        }
    };
    let process = aiohttp.process();
    let (orders, mut ordered) = mpsc::unbounded_channel::<Order>();
    tokio::spawn(async move {
        while let Some(order) = ordered.recv().await {
            let (in_flight, requests) = (order.in_flight, order.requests);
            let done = aiohttp
                .order(What::Requests, &url, in_flight, requests)
                .await;
            let _ = order.done.send(done.expect("it answers"));
        }
    });
    Some((orders, process))
}

/// A task that sends as ordered, in a context of its own if that is its way.
fn start(client: Client, url: String) -> mpsc::UnboundedSender<Order> {
    let (orders, ordered) = mpsc::unbounded_channel();
    let context = match &client {
        Client::Session(context) => Some(context.clone()),
        _ => None,
    };
    let work = work(client, url.into(), ordered);
    match context {
        Some(context) => tokio::spawn(context.open(work)),
        None => tokio::spawn(work),
    };
    orders
}

async fn work(
    client: Client,
    url: Arc<str>,
    mut ordered: mpsc::UnboundedReceiver<Order>,
) -> Result<(), BoxError> {
    while let Some(Order {
        in_flight,
        requests,
        done,
    }) = ordered.recv().await
    {
        let (started, ran) = (Instant::now(), cpu::thread_time());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..in_flight {
            let (client, url) = (client.clone(), Arc::clone(&url));
            let send = async move {
                for _ in 0..requests.div_ceil(in_flight) {
                    client.get(&url).await?;
                }
                Ok::<_, BoxError>(())
            };
            tasks.spawn(http_context::FutureExt::in_current_http_context(send));
        }
        while let Some(sent) = tasks.join_next().await {
            sent??;
        }
        #[allow(clippy::cast_precision_loss, reason = "counts are small")]
        let sent = (requests.div_ceil(in_flight) * in_flight) as f64;
        let micros = cpu::micros_since(ran) / sent;
        let _ = done.send((sent / started.elapsed().as_secs_f64(), micros));
    }
    Ok(())
}
