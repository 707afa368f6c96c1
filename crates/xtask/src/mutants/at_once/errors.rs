//! Which changes are to blame for what the compiler says.

use std::collections::HashSet;

use serde_json::Value;

use super::{copy::Places, switches::Place};

/// An error of the compiler.
#[derive(Debug, Default)]
pub(super) struct Error {
    pub(super) text: String,
    /// The most important ones first.
    spans: Vec<Span>,
}

#[derive(Debug, Clone)]
struct Span {
    file: String,
    first: usize,
    last: usize,
    is_primary: bool,
}

/// The errors among the messages of cargo.
pub(super) fn read(messages: &str) -> Vec<Error> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let errors = messages.filter_map(|message: Value| {
        let said = &message["message"];
        let is_error = message["reason"] == "compiler-message"
            && said["level"]
                .as_str()
                .is_some_and(|level| level.starts_with("error"));
        // That there were errors is one, which has no place.
        let has_place = said["spans"]
            .as_array()
            .is_some_and(|spans| !spans.is_empty());
        (is_error && has_place).then(|| Error::of(said))
    });
    errors.collect()
}

impl Error {
    fn of(said: &Value) -> Self {
        let mut error = Self {
            text: said["rendered"].as_str().unwrap_or_default().to_owned(),
            spans: Vec::new(),
        };
        error.add(said, true);
        error.spans.sort_by_key(|span| !span.is_primary);
        error
    }

    fn add(&mut self, said: &Value, is_error: bool) {
        let line = |span: &Value, key: &str| usize::try_from(span[key].as_u64()?).ok();
        for span in said["spans"].as_array().into_iter().flatten() {
            let read = || {
                Some(Span {
                    file: span["file_name"].as_str()?.to_owned(),
                    first: line(span, "line_start")?,
                    last: line(span, "line_end")?,
                    is_primary: is_error && span["is_primary"] == true,
                })
            };
            self.spans.extend(read());
        }
        for child in said["children"].as_array().into_iter().flatten() {
            self.add(child, false);
        }
    }

    /// The changes that stand at its first span which has any.
    pub(super) fn blamed(&self, places: &Places) -> HashSet<u32> {
        let of = |choose: fn(&Place, &Span) -> bool| {
            let found = self.spans.iter().map(|span| {
                let there = places.get(&span.file).into_iter().flatten();
                let chosen = there.filter(|place| choose(place, span));
                (span, chosen.collect::<Vec<_>>())
            });
            let mut found = found.filter(|(_, chosen)| !chosen.is_empty());
            found.next()
        };
        let own = |place: &Place, span: &Span| {
            *place.own.start() <= span.first && span.last <= *place.own.end()
        };
        if let Some((_, there)) = of(own) {
            return there.iter().map(|place| place.change).collect();
        }
        let around = |place: &Place, span: &Span| {
            *place.whole.start() <= span.first && span.last <= *place.whole.end()
        };
        if let Some((_, there)) = of(around) {
            // The smallest text with switches.
            let size = |place: &Place| place.whole.end() - place.whole.start();
            let least = there.iter().map(|place| size(place)).min();
            let least = there.iter().filter(|place| Some(size(place)) == least);
            return least.map(|place| place.change).collect();
        }
        let inside = |place: &Place, span: &Span| {
            span.first <= *place.whole.start() && *place.whole.end() <= span.last
        };
        let there = of(inside).map(|(_, there)| there).unwrap_or_default();
        there.iter().map(|place| place.change).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places() -> Places {
        let place = |change, own, whole| Place { change, own, whole };
        let places = vec![
            place(1, 3..=5, 3..=3),
            place(2, 11..=13, 10..=20),
            place(3, 14..=16, 10..=20),
            place(4, 18..=18, 17..=19),
        ];
        Places::from([("a.rs".to_owned(), places)])
    }

    fn blamed(spans: &[(usize, usize, bool)]) -> Vec<u32> {
        let spans = spans.iter().map(|(first, last, is_primary)| {
            json!({"file_name": "a.rs", "line_start": first, "line_end": last, "is_primary": is_primary})
        });
        let said = json!({"level": "error", "spans": spans.collect::<Vec<_>>(), "rendered": "it is wrong"});
        let message = json!({"reason": "compiler-message", "message": said});
        let [error] = &read(&message.to_string())[..] else {
            panic!("one error is read");
        };
        let mut blamed: Vec<u32> = error.blamed(&places()).into_iter().collect();
        blamed.sort_unstable();
        blamed
    }

    #[test]
    fn the_change_is_blamed_whose_text_is_wrong() {
        assert_eq!(blamed(&[(4, 4, true)]), [1]);
        assert_eq!(blamed(&[(12, 12, true), (15, 15, false)]), [2]);
    }

    #[test]
    fn a_change_is_blamed_that_the_error_mentions() {
        assert_eq!(blamed(&[(30, 30, true), (15, 15, false)]), [3]);
    }

    #[test]
    fn all_changes_of_the_smallest_text_around_an_error_are_blamed() {
        assert_eq!(blamed(&[(17, 17, true)]), [4]);
        assert_eq!(blamed(&[(20, 20, true)]), [2, 3]);
    }

    #[test]
    fn all_changes_inside_of_an_error_are_blamed() {
        assert_eq!(blamed(&[(9, 40, true)]), [2, 3, 4]);
        assert_eq!(blamed(&[(40, 40, true)]), [0; 0]);
    }

    #[test]
    fn warnings_and_what_has_no_place_are_no_errors() {
        let warning = r#"{"reason":"compiler-message","message":{"level":"warning","spans":[{}]}}"#;
        let end = r#"{"reason":"compiler-message","message":{"level":"error","spans":[]}}"#;
        assert!(read(&format!("{warning}\n{end}\nno JSON\n")).is_empty());
    }
}
