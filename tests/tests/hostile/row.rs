//! An attack, and what comes of it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use http_context::{ErrorKind, HttpVersions, http_session};
use http_context_tests::SEES_SOCKETS;

use crate::cell::{Cell, End, Outcome, REQUEST, Way};
use crate::peer::{Attack, Ear, Hostile, Seen, Speaks};
use crate::websocket::{self, Uses};

/// What is asked of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asks {
    Get,
    /// With a body of so many bytes.
    Post(usize),
    /// So many at once.
    Gets(usize),
    /// Once more when the first was answered.
    Again,
    /// A WebSocket, in one of the ways to use it.
    Socket(Uses),
    /// So many at once, whose bodies are kept for a while and not read.
    Heads(usize),
}

impl Asks {
    fn count(self) -> usize {
        match self {
            Self::Gets(count) | Self::Heads(count) => count,
            Self::Again => 2,
            Self::Get | Self::Post(_) | Self::Socket(_) => 1,
        }
    }
}

/// An attack, and what comes of it.
pub(crate) struct Row {
    speaks: Speaks,
    name: &'static str,
    asks: Asks,
    ear: Ear,
    attack: Attack,
    /// How requests may end.
    ends: &'static [End],
    /// How many requests the server sees of each that is made: `reqwest` sends again what was refused
    /// without being looked at, twice at most.
    sent: u64,
    /// Whether a WebSocket is to be opened soon.
    hurries: bool,
    /// Whether the server sees them all, and does not break off before.
    sees_all: bool,
    /// What the client may hold at once, in bytes.
    most_bytes: u64,
    /// See [`Cell::may_be_cut`].
    may_be_cut: bool,
}

/// What a client takes that nobody attacks, with room for what is read at once.
const LITTLE: u64 = 3 << 19;

/// How long is waited for what ends by itself.
const PATIENCE: Duration = Duration::from_secs(10);

impl Row {
    pub(crate) const fn new(
        speaks: Speaks,
        name: &'static str,
        attack: Attack,
        ends: &'static [End],
    ) -> Self {
        Self {
            speaks,
            name,
            asks: Asks::Get,
            ear: Ear::Hears,
            attack,
            ends,
            sent: 1,
            hurries: false,
            sees_all: true,
            most_bytes: LITTLE,
            may_be_cut: false,
        }
    }

    pub(crate) const fn asks(self, asks: Asks) -> Self {
        Self { asks, ..self }
    }

    /// Nothing is read before the client is gone.
    pub(crate) const fn deaf(self) -> Self {
        Self {
            ear: Ear::Deaf,
            sees_all: false,
            ..self
        }
    }

    /// Nothing is read after the first request.
    pub(crate) const fn deafened(self) -> Self {
        Self {
            ear: Ear::Deafened,
            ..self
        }
    }

    /// The attack does not wait for a request.
    pub(crate) const fn early(self) -> Self {
        Self {
            sees_all: false,
            ..self
        }
    }

    pub(crate) const fn hurries(self) -> Self {
        Self {
            hurries: true,
            ..self
        }
    }

    pub(crate) const fn sent(self, sent: u64) -> Self {
        Self { sent, ..self }
    }

    pub(crate) const fn takes(self, most_bytes: u64) -> Self {
        Self { most_bytes, ..self }
    }

    pub(crate) const fn cut(self) -> Self {
        Self {
            may_be_cut: true,
            ..self
        }
    }

    #[expect(
        clippy::print_stdout,
        reason = "whoever asks for a row wants to see it"
    )]
    fn check(&self) {
        for way in [Way::Awaited, Way::Left] {
            let (outcome, seen) = self.run(way);
            let (name, ends) = (self.name, &outcome.ends);
            let (bytes, exit) = (outcome.most_bytes, outcome.report.exit_duration);
            if !shown().is_empty() {
                println!("{name}, {way:?}: {ends:?}, {bytes} bytes, {exit:?} to exit, {seen:?}");
            }
            let cut_off = [
                End::Failed(ErrorKind::SessionClosed),
                End::Socket("SessionClosed"),
            ];
            let is_cut_off = |end| way == Way::Left && cut_off.contains(end);
            let may_end = |end| self.ends.contains(end) || is_cut_off(end);
            assert!(ends.iter().all(may_end), "{name}, {way:?}: {ends:?}");
            assert!(bytes <= self.most_bytes, "{name}, {way:?}: {bytes} bytes");
            let (made, requests) = (self.asks.count() as u64, outcome.report.requests);
            let is_right = requests == made || (way == Way::Left && requests < made);
            assert!(is_right, "{name}, {way:?}: {made} and {requests} requests");
            let (most, all) = (made * self.sent, self.sees_all && way == Way::Awaited);
            let is_right = seen.requests == most || (!all && seen.requests <= most);
            assert!(is_right, "{name}, {way:?}: {most} requests, and {seen:?}");
        }
    }

    /// How long what is asked for may last. What ends by itself has time for that, whatever else the machine
    /// does.
    fn limits(&self, way: Way) -> Limits {
        let goes_on = [End::Failed(ErrorKind::Timeout), End::Open];
        let is_endless = goes_on.iter().any(|end| self.ends.contains(end));
        let of_use = if is_endless { REQUEST } else { PATIENCE };
        Limits {
            of_use: (way == Way::Awaited).then_some(of_use),
            of_handshake: if self.hurries { REQUEST } else { PATIENCE },
        }
    }

    fn run(&self, way: Way) -> (Outcome, Seen) {
        let hostile = Hostile::start(self.speaks, self.attack, self.ear);
        let context = http_context::builder()
            .http_versions(match self.speaks {
                Speaks::Http1 => HttpVersions::Http1,
                Speaks::Http2 => HttpVersions::Http2,
            })
            .configure(reqwest::ClientBuilder::no_proxy);
        let cell = Cell {
            name: self.name,
            server: &hostile.server,
            over: &hostile.over,
            context,
            may_be_cut: self.may_be_cut,
        };
        let (url, asks) = (format!("http://{}/", hostile.server.addr()), self.asks);
        let limits = self.limits(way);
        let ask = move || async move {
            let mut requests: Vec<_> = (0..asks.count()).map(|_| ask(&url, asks, limits)).collect();
            let mut ends = BTreeSet::new();
            if matches!(asks, Asks::Again) {
                ends.insert(requests.remove(0).await);
            }
            ends.extend(join_all(requests).await);
            ends
        };
        let outcome = cell.run(way, ask, || hostile.begun(self.sees_all));
        (outcome, hostile.seen())
    }
}

/// What ends that does not end by itself.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// None where the exit ends it.
    pub(crate) of_use: Option<Duration>,
    pub(crate) of_handshake: Duration,
}

/// Asks once, and reads the answer to its end.
async fn ask(url: &str, asks: Asks, limits: Limits) -> End {
    let Ok(session) = http_session() else {
        // Its context is on the way out.
        return End::Failed(ErrorKind::SessionClosed);
    };
    let mut request = match asks {
        Asks::Socket(uses) => return websocket::ask(session, url, uses, limits).await,
        Asks::Post(bytes) => session.post(url).body(vec![b'x'; bytes]),
        _ => session.get(url),
    };
    if let Some(limit) = limits.of_use {
        request = request.timeout(limit);
    }
    drop(session);
    match request.send().await {
        Err(error) => End::of(&error),
        Ok(response) if matches!(asks, Asks::Heads(_)) => {
            let _held = response;
            wait(REQUEST).await;
            End::Answered
        }
        Ok(mut response) => loop {
            match response.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => return End::Answered,
                Err(error) => return End::of(&error),
            }
        },
    }
}

/// What is slow takes time.
#[expect(clippy::disallowed_methods, reason = "slowness is made of time")]
pub(crate) async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The only rows that are to be run, by a part of their names, and shown: for whoever looks into one.
fn shown() -> String {
    std::env::var("HOSTILE_ROW").unwrap_or_default()
}

/// Makes each attack, and says at the end which of them did not come to what stands in its row.
#[track_caller]
pub(crate) fn check(rows: &[Row]) {
    let only = shown();
    let failed = |may_be_cut: bool| -> Vec<_> {
        let rows = rows.iter().filter(|row| row.may_be_cut == may_be_cut);
        rows.filter(|row| row.name.contains(&only))
            .filter(|row| std::panic::catch_unwind(|| row.check()).is_err())
            .map(|row| row.name)
            .collect()
    };
    // Those that are cut off wait for most of the time.
    let (others, cut) = std::thread::scope(|scope| {
        let cut = scope.spawn(|| SEES_SOCKETS.then(|| failed(true)));
        (failed(false), cut.join().unwrap().unwrap_or_default())
    });
    assert!(others.is_empty() && cut.is_empty(), "{others:#?} {cut:#?}");
}
