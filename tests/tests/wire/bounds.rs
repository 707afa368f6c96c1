//! How close to the truth what is exported has to be.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use http_context_tests::{LongRun, Side};

use crate::exports::Exports;
use crate::truth::{Witnessed, split};

/// Of the connections that both sides close at once, so many in a hundred may be exported the other way.
const AT_ONCE_PERCENT: usize = 2;
/// The sum of the lifetimes may be off by so much of it,
const LIFETIMES: f64 = 0.05;
/// and by so many seconds for each connection.
const A_LIFETIME: f64 = 0.010;

/// What is to be held against a witness.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) exports: Exports,
    /// Response heads that came over its connections.
    pub(crate) heads: RangeInclusive<i64>,
    /// Connections that the witness saw and that were never ready.
    pub(crate) given_up: RangeInclusive<usize>,
    /// Connections that have carried requests, by the client's end, so that they were ready.
    pub(crate) carried: Vec<SocketAddr>,
    /// Connections that closed before a response head came.
    pub(crate) unused: Option<i64>,
    /// With which others both sides of its connections close at once, if they do.
    pub(crate) at_once: Option<&'static str>,
    /// With which others the lifetimes of its connections are summed.
    pub(crate) lifetimes: String,
}

/// What is held against the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything.
    All,
    /// All but who was first, and when, of connections that both sides close at once. In one round they are
    /// few, and some of them are told the wrong way.
    Clear,
}

impl Extent {
    /// A run that was asked for holds everything.
    pub(crate) fn of(run: LongRun) -> Self {
        match run.wanted {
            Some(_) => Self::All,
            None => Self::Clear,
        }
    }

    /// Whether it holds who closed, and when.
    fn holds_ends(self, case: &Case) -> bool {
        self == Self::All || case.at_once.is_none()
    }
}

/// What differs from one witness.
#[derive(Debug)]
pub(crate) struct Findings {
    witness: &'static str,
    extent: Extent,
    /// Whether it knows who was first where both sides close at once.
    knows_races: bool,
    /// Whether it knows better than any other one when connections closed.
    knows_times: bool,
    /// A line for each case that differs.
    lines: Vec<String>,
    connections: usize,
    /// Connections that both sides close at once.
    at_once: BTreeMap<&'static str, AtOnce>,
    lifetimes: BTreeMap<String, Lifetimes>,
}

/// Connections that both sides close at once, and how many of them the other end closed first.
#[derive(Debug, Default)]
struct AtOnce {
    count: usize,
    by_remote: i64,
    exported: i64,
    /// The cases that differ.
    cases: Vec<String>,
}

/// Sums of lifetimes, in seconds.
#[derive(Debug, Default)]
struct Lifetimes {
    count: u32,
    truth: f64,
    exported: f64,
}

impl Findings {
    /// By the wire, which knows all.
    pub(crate) fn by_capture(extent: Extent) -> Self {
        Self::new("the capture", extent, true)
    }

    /// By what the peer noted, which cannot know whether something was on its way to it, and which on a busy
    /// machine notes late what it sees: where the wire is known as well, the times are those.
    pub(crate) fn by_notes(extent: Extent, is_captured: bool) -> Self {
        Self {
            knows_times: !is_captured,
            ..Self::new("the server's notes", extent, false)
        }
    }

    fn new(witness: &'static str, extent: Extent, knows_races: bool) -> Self {
        Self {
            witness,
            extent,
            knows_races,
            knows_times: true,
            lines: Vec::new(),
            connections: 0,
            at_once: BTreeMap::new(),
            lifetimes: BTreeMap::new(),
        }
    }

    /// By what is exported alone, which has to fit together.
    pub(crate) fn without_witness(extent: Extent) -> Self {
        Self::new("no witness", extent, false)
    }

    /// Holds a case against what the test itself has done.
    pub(crate) fn hold_alone(&mut self, case: &Case) {
        let Exports {
            opened,
            closed,
            unknown,
            ..
        } = case.exports;
        self.connections += usize::try_from(opened).unwrap();
        let mut line = String::new();
        let mut differs = |is_right: bool, what: fmt::Arguments<'_>| {
            if !is_right {
                write!(line, "; {what}").unwrap();
            }
        };
        differs(
            opened == closed,
            format_args!("opened {opened}, closed {closed}"),
        );
        differs(unknown == 0, format_args!("unknown {unknown}"));
        hold_requests(case, &mut differs);
        self.add(case, opened, &line);
    }

    fn add(&mut self, case: &Case, connections: i64, line: &str) {
        if !line.is_empty() {
            self.lines
                .push(format!("{} ({connections}){line}", case.name));
        }
    }

    /// What did not come to its end.
    pub(crate) fn broken(&mut self, name: &str) {
        self.lines.push(format!("{name}: it panicked"));
    }

    /// Holds a case against what the witness saw.
    pub(crate) fn hold(&mut self, case: &Case, witnessed: Vec<Witnessed>) {
        let (opened, given_up) = split(witnessed, &case.exports.known);
        self.connections += opened.len();
        let mut line = String::new();
        let mut differs = |is_right: bool, what: fmt::Arguments<'_>| {
            if !is_right {
                write!(line, "; {what}").unwrap();
            }
        };
        hold_opens(case, &opened, &given_up, &mut differs);
        let unknown = case.exports.unknown;
        differs(unknown == 0, format_args!("unknown {unknown}"));
        hold_requests(case, &mut differs);
        if self.extent.holds_ends(case) {
            self.hold_ends(case, &opened, &mut differs);
        }
        self.add(case, count(opened.iter()), &line);
    }

    fn hold_ends(
        &mut self,
        case: &Case,
        opened: &[Witnessed],
        differs: &mut impl FnMut(bool, fmt::Arguments<'_>),
    ) {
        let sums = self.lifetimes.entry(case.lifetimes.clone()).or_default();
        sums.count += u32::try_from(opened.len()).unwrap();
        let lifetimes = opened.iter().filter_map(|w| Some(w.closed?.1));
        sums.truth += lifetimes.sum::<Duration>().as_secs_f64();
        sums.exported += case.exports.lifetimes;
        let (name, exported) = (&case.name, case.exports.by_remote);
        let remote = |w: &&Witnessed| matches!(w.closed, Some((Side::Remote, _)));
        let by_remote = count(opened.iter().filter(remote));
        if let Some(group) = case.at_once {
            if !self.knows_races {
                return;
            }
            let sums = self.at_once.entry(group).or_default();
            sums.count += opened.len();
            sums.by_remote += by_remote;
            sums.exported += exported;
            if exported != by_remote {
                sums.cases
                    .push(format!("{name}: {exported} for {by_remote}"));
            }
        } else {
            let is_right = exported == by_remote;
            differs(is_right, format_args!("remote {exported} for {by_remote}"));
        }
    }

    /// Fails if anything differs, and shows all that does.
    pub(crate) fn check(mut self) {
        for (group, sums) in &self.at_once {
            // Of few connections, one.
            let slack = (sums.count * AT_ONCE_PERCENT).div_ceil(100);
            let slack = i64::try_from(slack).unwrap();
            if (sums.exported - sums.by_remote).abs() > slack {
                let AtOnce {
                    count,
                    by_remote,
                    exported,
                    cases,
                } = sums;
                self.lines.push(format!(
                    "{group} ({count}): remote {exported} for {by_remote}: {}",
                    cases.join("; ")
                ));
            }
        }
        let lifetimes = self.lifetimes.iter().filter(|_| self.knows_times);
        for (group, sums) in lifetimes {
            let Lifetimes {
                count,
                truth,
                exported,
            } = sums;
            let slack = LIFETIMES * truth + A_LIFETIME * f64::from(*count);
            if (exported - truth).abs() > slack {
                let line = format!("{group} ({count}): lifetimes {exported:.3} s for {truth:.3} s");
                self.lines.push(line);
            }
        }
        let connections = self.connections;
        println!("{}: {connections} connections", self.witness);
        self.lines.sort();
        assert!(
            self.lines.is_empty(),
            "by {} of {connections} connections, {} cases differ:\n{}",
            self.witness,
            self.lines.len(),
            self.lines.join("\n")
        );
    }
}

fn hold_opens(
    case: &Case,
    opened: &[Witnessed],
    given_up: &[Witnessed],
    differs: &mut impl FnMut(bool, fmt::Arguments<'_>),
) {
    let seen = count(opened.iter());
    for (what, exported) in [
        ("opened", case.exports.opened),
        ("closed", case.exports.closed),
    ] {
        differs(
            exported == seen,
            format_args!("{what} {exported} for {seen}"),
        );
    }
    differs(
        case.given_up.contains(&given_up.len()),
        format_args!(
            "not exported at all {} for {:?}",
            given_up.len(),
            case.given_up
        ),
    );
    let has_carried = |w: &&Witnessed| case.carried.contains(&w.client);
    let carried = count(given_up.iter().filter(has_carried));
    differs(
        carried == 0,
        format_args!("not exported at all {carried} that have carried requests"),
    );
    let left = count(opened.iter().filter(|w| w.closed.is_none()));
    differs(left == 0, format_args!("{left} are not closed"));
}

fn hold_requests(case: &Case, differs: &mut impl FnMut(bool, fmt::Arguments<'_>)) {
    let (requests, heads) = (case.exports.requests, &case.heads);
    differs(
        heads.contains(&requests),
        format_args!("requests {requests} for {heads:?}"),
    );
    if let Some(unused) = case.unused {
        let exported = case.exports.without_version;
        differs(
            exported <= unused,
            format_args!("without a version {exported} for {unused}"),
        );
    }
}

fn count<T>(all: impl Iterator<Item = T>) -> i64 {
    i64::try_from(all.count()).unwrap()
}
