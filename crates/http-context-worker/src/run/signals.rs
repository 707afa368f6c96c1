//! SIGTERM and SIGINT.
//!
//! The first asks the run to end: no new job, those under way get until the drain deadline. The
//! second ends the process on the spot, with the exit code that a shell gives to a process killed
//! by that signal (128 and the signal's number). Nothing is lost by it that `kill -9` would not
//! lose.

use tokio::sync::watch;

use crate::failure::Failure;

/// A signal that asks the program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What a service manager sends.
    Terminate,
}

impl Signal {
    /// Its name, for a message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// 128 and the signal's number.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Knows whether a signal came.
///
/// ```
/// use http_context_worker::{Failure, Signals};
///
/// # async fn run() -> Result<(), Failure> {
/// let signals = Signals::listen()?;
/// let signal = signals.first().await;
/// println!("ends by {}", signal.as_str());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Signals(watch::Receiver<Option<Signal>>);

impl Signals {
    /// Listens from now on. Must be called in a runtime.
    ///
    /// # Errors
    ///
    /// [`Failure::Signals`] when the operating system does not let it.
    pub fn listen() -> Result<Self, Failure> {
        let (sender, receiver) = watch::channel(None);
        let mut stream = Stream::new().map_err(Failure::Signals)?;
        tokio::spawn(async move {
            let first = stream.next().await;
            sender.send_replace(Some(first));
            let second = stream.next().await;
            #[expect(
                clippy::disallowed_methods,
                reason = "the second signal asks for just that"
            )]
            std::process::exit(i32::from(second.exit_code()));
        });
        Ok(Self(receiver))
    }

    /// The first signal. Waits for it; forever if none comes.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: a signal that came stays.
    pub async fn first(&self) -> Signal {
        let mut receiver = self.0.clone();
        let came = receiver
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|signal| *signal);
        match came {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

#[cfg(all(unix, not(http_context_no_unix)))]
struct Stream {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(all(unix, not(http_context_no_unix)))]
impl Stream {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(any(not(unix), http_context_no_unix))]
struct Stream;

#[cfg(any(not(unix), http_context_no_unix))]
impl Stream {
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
