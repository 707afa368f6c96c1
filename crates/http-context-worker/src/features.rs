//! What is said where something is asked for that this program is built without.

/// The first half of a sentence: which feature is missing, and what it is for. What to do stands in
/// the second.
pub(crate) fn missing(feature: &str, by_which: &str) -> String {
    format!(
        "this program is built without the feature `{feature}` of http-context-worker, by which {by_which}: \
         build it with that feature"
    )
}
