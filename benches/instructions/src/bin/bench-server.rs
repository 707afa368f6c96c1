//! A server that answers, or with the argument `websocket` echoes messages, until its standard input
//! ends.

use std::io::{Read, Write};

fn main() -> std::io::Result<()> {
    let (url, _server) = if std::env::args().nth(1).as_deref() == Some("websocket") {
        (http_context_benches::echo_server(), None)
    } else {
        let server = http_context_tests::Server::start();
        (server.url("/ok"), Some(server))
    };
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{url}")?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
