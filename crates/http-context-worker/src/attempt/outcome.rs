//! What became of an attempt at a job.

use std::time::Duration;

use crate::attempt::converse::WebSocketOutcome;
use crate::attempt::send::RequestOutcome;

/// What the code of a job returns: what became of its requests, or of its conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobOutcome {
    /// Of each request, in the order of the job.
    pub requests: Vec<RequestOutcome>,
    /// Of the conversation, where the job is one.
    pub websocket: Option<Box<WebSocketOutcome>>,
}

impl JobOutcome {
    /// Why the job failed, if it did. A conversation whose handshake is refused has failed, whatever
    /// `fail_on_status` says.
    pub(crate) fn first_error(&self, fail_on_status: bool) -> Option<String> {
        if let Some(error) = self.websocket.as_ref().and_then(|one| one.error.as_ref()) {
            return Some(format!("websocket: {error}"));
        }
        let count = self.requests.len();
        self.requests
            .iter()
            .enumerate()
            .find_map(|(index, request)| {
                let what = match (&request.error, request.status) {
                    (Some(error), _) => error.clone(),
                    (None, Some(status)) if fail_on_status && status >= 400 => {
                        format!("status {status}")
                    }
                    _ => return None,
                };
                Some(format!("request {} of {count}: {what}", index + 1))
            })
    }

    /// The longest wait that a response asks for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let of_requests = self.requests.iter().map(|request| request.retry_after);
        let of_websocket = self.websocket.iter().map(|one| one.retry_after);
        of_requests.chain(of_websocket).flatten().max()
    }

    /// The use of the connection of each response.
    pub(crate) fn connections(&self) -> impl Iterator<Item = &'static str> {
        let requests = self.requests.iter();
        let of_requests = requests.map(|request| (request.status, request.connection));
        let of_websocket = self
            .websocket
            .iter()
            .map(|one| (one.status, one.connection));
        let responses = of_requests.chain(of_websocket);
        responses.filter_map(|(status, connection)| status.map(|_| connection))
    }
}
