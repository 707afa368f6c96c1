//! All that an error shows, to anybody who looks.

use std::error::Error;
use std::fmt::Write as _;

/// Every text of an error and of its sources, a line for each; the URL of an error of `reqwest`
/// too.
///
/// # Panics
///
/// Never: a `String` takes all that is written to it.
pub fn shown(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(link) = next {
        writeln!(text, "{link}\n{link:#}\n{link:?}\n{link:#?}").expect("a string takes it");
        if let Some(url) = link.downcast_ref().and_then(reqwest::Error::url) {
            writeln!(text, "{url}\n{url:?}").expect("a string takes it");
        }
        next = link.source();
    }
    text
}
