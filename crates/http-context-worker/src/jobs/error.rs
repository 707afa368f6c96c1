//! Why a job failed, and whether it may be tried again.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http_context::Redaction;
use serde::Serialize;

use super::JobOutput;
use crate::error_text::chain;

/// Any error.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// A failure that says what is to become of its job.
///
/// A job's function may return any error; then its job is tried again as the
/// [`RetryPolicy`](crate::RetryPolicy) says. With this one it says so itself. It may be the error that is
/// returned, or stand anywhere in the chain of its sources.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use http_context_worker::JobError;
///
/// async fn send(address: String) -> Result<(), JobError> {
///     if !address.contains('@') {
///         return Err(JobError::fatal("there is no such address"));
///     }
///     Err(JobError::retry_after(Duration::from_secs(30), "the mailbox is busy"))
/// }
/// ```
pub struct JobError {
    cause: BoxError,
    again: Again,
    output: Option<JobOutput>,
    request: Option<String>,
}

/// Whether a failed job is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// As the policy says.
    ByPolicy,
    /// As the policy says, and not before this wait.
    After(Duration),
    /// Never.
    Never,
}

impl JobError {
    /// The attempt failed. The job is tried again as the policy says.
    pub fn failed(cause: impl Into<BoxError>) -> Self {
        Self::new(cause.into(), Again::ByPolicy)
    }

    /// The attempt failed, and the next one should wait so long: at least as long as the policy says.
    /// A wait of more than a minute ends at that moment of the wall clock of the queue, within two seconds,
    /// and outlives this process where the queue does. It counts as an attempt; the last one that the policy allows is the last.
    pub fn retry_after(wait: Duration, cause: impl Into<BoxError>) -> Self {
        Self::new(cause.into(), Again::After(wait))
    }

    /// The job can never succeed: it is not tried again, whatever the policy says.
    pub fn fatal(cause: impl Into<BoxError>) -> Self {
        Self::new(cause.into(), Again::Never)
    }

    fn new(cause: BoxError, again: Again) -> Self {
        Self {
            cause,
            again,
            output: None,
            request: None,
        }
    }

    /// What is known in spite of the failure: it stands in the result line as the output of the job, should
    /// this have been its last attempt. What cannot be written as JSON is left out.
    #[must_use]
    pub fn with_output(mut self, output: &impl Serialize) -> Self {
        self.output = serde_json::value::to_raw_value(output).ok().map(JobOutput);
        self
    }

    /// The request that failed, such as `GET https://example.com/a`: the live page shows it beside the error.
    /// Credentials and
    /// secret parameters are left out there.
    #[must_use]
    pub fn with_request(mut self, request: impl fmt::Display) -> Self {
        self.request = Some(
            Redaction::default()
                .redact_text(&request.to_string())
                .into_owned(),
        );
        self
    }

    pub(crate) fn request(&self) -> Option<String> {
        self.request.clone()
    }

    /// Of any error, what it says of its job.
    pub(crate) fn of(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(said) => *said,
            Err(error) => {
                let again = said_by(error.as_ref());
                Self::new(error, again)
            }
        }
    }

    pub(crate) fn again(&self) -> Again {
        self.again
    }

    pub(crate) fn output(&self) -> Option<&JobOutput> {
        self.output.as_ref()
    }

    /// As it stands in a result line and in the log: the error and its causes, without the secrets of
    /// URLs.
    pub(crate) fn to_text(&self) -> String {
        let text = chain(self.cause.as_ref());
        Redaction::default().redact_text(&text).into_owned()
    }
}

fn said_by(error: &(dyn Error + 'static)) -> Again {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(said) = error.downcast_ref::<JobError>() {
            return said.again;
        }
        next = error.source();
    }
    Again::ByPolicy
}

impl fmt::Debug for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobError")
            .field("cause", &self.cause)
            .field("again", &self.again)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for JobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the provider is overloaded")]
    struct Overloaded(#[source] JobError);

    #[test]
    fn an_error_says_what_becomes_of_its_job_from_anywhere_in_its_chain() {
        let wait = Duration::from_secs(7);
        let busy = || JobError::retry_after(wait, "busy");
        for (error, again) in [
            (BoxError::from("it fell"), Again::ByPolicy),
            (busy().into(), Again::After(wait)),
            (Overloaded(busy()).into(), Again::After(wait)),
            (Overloaded(JobError::fatal("gone")).into(), Again::Never),
        ] {
            assert_eq!(JobError::of(error).again(), again);
        }
    }

    #[test]
    fn its_text_has_each_cause_once_and_no_secret_of_a_url() {
        let error =
            JobError::of(Overloaded(busy_at("https://me:hunter2@host/?sig=hunter2")).into());
        assert_eq!(
            error.to_text(),
            "the provider is overloaded: busy at https://REDACTED:REDACTED@host/?sig=REDACTED"
        );
    }

    fn busy_at(url: &str) -> JobError {
        JobError::failed(format!("busy at {url}"))
    }
}
