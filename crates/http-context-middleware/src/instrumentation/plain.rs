//! What is seen of plain clients, and name lookups.

use http_context::{ConnectionUse, NameLookup, PlainRequest};

use super::Instrumentation;

impl Instrumentation {
    /// A head that came over a connection which nobody can name. A failure has neither a head nor a
    /// duration, and so no series.
    pub(super) fn note_plain_request(&self, request: &PlainRequest<'_>) {
        if request.outcome.is_ok() {
            let server = self.servers.of(request.origin);
            let source = ConnectionUse::Unknown;
            server.request_connections(source).increment(1);
        }
    }

    pub(super) fn note_lookup(&self, lookup: &NameLookup) {
        let name = self.options.lookup_names.then_some(&*lookup.name);
        let failed = lookup.addresses.is_none_or(|found| found == 0);
        self.metrics
            .name_resolved(lookup.duration.as_secs_f64(), failed, name);
    }
}
