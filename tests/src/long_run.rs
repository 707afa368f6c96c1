//! How long a test of random programs runs, as its caller wants it.

/// What the environment asks for of a test of random programs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LongRun {
    /// How many, if that was asked for.
    pub wanted: Option<u64>,
    /// Where the drawing begins: as was asked for, or another each time that a number was, or 0.
    pub seed: u64,
}

impl LongRun {
    /// What these variables say, such as `MODEL_STEPS` and `MODEL_SEED`. If a number is asked for,
    /// prints it and the seed, under this name.
    ///
    /// # Panics
    ///
    /// When one of the variables is no number; the message has both.
    #[expect(clippy::print_stdout, reason = "the seed of a long run, to repeat it")]
    pub fn from_env(name: &str, count: &str, seed: &str) -> Self {
        let wanted = number(count);
        let value = number(seed).unwrap_or_else(|| match wanted {
            Some(_) => std::process::id().into(),
            None => 0,
        });
        if let Some(wanted) = wanted {
            println!("{name}: {count}={wanted} {seed}={value}");
        }
        Self {
            wanted,
            seed: value,
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
    )
}
