//! A server that answers until its standard input ends.

use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let server = http_context_tests::Server::start();
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", server.url("/ok"))?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
