//! Secrets in names that come from jobs.

use http_context::Redaction;

/// The name without the secrets of URLs in it: a job may have put one there.
pub(crate) fn redacted(name: &str, redaction: &Redaction) -> String {
    redaction.redact_text(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_no_secret_of_a_url_in_it() {
        let redacted = |name| redacted(name, &Redaction::default());
        assert_eq!(redacted("job <b>a: b</b>"), "job <b>a: b</b>");
        assert_eq!(
            redacted("job https://me:pw@host/x?sig=abc again"),
            "job https://REDACTED:REDACTED@host/x?sig=REDACTED again"
        );
        assert_eq!(
            redacted("<https://me:pw@host/> (sig=abc)"),
            "<https://REDACTED:REDACTED@host/> (sig=REDACTED)"
        );
    }
}
