//! The kinds of a worker, and which of them a line or a queued text is of.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Semaphore;

use super::AnyKind;
use super::duration::Durations;
use crate::line::{BadField, JobLine, given, run_at, string};
use crate::queue::QueuedJob;

/// See the module's documentation.
pub(crate) struct Kinds {
    kinds: Vec<KnownKind>,
}

/// A kind with what its jobs share.
pub(crate) struct KnownKind {
    pub(crate) kind: Box<dyn AnyKind>,
    /// The name by which its jobs are called.
    pub(crate) name: Arc<str>,
    /// As many permits as jobs of it may run at once, where that is bounded.
    pub(crate) slots: Option<Semaphore>,
    pub(crate) durations: Durations,
}

/// What is read of a queued text before its kind is known.
#[derive(Debug)]
pub(crate) struct Header<'t> {
    pub(crate) id: Cow<'t, str>,
    kind: Option<Cow<'t, str>>,
}

#[derive(Deserialize)]
struct Id<'t> {
    #[serde(borrow)]
    id: Cow<'t, str>,
}

#[derive(Deserialize)]
struct IdAndKind<'t> {
    #[serde(borrow)]
    id: Cow<'t, str>,
    #[serde(borrow)]
    kind: Option<Cow<'t, str>>,
}

impl Kinds {
    /// The kinds of a worker of this name.
    ///
    /// # Errors
    ///
    /// A sentence, when there is none, when one of several has no name, or two have the same.
    pub(crate) fn new(worker: &str, kinds: Vec<Box<dyn AnyKind>>) -> Result<Self, String> {
        if kinds.is_empty() {
            return Err(format!("the worker {worker} has no kind of jobs"));
        }
        let is_only = kinds.len() == 1;
        let mut known: Vec<KnownKind> = Vec::with_capacity(kinds.len());
        for kind in kinds {
            let name = match kind.name() {
                Some(name) => name,
                None if is_only => worker,
                None => {
                    return Err(format!(
                        "the worker {worker} has several kinds of jobs, and one of them has no name"
                    ));
                }
            };
            if known.iter().any(|other| *other.name == *name) {
                return Err(format!(
                    "the worker {worker} has two kinds of jobs with the name {name}"
                ));
            }
            known.push(KnownKind {
                name: name.into(),
                slots: kind.concurrency().map(Semaphore::new),
                durations: Durations::default(),
                kind,
            });
        }
        Ok(Self { kinds: known })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &KnownKind> {
        self.kinds.iter()
    }

    /// Reads a line of the input.
    pub(crate) fn parse(&self, line: &[u8]) -> Result<QueuedJob, BadField> {
        let line = JobLine::parse(line)?;
        let kind = match given(line.fields(), "kind").filter(|_| self.by_field()) {
            Some(named) => self.named(string(named, "kind")?)?,
            None if self.kinds.len() == 1 => &self.kinds[0],
            None => {
                let error = format!("is missing: it is one of {}", self.names());
                return Err(BadField::new("kind", error));
            }
        };
        let text = kind.kind.text_of(&line)?;
        let id = line.id().to_owned();
        let run_at = run_at(line.fields())?;
        // A field that stands twice in a line is taken once by some who read it, and refused by others.
        match self.header(&text) {
            Ok(header) if header.id == id => Ok(QueuedJob { id, text, run_at }),
            _ => Err(BadField::line("has its id or its kind twice")),
        }
    }

    /// What stands in a queued text whatever its kind.
    pub(crate) fn header<'t>(&self, text: &'t str) -> Result<Header<'t>, serde_json::Error> {
        if self.by_field() {
            let IdAndKind { id, kind } = serde_json::from_str(text)?;
            return Ok(Header { id, kind });
        }
        let Id { id } = serde_json::from_str(text)?;
        Ok(Header { id, kind: None })
    }

    /// The kind that a queued job is of.
    pub(crate) fn of(&self, header: &Header<'_>) -> Result<&KnownKind, BadField> {
        match &header.kind {
            Some(name) => self.named(name),
            // It was queued when the worker had one kind.
            None => Ok(&self.kinds[0]),
        }
    }

    fn named(&self, name: &str) -> Result<&KnownKind, BadField> {
        let found = self.kinds.iter().find(|kind| *kind.name == *name);
        found.ok_or_else(|| {
            let error = format!("is none of this worker's: it has {}", self.names());
            BadField::new("kind", error)
        })
    }

    /// Whether a field of its line says of which kind a job is.
    fn by_field(&self) -> bool {
        self.kinds.len() > 1 || self.kinds[0].kind.name().is_some()
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.kinds.iter().map(|kind| &*kind.name).collect();
        names.join(", ")
    }
}
