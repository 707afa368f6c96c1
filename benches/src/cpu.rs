//! The time that this thread ran, which other programs on the machine do not add to.

use std::time::Duration;

/// How long the calling thread has run so far, where the operating system knows (Linux does).
pub fn thread_time() -> Option<Duration> {
    // Nanoseconds on a processor, nanoseconds waiting for one, and how often.
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let running = times.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(running))
}

/// Microseconds that the thread ran since `start`, or not a number where that is not known.
pub fn micros_since(start: Option<Duration>) -> f64 {
    match (start, thread_time()) {
        (Some(start), Some(now)) => now.saturating_sub(start).as_secs_f64() * 1e6,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn it_grows_with_work() {
        let start = thread_time();
        // Tens of milliseconds: the kernel adds it up at its ticks.
        let sum = (0..5_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
        let micros = micros_since(start);
        assert!(micros > 100.0, "{sum} took {micros} µs");
    }
}
