//! Numbers drawn at random, the same each time for the same seed.

/// A small generator (xorshift64*), for programs that are to be drawn and not guessed.
///
/// # Examples
///
/// ```
/// use http_context_tests::Random;
///
/// let (mut one, mut other) = (Random::new(7), Random::new(7));
/// assert_eq!(one.below(1_000), other.below(1_000));
/// assert!(one.below(6) < 6);
/// ```
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// One for this seed.
    pub fn new(seed: u64) -> Self {
        // Never 0, from which nothing follows.
        Self(seed | 1)
    }

    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below this bound.
    ///
    /// # Panics
    ///
    /// When the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.draw() >> 33) % bound
    }

    /// Yes, once in so many times.
    ///
    /// # Panics
    ///
    /// When that is 0.
    pub fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    /// Another, for somebody else.
    #[must_use]
    pub fn another(&mut self) -> Self {
        Self::new(self.draw())
    }
}
