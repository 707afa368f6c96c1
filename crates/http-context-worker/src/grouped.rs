//! Numbers for people.

/// A number with its thousands set apart.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something, whose name is for one of them: `1 job`, `2,000 jobs`.
pub(crate) fn counted(n: u64, name: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {name}{plural}", grouped(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(n), text);
        }
    }

    #[test]
    fn one_is_named_by_the_singular_alone() {
        let said = [0, 1, 2_000].map(|n| counted(n, "job"));
        assert_eq!(said, ["0 jobs", "1 job", "2,000 jobs"]);
    }
}
