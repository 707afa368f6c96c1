//! The table and the plot.

use std::fmt::Write as _;

use http_context_benches::plot::{self, Bars};

use crate::Effort;
use crate::contender::{Contender, Protocol};
use crate::jobs::{Jobs, WAYS};
use crate::load::{IN_FLIGHT, Load};

pub(crate) fn table(loads: &[Load], jobs: &[Jobs], effort: Effort) -> String {
    let mut text = String::from(
        "# Side by side\n\nWritten by `cargo run --release -p http-context-benches --bin \
         side-by-side`. Client and server are two processes on one machine, the client has one \
         thread. ",
    );
    let _ = writeln!(
        text,
        "Medians of {} rounds in which all took turns; in brackets the median of the ratios to \
         the first row within a round. Time is that of the clock; the second table of each pair is \
         what the client's thread ran for a request, which the rest of the machine does not add \
         to. Spans and metrics are made and thrown away; \
         reqwest-tracing sends no trace context here, since it speaks older versions of \
         OpenTelemetry only.\n\n![the plot](side-by-side.svg)\n\n## Requests a second",
        effort.rounds
    );
    for protocol in Protocol::ALL {
        let loads: Vec<_> = loads.iter().filter(|l| l.protocol == protocol).collect();
        let of = |load: &Load| load.rounds.clone();
        grid(
            &mut text,
            &format!("{}, requests a second", protocol.name()),
            &loads,
            of,
        );
        let of = |load: &Load| load.cpu.clone();
        grid(
            &mut text,
            &format!("{}, µs that the client ran for a request", protocol.name()),
            &loads,
            of,
        );
    }
    text.push_str("\n## Jobs of one request, jobs a second\n\n| |");
    for protocol in Protocol::ALL {
        let _ = write!(text, " {} |", protocol.name());
    }
    text.push_str("\n|---|---:|---:|---:|---:|\n");
    for (row, way) in WAYS.iter().enumerate() {
        let _ = write!(text, "| {way} |");
        for jobs in jobs {
            let (rate, ratio) = (median(&jobs.rounds, row), ratio(&jobs.rounds, row, 0));
            let _ = write!(text, " {rate:.0} ({ratio:.1}) |");
        }
        text.push('\n');
    }
    text
}

fn grid(text: &mut String, title: &str, loads: &[&Load], of: impl Fn(&Load) -> Vec<Vec<f64>>) {
    let _ = write!(text, "\n{title}\n\n| |");
    for in_flight in IN_FLIGHT {
        let _ = write!(text, " {in_flight} in flight |");
    }
    text.push_str("\n|---|---:|---:|---:|\n");
    for (row, contender) in Contender::ALL.iter().enumerate() {
        let _ = write!(text, "| {} |", contender.name());
        for load in loads {
            let rounds = of(load);
            let (value, ratio) = (median(&rounds, row), ratio(&rounds, row, 0));
            let _ = write!(text, " {} ({ratio:.2}) |", plot::round(value));
        }
        text.push('\n');
    }
}

pub(crate) fn plot(loads: &[Load], jobs: &[Jobs]) -> String {
    let of_loads = loads
        .iter()
        .filter(|load| load.in_flight == 64)
        .map(|load| Bars {
            title: format!(
                "µs that the client ran for a request, {}, 64 in flight",
                load.protocol.name()
            ),
            bars: bars(Contender::ALL.map(Contender::name), &load.cpu, 2),
        });
    let of_jobs = jobs
        .iter()
        .filter(|jobs| jobs.protocol.is_secure)
        .map(|jobs| Bars {
            title: format!("Jobs of one request a second, {}", jobs.protocol.name()),
            bars: bars(WAYS, &jobs.rounds, 1),
        });
    plot::bars(&of_loads.chain(of_jobs).collect::<Vec<_>>())
}

fn bars<const N: usize>(
    names: [&str; N],
    rounds: &[Vec<f64>],
    digits: usize,
) -> Vec<(String, f64, String)> {
    let bar = |(row, name): (usize, &&str)| {
        let (rate, ratio) = (median(rounds, row), ratio(rounds, row, 0));
        (
            (*name).to_owned(),
            rate,
            format!("{} ({ratio:.digits$})", plot::round(rate)),
        )
    };
    names.iter().enumerate().map(bar).collect()
}

fn median(rounds: &[Vec<f64>], row: usize) -> f64 {
    middle(rounds.iter().map(|rates| rates[row]).collect())
}

fn ratio(rounds: &[Vec<f64>], row: usize, to: usize) -> f64 {
    middle(rounds.iter().map(|rates| rates[row] / rates[to]).collect())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
