//! The connections that a capture shows.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use super::segment::Segment;

/// A TCP connection as it went over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Captured {
    /// The end that connected.
    pub local: SocketAddr,
    /// The end that it connected to.
    pub remote: SocketAddr,
    /// When it sent its SYN, since the epoch.
    pub opened_at: Duration,
    /// Whether the other end has answered with a SYN of its own.
    pub is_established: bool,
    /// The first FIN or RST, if there was one.
    pub closed: Option<CapturedClose>,
    /// The first FIN or RST of the other side, if there was one.
    pub answered: Option<CapturedClose>,
}

/// A FIN or an RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapturedClose {
    /// Who sent it.
    pub by: Side,
    /// When, since the epoch.
    pub at: Duration,
    /// Which of the two it was.
    pub kind: CloseKind,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that connected.
    Local,
    /// The end that it connected to.
    Remote,
}

/// How a side ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseKind {
    /// In order.
    Fin,
    /// At once.
    Reset,
}

impl Captured {
    /// From the SYN to the first FIN or RST.
    pub fn lifetime(&self) -> Option<Duration> {
        Some(self.closed?.at.saturating_sub(self.opened_at))
    }
}

/// The connections of a capture, in the order in which they began.
#[derive(Debug, Default)]
pub struct Connections {
    all: Vec<Captured>,
    /// Where the latest connection of a pair of addresses stands, local address first.
    latest: HashMap<(SocketAddr, SocketAddr), usize>,
    segments: u64,
}

impl Connections {
    /// Those to one address.
    pub fn to(&self, remote: SocketAddr) -> Vec<Captured> {
        let of_it = self.all.iter().filter(|captured| captured.remote == remote);
        of_it.copied().collect()
    }

    /// How many were added.
    pub(super) fn segments(&self) -> u64 {
        self.segments
    }

    pub(super) fn add(&mut self, segment: Segment) {
        self.segments += 1;
        let Segment { from, to, at, .. } = segment;
        if segment.is_syn && !segment.is_ack {
            self.begin(from, to, at);
        } else if segment.is_syn {
            if let Some(captured) = self.find(to, from) {
                captured.is_established = true;
            }
        } else if segment.ends() {
            let (captured, by) = match self.find(from, to) {
                Some(captured) => (captured, Side::Local),
                None => match self.find(to, from) {
                    Some(captured) => (captured, Side::Remote),
                    // It began before the capture.
                    None => return,
                },
            };
            captured.end(CapturedClose {
                by,
                at,
                kind: if segment.is_reset {
                    CloseKind::Reset
                } else {
                    CloseKind::Fin
                },
            });
        }
    }

    fn begin(&mut self, local: SocketAddr, remote: SocketAddr, at: Duration) {
        if let Some(captured) = self.find(local, remote)
            && !captured.is_established
            && captured.closed.is_none()
        {
            // Sent again.
            return;
        }
        self.latest.insert((local, remote), self.all.len());
        self.all.push(Captured {
            local,
            remote,
            opened_at: at,
            is_established: false,
            closed: None,
            answered: None,
        });
    }

    fn find(&mut self, local: SocketAddr, remote: SocketAddr) -> Option<&mut Captured> {
        self.all.get_mut(*self.latest.get(&(local, remote))?)
    }
}

impl Captured {
    fn end(&mut self, close: CapturedClose) {
        match self.closed {
            None => self.closed = Some(close),
            Some(first) if first.by != close.by => {
                self.answered.get_or_insert(close);
            }
            // Sent again.
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(lines: &[&str]) -> Vec<Captured> {
        let mut connections = Connections::default();
        for (nth, line) in lines.iter().enumerate() {
            let (ends, flags) = line.split_once(' ').unwrap();
            let (from, to) = match ends {
                "out" => ("127.0.0.1.40000", "127.0.0.1.80"),
                _ => ("127.0.0.1.80", "127.0.0.1.40000"),
            };
            let line = format!("{nth}.000000 IP {from} > {to}: Flags [{flags}], seq 1");
            connections.add(Segment::parse(&line).unwrap());
        }
        connections.to("127.0.0.1:80".parse().unwrap())
    }

    #[test]
    fn the_first_end_counts_and_the_one_of_the_other_side_answers_it() {
        let found = captured(&["out S", "in S.", "in F.", "in F.", "out R", "out R"]);
        assert_eq!(found.len(), 1);
        let (first, second) = (found[0].closed.unwrap(), found[0].answered.unwrap());
        assert_eq!((first.by, first.kind), (Side::Remote, CloseKind::Fin));
        assert_eq!((second.by, second.kind), (Side::Local, CloseKind::Reset));
        assert_eq!(found[0].lifetime(), Some(Duration::from_secs(2)));
        assert_eq!(second.at, Duration::from_secs(4));
    }

    #[test]
    fn a_port_that_comes_back_is_another_connection() {
        let found = captured(&[
            "out S", "in S.", "out F.", "in F.", "out S", "in S.", "in R.",
        ]);
        let by: Vec<Side> = found.iter().map(|c| c.closed.unwrap().by).collect();
        assert_eq!(by, [Side::Local, Side::Remote]);
    }

    #[test]
    fn what_is_refused_or_asked_again_is_no_connection() {
        let found = captured(&["out S", "out S", "in R."]);
        assert_eq!(found.len(), 1);
        assert!(!found[0].is_established);
    }

    #[test]
    fn an_end_without_a_beginning_is_passed_over() {
        assert_eq!(captured(&["in F.", "out F."]), []);
    }
}
