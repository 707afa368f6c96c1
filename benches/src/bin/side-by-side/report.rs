//! The table and the plot.

use std::fmt::Write as _;

use http_context_benches::plot::{self, Bars};

use crate::Effort;
use crate::contender::{Contender, Protocol};
use crate::jobs::{AT_ONCE, Jobs, Way};
use crate::load::{IN_FLIGHT, Load};

pub(crate) fn table(loads: &[Load], jobs: &[Jobs], effort: Effort) -> String {
    let mut text = String::from(
        "# Side by side\n\nWritten by `cargo run --release -p http-context-benches --bin \
         side-by-side`. Client and server are two processes on one machine, the client has one \
         thread. It has a core for itself and the server another one; with one request in flight \
         they take turns on one core, since otherwise it is the wake-up of the other core that is \
         measured. ",
    );
    let _ = writeln!(
        text,
        "Medians of {} rounds in which all took turns; in brackets the median of the ratios to \
         the first row within a round, and for requests the ratios that a quarter of them lies \
         below and above. Time is that of the clock; the second table of each pair is what the \
         client's thread ran for a request, in the kernel as well. Spans and metrics are made and \
         thrown away; the layer that makes spans of those of `tracing` does nothing else \
         (no location, thread, inactivity, target and activation), for all alike; \
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
    for at_once in AT_ONCE {
        let title = match at_once {
            1 => "## Jobs of one request, one after the other, jobs a second".to_owned(),
            _ => format!("## Jobs of one request, {at_once} at once, jobs a second"),
        };
        let jobs = jobs
            .iter()
            .filter(|jobs| jobs.is_request && jobs.at_once == at_once);
        jobs_table(&mut text, &title, jobs);
    }
    let title = "## Sessions that are opened and closed, a second";
    jobs_table(
        &mut text,
        title,
        jobs.iter().filter(|jobs| !jobs.is_request),
    );
    text
}

fn jobs_table<'j>(text: &mut String, title: &str, jobs: impl Iterator<Item = &'j Jobs>) {
    let jobs: Vec<&Jobs> = jobs.collect();
    let _ = write!(text, "\n{title}\n\n| |");
    for jobs in &jobs {
        let name = if jobs.is_request {
            jobs.protocol.name()
        } else {
            "a second"
        };
        let _ = write!(text, " {name} |");
    }
    let _ = writeln!(text, "\n|---|{}", "---:|".repeat(jobs.len()));
    for (row, way) in Way::ALL.into_iter().enumerate() {
        let _ = write!(text, "| {} |", way.name());
        for jobs in &jobs {
            let (rate, ratio) = (median(&jobs.rounds, row), ratio(&jobs.rounds, row, 0));
            if rate.is_nan() {
                text.push_str(" |");
            } else {
                let _ = write!(text, " {} ({ratio:.1}) |", plot::round(rate));
            }
        }
        text.push('\n');
    }
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
            if value.is_nan() {
                text.push_str(" |");
                continue;
            }
            let (low, high) = spread(&rounds, row, 0);
            let _ = write!(
                text,
                " {} ({ratio:.2}, {low:.2}–{high:.2}) |",
                plot::round(value)
            );
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
        .filter(|jobs| jobs.protocol.is_secure && jobs.is_request && jobs.at_once == 1)
        .map(|jobs| Bars {
            title: format!("Jobs of one request a second, {}", jobs.protocol.name()),
            bars: bars(Way::ALL.map(Way::name), &jobs.rounds, 1),
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
    let bars = names.iter().enumerate().map(bar);
    bars.filter(|(_, rate, _)| !rate.is_nan()).collect()
}

fn median(rounds: &[Vec<f64>], row: usize) -> f64 {
    middle(rounds.iter().map(|rates| rates[row]).collect())
}

fn ratio(rounds: &[Vec<f64>], row: usize, to: usize) -> f64 {
    middle(rounds.iter().map(|rates| rates[row] / rates[to]).collect())
}

/// The ratios below and above which a quarter of them lies.
fn spread(rounds: &[Vec<f64>], row: usize, to: usize) -> (f64, f64) {
    let ratios = rounds.iter().map(|rates| rates[row] / rates[to]);
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let last = ratios.len() - 1;
    (ratios[last / 4], ratios[last - last / 4])
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
