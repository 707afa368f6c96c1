//! Results that go to a function of the user's, in place of a file.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Take = dyn Fn(Vec<JobResult>) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;

/// Takes results.
#[derive(Clone)]
pub(crate) struct ResultsFunction {
    /// By which a state knows it again.
    pub(crate) name: String,
    take: Arc<Take>,
}

impl ResultsFunction {
    pub(crate) fn new<F, Fut, E>(name: &str, take: F) -> Self
    where
        F: Fn(Vec<JobResult>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let take = move |results| {
            let taken = take(results);
            async move { taken.await.map_err(Into::into) }.boxed()
        };
        Self {
            name: format!("function {name}"),
            take: Arc::new(take),
        }
    }

    /// Hands over lines, each with its end.
    pub(crate) async fn take(&self, lines: &[u8]) -> Result<(), BoxError> {
        let lines = lines.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        let results = lines.map(|line| JobResult {
            line: String::from_utf8_lossy(line).into_owned(),
        });
        (self.take)(results.collect()).await
    }
}

impl fmt::Debug for ResultsFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultsFunction")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The result of a job: what would be its line in a file of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobResult {
    line: String,
}

#[derive(Deserialize)]
struct Fields<'l> {
    #[serde(borrow)]
    id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    status: Cow<'l, str>,
    attempts: u32,
    #[serde(borrow)]
    error: Option<Cow<'l, str>>,
    #[serde(borrow)]
    output: Option<&'l RawValue>,
}

impl JobResult {
    /// The result line, without its line end: an object with `id`, `status`, `attempts`, `error`, `output`
    /// and `exit`.
    pub fn as_json(&self) -> &str {
        &self.line
    }

    /// The id of the job. Empty for what stood in the queue and was no job.
    pub fn id(&self) -> String {
        let id = self.fields().and_then(|fields| fields.id);
        id.unwrap_or_default().into_owned()
    }

    /// Whether its last attempt succeeded.
    pub fn is_ok(&self) -> bool {
        self.fields().is_some_and(|fields| fields.status == "ok")
    }

    /// The attempts that were made.
    pub fn attempts(&self) -> u32 {
        self.fields().map_or(0, |fields| fields.attempts)
    }

    /// Why it failed, if it did.
    pub fn error(&self) -> Option<String> {
        let error = self.fields().and_then(|fields| fields.error);
        error.map(Cow::into_owned)
    }

    /// What the job's function returned, or said of its failure
    /// ([`JobError::with_output`](crate::JobError::with_output)).
    ///
    /// # Errors
    ///
    /// That of `serde_json`, when it is not of this type. A job that returned nothing has `null`.
    pub fn output<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let output = self.fields().and_then(|fields| fields.output);
        serde_json::from_str(output.map_or("null", RawValue::get))
    }

    fn fields(&self) -> Option<Fields<'_>> {
        serde_json::from_str(&self.line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_read_from_its_line() {
        let line = r#"{"id":"a\"b","status":"failed","attempts":3,"error":"it fell","output":[7],"exit":{}}"#;
        let result = JobResult {
            line: line.to_owned(),
        };
        assert_eq!(
            (&*result.id(), result.is_ok(), result.attempts()),
            ("a\"b", false, 3)
        );
        assert_eq!(result.error().unwrap(), "it fell");
        assert_eq!(result.output::<Vec<u8>>().unwrap(), [7]);
        result.output::<String>().unwrap_err();
        assert_eq!(result.as_json(), line);
    }
}
