//! Rules of Prometheus for a time that passes sixty times as fast.

use std::fmt::Write as _;

/// The rules, with each length of time a sixtieth: a minute becomes a second, an hour a minute, a day 24 minutes,
/// and `* 3600`, which makes a rate a number, `* 60`.
pub(crate) fn quickened(rules: &str) -> String {
    let mut quick = String::new();
    for line in rules.lines() {
        let is_text = line.trim_start().starts_with(['#', '-']) && !line.contains("expr");
        quick.push_str(&if is_text {
            line.to_owned()
        } else {
            quickened_line(line)
        });
        quick.push('\n');
    }
    quick
}

fn quickened_line(line: &str) -> String {
    let mut quick = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        let length = number
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(number.len());
        let (digits, after) = number.split_at(length);
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
        let is_own = !before.chars().next_back().is_some_and(is_word);
        let mut letters = after.chars();
        let unit = letters
            .next()
            .filter(|_| !letters.next().is_some_and(is_word));
        let value: u64 = digits.parse().unwrap_or(0);
        quick.push_str(before);
        rest = after;
        match unit {
            Some('m') if is_own => {
                let _ = write!(quick, "{value}s");
                rest = &after[1..];
            }
            Some('h') if is_own => {
                let _ = write!(quick, "{value}m");
                rest = &after[1..];
            }
            Some('d') if is_own => {
                let _ = write!(quick, "{}m", value * 24);
                rest = &after[1..];
            }
            _ if before.ends_with("* ") && value >= 60 => {
                let _ = write!(quick, "{}", value / 60);
            }
            _ => quick.push_str(digits),
        }
    }
    quick.push_str(rest);
    quick
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_of_time_is_a_sixtieth_and_names_and_texts_stay() {
        let rules = "      - record: job:rate5m\n        expr: |\n          rate(a{le=\"5\"}[15m]) offset 1h > 0.1\n          \
                     b:rate1h * 3600 >= 10 and c[1d] > 14.4 * d\n        for: 2m\n";
        let quick = "      - record: job:rate5m\n        expr: |\n          rate(a{le=\"5\"}[15s]) offset 1m > 0.1\n          \
                     b:rate1h * 60 >= 10 and c[24m] > 14.4 * d\n        for: 2s\n";
        assert_eq!(quickened(rules), quick);
    }
}
