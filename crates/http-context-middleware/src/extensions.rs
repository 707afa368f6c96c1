//! Extensions of a request, for the instrumentation.

use std::borrow::Cow;

use metrics::SharedString;

/// The low-cardinality form of a request's path, such as `/users/{id}`: the second half of its
/// span's name, and the attribute `url.template` of its span and metrics.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context_middleware::UrlTemplate;
///
/// let user = 7;
/// http_context::http_session()?
///     .get(format!("https://example.com/users/{user}"))
///     .with_extension(UrlTemplate::new("/users/{id}"))
///     .send()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate(pub(crate) SharedString);

impl UrlTemplate {
    /// A template. Each one is a series of its own in metrics; beyond the cap of the
    /// instrumentation further ones become `_OTHER`.
    pub fn new(template: impl Into<Cow<'static, str>>) -> Self {
        Self(match template.into() {
            Cow::Borrowed(template) => SharedString::const_str(template),
            // Shared, so that clones are cheap.
            Cow::Owned(template) => SharedString::from_shared(template.into()),
        })
    }

    /// The template.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Switches the instrumentation off for one request: no span, no metrics of the request, no trace
/// context. The ledger still has its connection.
///
/// ```
/// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context_middleware::Uninstrumented;
///
/// let request = http_context::http_session()?.get("http://collector.internal/");
/// request.with_extension(Uninstrumented).send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uninstrumented;

/// Sends one request without trace context.
///
/// ```
/// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context_middleware::WithoutPropagation;
///
/// let request = http_context::http_session()?.get("http://stranger.example/");
/// request.with_extension(WithoutPropagation).send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithoutPropagation;

/// Additional attributes for the span of one request. Needs feature `opentelemetry`.
///
/// ```
/// # async fn job() -> Result<(), Box<dyn std::error::Error>> {
/// use http_context_middleware::SpanAttributes;
///
/// let request = http_context::http_session()?.get("http://example.com/orders/7");
/// let attributes = SpanAttributes::new().with("shop.order", 7);
/// request.with_extension(attributes).send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct SpanAttributes(pub(crate) Vec<SpanAttribute>);

impl SpanAttributes {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<AttributeValue>,
    ) -> Self {
        self.0.push(SpanAttribute {
            name: name.into(),
            value: value.into(),
        });
        self
    }
}

/// One attribute of a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanAttribute {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A string.
    Text(Cow<'static, str>),
    /// Several strings, such as the values of a header.
    Texts(Vec<String>),
}

macro_rules! value_from {
    ($($type:ty => $variant:ident,)*) => {$(
        impl From<$type> for AttributeValue {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

value_from! {
    bool => Bool,
    i64 => Int,
    i32 => Int,
    u32 => Int,
    f64 => Float,
    &'static str => Text,
    String => Text,
    Vec<String> => Texts,
}

#[cfg(feature = "opentelemetry")]
impl From<&SpanAttribute> for opentelemetry::KeyValue {
    fn from(attribute: &SpanAttribute) -> Self {
        use opentelemetry::{Array, StringValue, Value};
        let value = match &attribute.value {
            AttributeValue::Bool(value) => Value::Bool(*value),
            AttributeValue::Int(value) => Value::I64(*value),
            AttributeValue::Float(value) => Value::F64(*value),
            AttributeValue::Text(value) => Value::String(StringValue::from(value.clone())),
            AttributeValue::Texts(values) => {
                let values = values.iter().cloned().map(StringValue::from);
                Value::Array(Array::String(values.collect()))
            }
        };
        Self::new(attribute.name.clone(), value)
    }
}
