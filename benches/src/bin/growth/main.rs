//! What a request costs as contexts, connections and hosts grow, and what each takes in memory.
//!
//! `cargo run --release -p http-context-benches --bin growth` writes `benches/docs/`. The times are
//! what the client ran for one request after the other; next to each stands that of a small session measured in
//! turns with it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints how far it is"
)]

mod memory;
mod server;
mod sizes;

use std::fmt::Write as _;
use std::path::Path;

use http_context_benches::cpu::{self, Cores};
use http_context_benches::plot::{self, Line, round};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One thing that grows.
struct Growth {
    what: &'static str,
    /// How many there were, microseconds for a request then, and the ratio to a small session.
    steps: Vec<(usize, f64, f64)>,
}

fn main() -> Result<(), BoxError> {
    if server::serve_if_asked()? {
        return Ok(());
    }
    // They take turns, on one core: on two, the wake-up of the other one would be measured as well.
    cpu::stay_on(Cores::find()?.client)?;
    let server = server::Server::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let growths = runtime.block_on(async {
        let contexts = sizes::contexts(&server).await?;
        let connections = sizes::connections(&server).await?;
        let hosts = sizes::hosts(&server).await?;
        Ok::<_, BoxError>([contexts, connections, hosts])
    })?;
    let memory = memory::measure_all(&runtime, &server)?;

    let mut text = String::from(
        "# Growth\n\nWritten by `cargo run --release -p http-context-benches --bin growth`. What \
         the client ran for one request after the other over HTTP/1.1, on one core with the server, as a median; the ratio is to a small \
         session that takes turns with it, or for contexts to the time with one.\n\n![the \
         plot](growth.svg)\n\n",
    );
    for Growth { what, steps } in &growths {
        let _ = writeln!(text, "| {what} | µs a request | ratio |\n|---:|---:|---:|");
        for (count, micros, ratio) in steps {
            let _ = writeln!(text, "| {count} | {micros:.1} | {ratio:.2} |");
        }
        text.push('\n');
    }
    text.push_str("| memory, by the allocator | bytes |\n|---|---:|\n");
    for (what, bytes) in &memory {
        let _ = writeln!(text, "| {what} | {} |", round(*bytes));
    }
    #[allow(clippy::cast_precision_loss, reason = "counts are small")]
    let line = |Growth { what, steps }: &Growth| Line {
        title: format!("µs a request, by {what}"),
        points: steps.iter().map(|step| (step.0 as f64, step.1)).collect(),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("growth.md"), &text)?;
    let lines: Vec<_> = growths.iter().map(line).collect();
    std::fs::write(folder.join("growth.svg"), plot::lines(&lines))?;
    println!("{text}");
    Ok(())
}
