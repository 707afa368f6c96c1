//! Where a job panicked.
//!
//! What unwinds knows what was said, and not where. So the hook that is called at a panic, which knows
//! both, leaves the place with its thread, and whoever catches the panic on that thread takes it.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Once;

use http_context::Redaction;

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on places are known. The hook that was there is called as before.
pub(crate) fn note_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // A thread that is ending has no such value any more, and catches nothing either.
            let _ = PLACE.try_with(|place| {
                *place.borrow_mut() = panic.location().map(ToString::to_string);
            });
            before(panic);
        }));
    });
}

/// What a panic that was caught on this thread said, and where, without the secrets of URLs.
pub(crate) fn in_words(panic: &(dyn Any + Send)) -> String {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let mut text = "the code of the job panicked".to_owned();
    if let Some(place) = PLACE.with(|place| place.borrow_mut().take()) {
        text.push_str(" at ");
        text.push_str(&place);
    }
    if let Some(said) = said {
        text.push_str(": ");
        text.push_str(&Redaction::default().redact_text(said));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place_and_without_secrets() {
        note_places();
        let line = line!() + 1;
        let caught = std::panic::catch_unwind(|| panic!("no {}", "https://a:hunter2@host/"));
        let text = in_words(caught.unwrap_err().as_ref());
        assert!(
            text.starts_with(&format!(
                "the code of the job panicked at {}:{line}:",
                file!()
            )),
            "{text}"
        );
        assert!(
            text.ends_with(": no https://REDACTED:REDACTED@host/"),
            "{text}"
        );
    }
}
