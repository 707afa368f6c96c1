//! What the compiler says of a method of a request whose feature is off. Nothing implements these.

/// For `.json(…)`.
#[cfg(not(feature = "json"))]
#[diagnostic::on_unimplemented(
    message = "`.json(…)` needs the feature `json` of `http-context`",
    label = "the feature is off",
    note = "run `cargo add http-context --features json`"
)]
pub trait WithJsonFeature {}

/// For `.form(…)`.
#[cfg(not(feature = "form"))]
#[diagnostic::on_unimplemented(
    message = "`.form(…)` needs the feature `form` of `http-context`",
    label = "the feature is off",
    note = "run `cargo add http-context --features form`"
)]
pub trait WithFormFeature {}

/// For `.query(…)`.
#[cfg(not(feature = "query"))]
#[diagnostic::on_unimplemented(
    message = "`.query(…)` needs the feature `query` of `http-context`",
    label = "the feature is off",
    note = "run `cargo add http-context --features query`"
)]
pub trait WithQueryFeature {}

/// For `.multipart(…)`.
#[cfg(not(feature = "multipart"))]
#[diagnostic::on_unimplemented(
    message = "`.multipart(…)` needs the feature `multipart` of `http-context`",
    label = "the feature is off",
    note = "run `cargo add http-context --features multipart`"
)]
pub trait WithMultipartFeature {}
