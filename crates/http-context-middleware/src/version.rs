//! `network.protocol.version`.

use reqwest::Version;

/// The values, in the order of their index.
const VALUES: [&str; 5] = ["1.1", "2", "3", "1.0", "0.9"];

/// An HTTP version: an index into tables of handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ProtocolVersion(u8);

impl ProtocolVersion {
    pub(crate) const COUNT: usize = VALUES.len();

    pub(crate) fn of(version: Version) -> Self {
        Self(match version {
            Version::HTTP_2 => 1,
            Version::HTTP_3 => 2,
            Version::HTTP_10 => 3,
            Version::HTTP_09 => 4,
            _ => 0,
        })
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(crate) fn as_str(self) -> &'static str {
        VALUES[self.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_written_as_in_the_conventions() {
        for (version, expected) in [
            (Version::HTTP_09, "0.9"),
            (Version::HTTP_10, "1.0"),
            (Version::HTTP_11, "1.1"),
            (Version::HTTP_2, "2"),
            (Version::HTTP_3, "3"),
        ] {
            assert_eq!(ProtocolVersion::of(version).as_str(), expected);
        }
    }
}
