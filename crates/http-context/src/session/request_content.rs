//! What a request sends: the methods of a builder that need a feature.

use super::request::RequestBuilder;

impl RequestBuilder {
    /// Sends a multipart form.
    #[cfg(feature = "multipart")]
    pub fn multipart(self, form: reqwest::multipart::Form) -> Self {
        self.map(|inner| inner.multipart(form))
    }

    /// Adds these to the query of the URL.
    #[cfg(feature = "query")]
    pub fn query<T: serde::Serialize + ?Sized>(self, query: &T) -> Self {
        self.map(|inner| inner.query(query))
    }

    /// Sends a URL-encoded form.
    #[cfg(feature = "form")]
    pub fn form<T: serde::Serialize + ?Sized>(self, form: &T) -> Self {
        self.map(|inner| inner.form(form))
    }

    /// Sends JSON.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(self, json: &T) -> Self {
        self.map(|inner| inner.json(json))
    }

    #[cfg(not(feature = "query"))]
    #[doc(hidden)]
    pub fn query<T: super::features::WithQueryFeature + ?Sized>(self, _: &T) -> Self {
        self
    }

    #[cfg(not(feature = "form"))]
    #[doc(hidden)]
    pub fn form<T: super::features::WithFormFeature + ?Sized>(self, _: &T) -> Self {
        self
    }

    #[cfg(not(feature = "json"))]
    #[doc(hidden)]
    pub fn json<T: super::features::WithJsonFeature + ?Sized>(self, _: &T) -> Self {
        self
    }

    #[cfg(not(feature = "multipart"))]
    #[doc(hidden)]
    #[allow(clippy::needless_pass_by_value, reason = "as with the feature")]
    pub fn multipart<T: super::features::WithMultipartFeature>(self, _: T) -> Self {
        self
    }
}
