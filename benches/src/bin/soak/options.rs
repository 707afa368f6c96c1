//! What a run is asked for.

use std::fmt;

use tokio::time::Instant;

use crate::BoxError;

const USAGE: &str = "usage: soak (--contexts N --requests M | --seconds S) [--rounds R] [--seed N]";

pub(crate) struct Options {
    pub(crate) goal: Goal,
    pub(crate) rounds: u32,
    pub(crate) seed: u64,
}

/// When a run is over.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    Counts { contexts: u64, requests: u64 },
    Seconds(u64),
    Until(Instant),
}

impl Options {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, BoxError> {
        let (mut contexts, mut requests, mut seconds) = (None, None, None);
        let (mut rounds, mut seed) = (20, u64::from(std::process::id()));
        let mut arguments = arguments;
        while let Some(option) = arguments.next() {
            let value: u64 = arguments
                .next()
                .and_then(|value| value.parse().ok())
                .ok_or_else(|| format!("{option} wants a number\n{USAGE}"))?;
            match option.as_str() {
                "--contexts" => contexts = Some(value),
                "--requests" => requests = Some(value),
                "--seconds" => seconds = Some(value),
                // Of one round there is nothing to compare.
                "--rounds" => rounds = u32::try_from(value)?.max(4),
                "--seed" => seed = value,
                _ => return Err(format!("no such option: {option}\n{USAGE}").into()),
            }
        }
        let goal = match (contexts, requests, seconds) {
            (None, None, Some(seconds)) => Goal::Seconds(seconds),
            (None, None, None) => return Err(USAGE.into()),
            (contexts, requests, None) => Goal::Counts {
                contexts: contexts.unwrap_or(0),
                requests: requests.unwrap_or(0),
            },
            _ => return Err(format!("counts or seconds, not both\n{USAGE}").into()),
        };
        Ok(Self { goal, rounds, seed })
    }

    /// After how many rounds it is warm.
    pub(crate) fn warm_up(&self) -> u32 {
        self.rounds.div_ceil(4)
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.goal {
            Goal::Counts { contexts, requests } => {
                write!(f, "{contexts} contexts and {requests} requests")?;
            }
            Goal::Seconds(seconds) => write!(f, "{seconds} seconds")?,
            Goal::Until(_) => {}
        }
        write!(f, " in {} rounds, --seed {}", self.rounds, self.seed)
    }
}
