//! The time that this thread ran, which other programs on the machine do not add to, and the core that
//! it runs on.

use std::io;
use std::time::Duration;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// How long the calling thread has run so far.
pub fn thread_time() -> Duration {
    // It runs forwards from zero, and so is a duration.
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Microseconds that the thread ran since `start`.
pub fn micros_since(start: Duration) -> f64 {
    thread_time().saturating_sub(start).as_secs_f64() * 1e6
}

/// One core for who asks, and one for who answers.
///
/// Left to itself the scheduler puts them now on one core and now on two, and what it takes to wake
/// the other core is more than a request does.
#[derive(Clone, Copy, Debug)]
pub struct Cores {
    /// That of the client.
    pub client: usize,
    /// That of the server.
    pub server: usize,
}

impl Cores {
    /// The first two that this process may run on, or one twice where it may run on no other.
    ///
    /// # Errors
    ///
    /// When the operating system does not say.
    pub fn find() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut allowed = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let client = allowed.next().ok_or(io::ErrorKind::NotFound)?;
        let server = allowed.next().unwrap_or(client);
        Ok(Self { client, server })
    }
}

/// Keeps the calling thread on a core, and those that it starts from here on.
///
/// # Errors
///
/// When it may not run there.
pub fn stay_on(core: usize) -> io::Result<()> {
    keep(None, core)
}

/// Keeps the first thread of a process on a core.
///
/// # Errors
///
/// When it may not run there, or there is no such process.
pub fn keep_process_on(process: u32, core: usize) -> io::Result<()> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    keep(Some(process.ok_or(io::ErrorKind::NotFound)?), core)
}

fn keep(process: Option<Pid>, core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(process, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_work() {
        let start = thread_time();
        let sum = (0..100_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
        let micros = micros_since(start);
        assert!(micros > 1.0, "{sum} took {micros} µs");
    }

    #[test]
    fn it_stands_still_while_its_thread_waits() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let start = thread_time();
        let other = std::thread::spawn(move || {
            let start = thread_time();
            while micros_since(start) < 20_000.0 {}
            sender.send(()).unwrap();
        });
        receiver.recv().unwrap();
        let micros = micros_since(start);
        other.join().unwrap();
        assert!(micros < 10_000.0, "the one that waited ran {micros} µs");
    }

    #[test]
    fn a_thread_stays_on_its_core() {
        let cores = Cores::find().unwrap();
        std::thread::spawn(move || {
            stay_on(cores.server).unwrap();
            let its = Cores::find().unwrap();
            assert_eq!((its.client, its.server), (cores.server, cores.server));
        })
        .join()
        .unwrap();
    }
}
