//! One line of `tcpdump`.

use std::{net::SocketAddr, time::Duration};

#[expect(clippy::struct_excessive_bools, reason = "they are the flags of TCP")]
/// A segment that begins or ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Since the epoch.
    pub(super) at: Duration,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) is_syn: bool,
    pub(super) is_ack: bool,
    pub(super) is_fin: bool,
    pub(super) is_reset: bool,
}

impl Segment {
    /// Reads a line such as
    /// `1795641487.088011 IP 127.0.0.1.54361 > 127.0.0.1.58324: Flags [F.], seq 1, ack 1, …`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (at, rest) = line.split_once(' ')?;
        let rest = rest.strip_prefix("IP6 ").or(rest.strip_prefix("IP "))?;
        let (from, rest) = rest.split_once(" > ")?;
        let (to, rest) = rest.split_once(": Flags [")?;
        let (flags, _) = rest.split_once(']')?;
        let (seconds, micros) = at.split_once('.')?;
        let seconds = Duration::from_secs(seconds.parse().ok()?);
        Some(Self {
            at: seconds + Duration::from_micros(micros.parse().ok()?),
            from: address(from)?,
            to: address(to)?,
            is_syn: flags.contains('S'),
            is_ack: flags.contains('.'),
            is_fin: flags.contains('F'),
            is_reset: flags.contains('R'),
        })
    }

    pub(super) fn ends(&self) -> bool {
        self.is_fin || self.is_reset
    }
}

/// Reads `127.0.0.1.54361` and `::1.54361`.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.rsplit_once('.')?;
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_tcpdump_is_read() {
        let line = "1795641487.088011 IP 127.0.0.1.54361 > 127.0.0.1.58324: Flags [FP.], seq 1, \
                    ack 1, win 64, options [nop,nop,TS val 28 ecr 30], length 5: HTTP";
        let expected = Segment {
            at: Duration::from_micros(1_795_641_487_088_011),
            from: "127.0.0.1:54361".parse().unwrap(),
            to: "127.0.0.1:58324".parse().unwrap(),
            is_syn: false,
            is_ack: true,
            is_fin: true,
            is_reset: false,
        };
        assert_eq!(Segment::parse(line), Some(expected));
    }

    #[test]
    fn a_line_of_ipv6_is_read() {
        let line = "1795641487.000001 IP6 ::1.54361 > ::1.80: Flags [S], seq 1, win 65476";
        let segment = Segment::parse(line).unwrap();
        assert_eq!(segment.to, "[::1]:80".parse().unwrap());
        assert!(segment.is_syn && !segment.is_ack && !segment.ends());
    }

    #[test]
    fn what_is_no_segment_is_passed_over() {
        assert_eq!(Segment::parse(""), None);
        assert_eq!(
            Segment::parse("1795641487.000001 IP 127.0.0.1.1 > 127.0.0.1.2: UDP"),
            None
        );
    }
}
