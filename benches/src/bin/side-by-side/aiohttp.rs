//! aiohttp, in a process of its own: what those who come from Python are used to.

use std::process::Stdio;

use http_context_benches::target::Target;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::contender::BoxError;

const CLIENT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/bin/side-by-side/aiohttp_client.py"
);

/// What it is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// Requests of one session.
    Requests,
    /// Sessions with a request each, or with none where there is no URL.
    Jobs,
}

/// A Python that has it.
pub(crate) struct Aiohttp {
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Killed with it.
    child: Child,
    _authority: tempfile::NamedTempFile,
}

impl Aiohttp {
    /// Starts it: `python3` of the search path, where that has aiohttp.
    pub(crate) async fn start(target: &Target) -> Result<Self, BoxError> {
        let probe = Command::new("python3")
            .args(["-c", "import aiohttp"])
            .stderr(Stdio::null())
            .status();
        if !probe.await?.success() {
            return Err("python3 has no aiohttp (`cargo xtask tools` installs one)".into());
        }
        let authority = tempfile::NamedTempFile::new()?;
        std::fs::write(authority.path(), &target.authority)?;
        let mut child = Command::new("python3")
            .arg(CLIENT)
            .arg(authority.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("its input and output are piped".into());
        };
        Ok(Self {
            stdin,
            answers: BufReader::new(stdout).lines(),
            child,
            _authority: authority,
        })
    }

    /// The process that it runs in, while it does.
    pub(crate) fn process(&self) -> Option<u32> {
        self.child.id()
    }

    /// How many of it a second, and the microseconds that its thread ran for one.
    pub(crate) async fn order(
        &mut self,
        what: What,
        url: &str,
        in_flight: usize,
        count: usize,
    ) -> Result<(f64, f64), BoxError> {
        let what = match what {
            What::Requests => "requests",
            What::Jobs => "jobs",
        };
        let order = format!(
            "{{\"what\":\"{what}\",\"url\":\"{url}\",\"in_flight\":{in_flight},\"count\":{count}}}\n"
        );
        self.stdin.write_all(order.as_bytes()).await?;
        let answer = self.answers.next_line().await?.ok_or("aiohttp ended")?;
        let (rate, micros) = answer.split_once(' ').ok_or("it answers two numbers")?;
        Ok((rate.parse()?, micros.parse()?))
    }
}
