//! How close to the truth what is exported has to be.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::RangeInclusive;

use http_context_tests::Side;

use crate::exports::Exports;
use crate::truth::{Witnessed, split};

/// Of the connections that both sides close at once, so many in a hundred may be told the other way.
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
    /// Connections that closed before a response head came.
    pub(crate) unused: Option<i64>,
    /// Whether both sides close at once.
    pub(crate) at_once: bool,
}

/// What differs from one witness.
#[derive(Debug)]
pub(crate) struct Findings {
    witness: &'static str,
    /// A line for each case that differs.
    lines: Vec<String>,
    connections: usize,
    /// The cases whose connections both sides close at once, by name without variant: how many are
    /// told as closed by the peer, how many were, and how many there are.
    at_once: BTreeMap<String, [usize; 3]>,
}

impl Findings {
    pub(crate) fn new(witness: &'static str) -> Self {
        Self {
            witness,
            lines: Vec::new(),
            connections: 0,
            at_once: BTreeMap::new(),
        }
    }

    /// What did not come to its end.
    pub(crate) fn broken(&mut self, name: &str) {
        self.lines.push(format!("{name}: it panicked"));
    }

    /// Holds a case against what the witness saw.
    pub(crate) fn hold(&mut self, case: &Case, witnessed: Vec<Witnessed>) {
        let exports = &case.exports;
        let (opened, given_up) = split(witnessed, &exports.known);
        self.connections += opened.len();
        let mut line = String::new();
        let mut differs = |is_right: bool, what: fmt::Arguments<'_>| {
            if !is_right {
                write!(line, "; {what}").unwrap();
            }
        };
        let count = i64::try_from(opened.len()).unwrap();
        differs(
            exports.opened == count,
            format_args!("opened {} for {count}", exports.opened),
        );
        differs(
            exports.closed == count,
            format_args!("closed {} for {count}", exports.closed),
        );
        differs(
            case.given_up.contains(&given_up.len()),
            format_args!("not told at all {} for {:?}", given_up.len(), case.given_up),
        );
        let left = opened.iter().filter(|w| w.closed.is_none()).count();
        differs(left == 0, format_args!("{left} are not closed"));

        let remote = |w: &&Witnessed| matches!(w.closed, Some((Side::Remote, _)));
        let by_remote = opened.iter().filter(remote).count();
        let told = usize::try_from(exports.by_remote).unwrap();
        if case.at_once {
            let sums = self.at_once.entry(case.name.clone()).or_default();
            for (sum, more) in sums.iter_mut().zip([told, by_remote, opened.len()]) {
                *sum += more;
            }
        } else {
            differs(
                told == by_remote,
                format_args!("remote {told} for {by_remote}"),
            );
        }
        differs(
            exports.unknown == 0,
            format_args!("unknown {}", exports.unknown),
        );

        let lifetimes = opened
            .iter()
            .filter_map(|w| Some(w.closed?.1.as_secs_f64()));
        let (sum, told): (f64, f64) = (lifetimes.sum(), exports.lifetimes);
        #[allow(clippy::cast_precision_loss, reason = "some hundred connections")]
        let slack = LIFETIMES * sum + A_LIFETIME * opened.len() as f64;
        differs(
            (told - sum).abs() <= slack,
            format_args!("lifetimes {told:.3} s for {sum:.3} s"),
        );

        differs(
            case.heads.contains(&exports.requests),
            format_args!("requests {} for {:?}", exports.requests, case.heads),
        );
        if let Some(unused) = case.unused {
            differs(
                exports.without_version <= unused,
                format_args!("without a version {} for {unused}", exports.without_version),
            );
        }
        if !line.is_empty() {
            self.lines.push(format!("{} ({count}){line}", case.name));
        }
    }

    /// Fails if anything differs, and shows all that does.
    pub(crate) fn check(mut self) {
        for (name, [told, closed, count]) in &self.at_once {
            // One, where there are few: two in a hundred is none of them.
            let slack = (count * AT_ONCE_PERCENT / 100).max(1);
            if told.abs_diff(*closed) > slack {
                let line = format!("{name}, at once ({count}); remote {told} for {closed}");
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
