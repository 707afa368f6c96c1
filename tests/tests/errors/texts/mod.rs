//! The table in the documentation of `RequestError`, made from real errors.

mod bodies;
mod requests;
mod statuses;

use std::error::Error;
use std::fmt::Write as _;

use http_context::{ErrorKind, RequestError};

use crate::SECRET;

/// Which of its texts says what, as a row of a table.
fn row(what: &str, error: &(dyn Error + 'static)) -> String {
    let mut sources = Vec::new();
    let mut next = error.source();
    while let Some(source) = next {
        sources.push(format!("`` {} ``", told(&source.to_string())));
        next = source.source();
    }
    sources.dedup();
    let said = told(&error.to_string());
    format!("| {what} | `` {said} `` | {} |", sources.join(" ← "))
}

/// A row with the kind as well.
fn row_of(what: &str, error: &RequestError) -> String {
    let kind = error.kind().as_str();
    format!("{} `{kind}` |", row(what, error))
}

/// A text without what differs from run to run: ports, numbers, times and places.
fn told(text: &str) -> String {
    assert!(!text.contains(SECRET), "{text}");
    let words = text.split(' ').map(|word| {
        let is_time = word.ends_with("ms:") || word.ends_with("s:");
        if let Some(at) = word.find("127.0.0.1:") {
            let rest = &word[at + "127.0.0.1:".len()..];
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{}host{rest}", &word[..at])
        } else if is_time && word.starts_with(|c: char| c.is_ascii_digit()) {
            "1s:".to_owned()
        } else if word.contains(".rs:") {
            "src/main.rs:7:14".to_owned()
        } else {
            word.to_owned()
        }
    });
    let mut text = words.collect::<Vec<_>>().join(" ");
    if let Some(at) = text.find("HTTP session ") {
        let number = at + "HTTP session ".len();
        let end = text[number..]
            .find(' ')
            .map_or(text.len(), |end| number + end);
        text.replace_range(number..end, "1");
    }
    text
}

/// The whole documentation, as it should be.
async fn rendered() -> String {
    let mut page = String::from(
        "What the errors of a request to `http://host/x?page=2&sig=…` say, on Linux. The kind is that \
         of [`kind`](Self::kind), which is the `error.type` of the metrics; a source that says what the \
         one before says is left out.\n\n",
    );
    page.push_str("| what happens | `{error}` | its sources | kind |\n|---|---|---|---|\n");
    for row in requests::rows().await {
        writeln!(page, "{row}").unwrap();
    }
    page.push_str(
        "\nA response is a response, whatever its status. What becomes an error of it is an error of \
         `reqwest`, unless `send` was [asked](crate::RequestBuilder::error_for_status) for one:\n\n\
         | status | `send` | `error_for_status` of the response | `send`, asked for an error |\n\
         |---|---|---|---|\n",
    );
    for row in statuses::rows().await {
        writeln!(page, "{row}").unwrap();
    }
    page.push_str(
        "\nAnd so is what happens to its body; [`ErrorKind::of`](crate::ErrorKind::of) says what \
         kind:\n\n| what happens | operation | `{error}` | its sources | kind |\n|---|---|---|---|---|\n",
    );
    for row in bodies::rows().await {
        writeln!(page, "{row}").unwrap();
    }
    page
}

fn kind(error: &reqwest::Error) -> &'static str {
    ErrorKind::of(error).as_str()
}

#[tokio::test]
async fn the_table_of_the_documentation_is_what_errors_say() {
    let expected = rendered().await;
    let documented = include_str!("../../../../crates/http-context/src/error/table.md");
    assert!(documented == expected, "table.md should be:\n{expected}");
}
