//! Series and memory, when every request is for another host, with another method, and fails with
//! another text.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http_context::{ErrorKind, OpenError, http_session};
use http_context_tests::{Server, sockets};
use reqwest::Method;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::runtime::{Builder, Runtime};

use crate::rig::{Rig, Wire};

const DURATION: &str = "http_client_request_duration_seconds";

/// How often what was recorded is read, as a scrape does: until then a recorder keeps samples.
const SCRAPED_EVERY: u64 = 2000;

/// What samples that were read may take until they are given back, in bytes.
const FOR_SAMPLES: u64 = 1 << 19;

/// Fails every lookup with another text.
#[derive(Default)]
struct FailsAnew(AtomicU64);

impl Resolve for FailsAnew {
    fn resolve(&self, name: Name) -> Resolving {
        let time = self.0.fetch_add(1, Ordering::Relaxed);
        let error = format!(
            "no address of {} could be found, for the {time}th time",
            name.as_str()
        );
        Box::pin(async move { Err(error.into()) })
    }
}

/// Finds one address, whatever the name.
struct Finds(SocketAddr);

impl Resolve for Finds {
    fn resolve(&self, _: Name) -> Resolving {
        let addr = self.0;
        Box::pin(async move { Ok(Box::new(std::iter::once(addr)) as Addrs) })
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn method(n: u64) -> Method {
    Method::from_bytes(format!("METHOD{n}").as_bytes()).unwrap()
}

/// One request for each number, in one context, each to a host and with a method of its own that
/// has no address.
async fn fail(rig: &Rig, numbers: std::ops::Range<u64>) {
    let context = rig.context().dns_resolver(Arc::new(FailsAnew::default()));
    let work = context.open(async {
        let session = http_session()?;
        for n in numbers {
            let request = session.request(method(n), format!("http://host{n}.test/{n}"));
            let error = request.send().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NameResolution);
            if n % SCRAPED_EVERY == 0 {
                rig.exported();
            }
        }
        Ok::<_, OpenError>(())
    });
    work.await.unwrap();
    rig.exported();
}

#[test]
fn fifty_thousand_hosts_methods_and_error_texts_add_nothing_after_the_first_thousand() {
    let (runtime, rig) = (runtime(), Rig::new(Wire::Http1));
    let run = |numbers| allocation_counter::measure(|| runtime.block_on(fail(&rig, numbers)));
    run(0..1000);
    let series = || rig.exported().to_string().lines().count();
    let (first, at_first) = (run(1000..10_000), series());
    let (rest, at_last) = (run(10_000..50_000), series());
    let exported = rig.exported();
    assert_eq!(exported.ends().failed, 50_000);
    assert_eq!(at_first, at_last, "{exported}");
    let other = [
        ("server_address", "_OTHER"),
        ("http_request_method", "_OTHER"),
    ];
    assert_eq!(exported.count(DURATION, &other), 49_800);
    println!(
        "at most {} bytes more, {} kept, {at_last} series",
        rest.bytes_max, rest.bytes_current
    );
    // Four times as many, and no more memory: neither while they run nor after. The recorder gives
    // blocks of samples back some scrapes later; what is allowed for them is 13 bytes a request,
    // less than any of the names and texts would take.
    assert!(
        rest.bytes_max < first.bytes_max + FOR_SAMPLES,
        "{first:?} {rest:?}"
    );
    assert!(
        rest.bytes_current < i64::try_from(FOR_SAMPLES).unwrap(),
        "{rest:?}"
    );
    exported.assert_sound();
}

#[test]
fn four_thousand_hosts_that_answer_add_nothing_after_the_first_thousand() {
    let (runtime, rig, server) = (runtime(), Rig::new(Wire::Http1), Server::start());
    let ask = |numbers: std::ops::Range<u64>| {
        let context = rig.context().dns_resolver(Arc::new(Finds(server.addr())));
        let work = context.open(async {
            let session = http_session()?;
            for n in numbers {
                let url = server.url_at(&format!("host{n}.test"), "/close");
                let response = session.request(method(n), url).send().await.unwrap();
                response.bytes().await.unwrap();
                if n % SCRAPED_EVERY == 0 {
                    rig.exported();
                }
            }
            Ok::<_, OpenError>(())
        });
        let report = runtime.block_on(work.with_report()).1.unwrap();
        assert!(report.is_clean(), "{report}");
        let gone = rig.wait_until(|exported| exported.open_connections() == 0);
        runtime.block_on(gone).to_string().lines().count()
    };
    let (at_first, at_last) = (ask(0..1000), ask(1000..4000));
    let exported = rig.exported();
    // A connection that both sides close has one reason or another, and each is a series: the first
    // hosts have theirs, and only the others together may get one more.
    assert!(
        at_last <= at_first + 4,
        "{at_first} and {at_last}: {exported}"
    );
    assert_eq!(exported.ends().answered, 4000);
    assert_eq!(exported.opened(), 4000);
    assert_eq!(server.counts().accepted, 4000);
    assert_eq!(sockets::to(server.addr()), []);
    exported.assert_sound();
}
