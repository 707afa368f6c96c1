//! Runs a program and its reference side by side, and says where they part.

// Longer than 400 lines because each step stands once, with its counterpart in the reference.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http_context::{
    ContextBuilder, ContextId, ExitReport, HttpSession, LeakPolicy, NoOpenContexts, OpenError,
    Outcome, SessionClosed, SessionError, SessionId, SessionPool, builder,
};
use http_context_tests::{InvariantObserver, Server};
use reqwest_middleware::ClientWithMiddleware;

use crate::actor::{Actor, Opened, Order, Requested, Rest, Urls};
use crate::op::{Op, Options, Way};
use crate::reference::{self, PLACES, Reference, Report, Seen, What};

/// Where a program and its reference part, with the program so far.
type Parted = String;

/// After this long a step will never be over.
const HANGS: Duration = Duration::from_secs(5);

/// Runs a program to its end.
pub(crate) async fn run(program: &[Op], server: &Server, name: &str) -> Result<(), Parted> {
    let mut run = Run::new(server, name);
    for op in program {
        let step = tokio::time::timeout(HANGS, run.step(*op));
        let taken = step.await.unwrap_or_else(|_| Err("it hangs".to_owned()));
        if let Err(parted) = taken {
            return Err(format!("{}{parted}", run.steps));
        }
    }
    let steps = run.steps.clone();
    let end = tokio::time::timeout(HANGS, run.end());
    let ended = end
        .await
        .unwrap_or_else(|_| Err("the end hangs".to_owned()));
    ended.map_err(|parted| format!("{steps}{parted}"))
}

struct Run<'s> {
    server: &'s Server,
    urls: Urls,
    invariants: Arc<InvariantObserver>,
    pool: SessionPool,
    name: String,
    reference: Reference,
    tasks: Vec<Actor>,
    kept: Vec<Kept>,
    /// The contexts that were entered, by their number, each with its sessions in order.
    contexts: Vec<(ContextId, Vec<SessionId>)>,
    /// The steps so far, for people.
    steps: String,
}

/// What a program keeps; the counterpart of [`reference::Kept`].
enum Kept {
    Handle(HttpSession),
    Client(ClientWithMiddleware),
    Rest(Rest),
}

impl<'s> Run<'s> {
    fn new(server: &'s Server, name: &str) -> Self {
        let invariants = Arc::new(InvariantObserver::new());
        let pool = SessionPool::builder()
            .session(base(&invariants, name).session_options())
            .observer(invariants.clone())
            .max_size(PLACES)
            .wait_timeout(Duration::ZERO)
            .build();
        let mut reference = Reference::default();
        reference.tasks.push(reference::Task::default());
        Self {
            server,
            urls: Urls {
                body: server.url("/bytes/60000"),
                never: server.url("/never"),
            },
            invariants,
            pool,
            name: name.to_owned(),
            reference,
            tasks: vec![Actor::spawn(false)],
            kept: Vec::new(),
            contexts: Vec::new(),
            steps: String::new(),
        }
    }

    /// Takes a step, unless there is nothing to take it with.
    async fn step(&mut self, op: Op) -> Result<(), Parted> {
        let task = |by: u8| usize::from(by) % self.tasks.len();
        let kept = |kept: u8| usize::from(kept) % self.kept.len();
        match op {
            Op::Use { .. } | Op::Clone { .. } | Op::Drop { .. } if self.kept.is_empty() => Ok(()),
            Op::Spawn { by, carries } => self.spawn(task(by), carries).await,
            Op::Open { by, options } => self.open(task(by), options).await,
            Op::Leave { by, way } => self.leave(task(by), way).await,
            // The last task stays, or there would be nobody to go on.
            Op::End { .. } if self.tasks.len() == 1 => Ok(()),
            Op::End { task: by, way } => {
                let by = task(by);
                self.log(format_args!("task {by}: ends, {way:?}"));
                self.end_task(by, way).await;
                Ok(())
            }
            Op::Lookup { by } => self.lookup(task(by)).await,
            Op::Request { by, kind } => self.request(task(by), kind).await,
            Op::Keep { by, client: false } => self.keep_handle(task(by)).await,
            Op::Keep { by, client: true } => self.keep_client(task(by)).await,
            Op::CloseSession { by } => self.close_session(task(by)).await,
            Op::Use { kept: at } => self.use_kept(kept(at)).await,
            Op::Clone { kept: at } => {
                self.clone_kept(kept(at));
                Ok(())
            }
            Op::Drop { kept: at } => {
                self.drop_kept(kept(at)).await;
                Ok(())
            }
        }
    }

    async fn spawn(&mut self, by: usize, carries: bool) -> Result<(), Parted> {
        let how = if carries { "a child" } else { "a bare task" };
        self.log(format_args!(
            "task {by}: spawns {how}, task {}",
            self.tasks.len()
        ));
        self.reference.spawn(by, carries);
        let actor = self.tasks[by]
            .order(|answer| Order::Spawn(carries, answer))
            .await;
        self.tasks.push(actor);
        Ok(())
    }

    async fn open(&mut self, by: usize, options: Options) -> Result<(), Parted> {
        self.log(format_args!("task {by}: opens, {options:?}"));
        let leaks = if options.looks_for_leaks {
            LeakPolicy::Count
        } else {
            LeakPolicy::Off
        };
        let mut context = base(&self.invariants, &self.name)
            .nested(options.nested)
            .leaks(leaks);
        if options.lazy {
            context = context.lazy();
        }
        if options.pooled {
            context = context.pool(self.pool.clone());
        }
        let expected = self.reference.open(by, options);
        let opened = self.tasks[by]
            .order(|answer| Order::Open(context, answer))
            .await;
        let seen = match opened {
            Opened::Entered(id) => Seen::Entered(self.number(id)),
            Opened::Refused(OpenError::NestedDenied(_)) => Seen::Denied,
            Opened::Refused(OpenError::Pool(_)) => Seen::Exhausted,
            Opened::Refused(error) => return Err(format!("refused: {error:?}")),
        };
        self.compare(&expected, &seen)
    }

    async fn leave(&mut self, by: usize, way: Way) -> Result<(), Parted> {
        if self.reference.tasks[by].scopes.is_empty() {
            return Ok(());
        }
        self.log(format_args!(
            "task {by}: leaves its innermost open, {way:?}"
        ));
        let expected = self.reference.leave(by, outcome(way));
        let report = self.tasks[by]
            .order(|answer| Order::Leave(way, answer))
            .await;
        self.compare(&expected, &Seen::Left(report.as_ref().map(report_of)))
    }

    async fn end_task(&mut self, by: usize, way: Way) {
        let actor = self.tasks.remove(by);
        let rest = match way {
            // The panic is that of the innermost open; the others end with their line.
            Way::Panic if !self.reference.tasks[by].scopes.is_empty() => {
                self.reference.leave(by, Outcome::Panicked);
                Outcome::Completed
            }
            Way::Drop => Outcome::Cancelled,
            _ => Outcome::Completed,
        };
        self.reference.end(by, rest);
        actor.end(way).await;
    }

    async fn lookup(&mut self, by: usize) -> Result<(), Parted> {
        self.log(format_args!("task {by}: looks its session up"));
        let expected = self.reference.lookup(by);
        let (seen, _) = self.session_of(by).await;
        self.compare(&expected, &seen)
    }

    async fn session_of(&mut self, by: usize) -> (Seen, Option<HttpSession>) {
        match self.tasks[by].order(Order::Lookup).await {
            Ok(session) => {
                let seen = self.session(session.context().id(), session.id());
                (seen, Some(session))
            }
            Err(error) => (refused(&error), None),
        }
    }

    async fn request(&mut self, by: usize, kind: crate::op::Request) -> Result<(), Parted> {
        self.log(format_args!("task {by}: makes a request, {kind:?}"));
        let expected = self.reference.request(by, kind);
        let urls = self.urls.clone();
        let requested = self.tasks[by]
            .order(|answer| Order::Request(kind, urls, answer))
            .await;
        let seen = match requested {
            Ok(Requested {
                session,
                context,
                rest,
            }) => {
                if !matches!(rest, Rest::Nothing) {
                    self.kept.push(Kept::Rest(rest));
                }
                self.session(context, session)
            }
            Err(error) => refused(&error),
        };
        self.compare(&expected, &seen)
    }

    async fn keep_handle(&mut self, by: usize) -> Result<(), Parted> {
        self.log(format_args!("task {by}: keeps its session"));
        let expected = self.reference.lookup(by);
        if let Seen::Session(context, session) = expected {
            self.reference.keep(context, session, What::Handle);
        }
        let (seen, session) = self.session_of(by).await;
        self.kept.extend(session.map(Kept::Handle));
        self.compare(&expected, &seen)
    }

    async fn keep_client(&mut self, by: usize) -> Result<(), Parted> {
        self.log(format_args!("task {by}: keeps a client"));
        let expected = self.reference.lookup(by);
        if let Seen::Session(context, session) = expected {
            self.reference.keep(context, session, What::Client);
        }
        let seen = match self.tasks[by].order(Order::Client).await {
            Ok((session, context, client)) => {
                self.kept.push(Kept::Client(client));
                self.session(context, session)
            }
            Err(error) => refused(&error),
        };
        self.compare(&expected, &seen)
    }

    async fn close_session(&mut self, by: usize) -> Result<(), Parted> {
        self.log(format_args!("task {by}: closes its session"));
        let expected = self.reference.close_session(by);
        let (seen, session) = self.session_of(by).await;
        if let Some(session) = session {
            session.close();
        }
        self.compare(&expected, &seen)
    }

    async fn use_kept(&mut self, at: usize) -> Result<(), Parted> {
        let kept = self.reference.kept[at];
        self.log(format_args!("uses what is kept at {at}: {kept:?}"));
        let expected = self.reference.use_kept(at);
        let url = self.urls.body.as_str();
        let seen = match &self.kept[at] {
            Kept::Handle(session) => match session.get(url).send().await {
                Ok(response) => {
                    response
                        .bytes()
                        .await
                        .map_err(|error| format!("{error:?}"))?;
                    let (context, session) = (session.context().id(), session.id());
                    self.session(context, session)
                }
                Err(error) if error.is_session_closed() => Seen::SessionClosed,
                Err(error) => return Err(format!("a request failed: {error:?}")),
            },
            Kept::Client(client) => match client.get(url).send().await {
                Ok(response) => {
                    response
                        .bytes()
                        .await
                        .map_err(|error| format!("{error:?}"))?;
                    Seen::Session(kept.context, kept.session)
                }
                Err(error) if SessionClosed::find(&error).is_some() => Seen::SessionClosed,
                Err(error) => return Err(format!("a client's request failed: {error:?}")),
            },
            Kept::Rest(_) => {
                let Kept::Rest(rest) = self.kept.remove(at) else {
                    unreachable!("matched above")
                };
                finish(rest, expected == Seen::SessionClosed).await?
            }
        };
        self.compare(&expected, &seen)
    }

    fn clone_kept(&mut self, at: usize) {
        if let Kept::Handle(session) = &self.kept[at] {
            let clone = Kept::Handle(session.clone());
            self.log(format_args!("clones the handle kept at {at}"));
            self.reference.clone_kept(at);
            self.kept.push(clone);
        }
    }

    async fn drop_kept(&mut self, at: usize) {
        let kept = self.reference.kept.remove(at);
        self.log(format_args!("drops what is kept at {at}: {kept:?}"));
        let_go(self.kept.remove(at)).await;
    }

    /// Lets go of everything, and looks at what must be so in the end.
    async fn end(mut self) -> Result<(), Parted> {
        while !self.tasks.is_empty() {
            self.end_task(0, Way::Drop).await;
        }
        for kept in std::mem::take(&mut self.kept) {
            let_go(kept).await;
        }
        let report = self.pool.close().await;
        if !report.is_clean() {
            return Err(format!("in the end: {report}"));
        }
        let name = self.name.clone();
        let only_these = NoOpenContexts::new().ignore(move |it| it.name() != Some(&name));
        only_these.check_now().map_err(|open| open.to_string())?;
        let totals = self.invariants.settled().await;
        let handle = tokio::runtime::Handle::current();
        let is_alone = handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::CurrentThread;
        if is_alone && totals.late > 0 {
            return Err(format!("{} facts were late", totals.late));
        }
        let got = reference::Totals {
            contexts: totals.contexts,
            outcomes: counted([
                (Outcome::Completed, totals.completed),
                (Outcome::Failed, totals.failed),
                (Outcome::Cancelled, totals.cancelled),
                (Outcome::Panicked, totals.panicked),
            ]),
            nested: totals.nested,
            sessions: totals.sessions,
            requests: totals.requests,
            leaks: totals.leaks_by_kind,
        };
        let expected = &self.reference.totals;
        if *expected != got {
            return Err(format!(
                "in the end\n  expected {expected:?}\n  got      {got:?}"
            ));
        }
        let ended = [
            totals.requests_answered,
            totals.requests_failed,
            totals.requests_cancelled,
        ];
        if totals.requests != ended.iter().sum::<u64>() {
            return Err(format!("{} requests ended as {ended:?}", totals.requests));
        }
        self.server.wait_until(|counts| counts.open() == 0).await;
        Ok(())
    }

    fn log(&mut self, step: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.steps, "  {step}");
    }

    fn compare(&self, expected: &Seen, seen: &Seen) -> Result<(), Parted> {
        if let misfits @ [_, ..] = &*self.invariants.balance().misfits {
            return Err(format!("facts do not fit: {misfits:#?}"));
        }
        if expected == seen {
            return Ok(());
        }
        Err(format!("expected {expected:?}\n  got      {seen:?}"))
    }

    /// The number of a context; a new one if it was not met before.
    fn number(&mut self, id: ContextId) -> usize {
        let known = self.contexts.iter().position(|(known, _)| *known == id);
        known.unwrap_or_else(|| {
            self.contexts.push((id, Vec::new()));
            self.contexts.len() - 1
        })
    }

    /// Which session of which context that is.
    fn session(&mut self, context: ContextId, id: SessionId) -> Seen {
        let context = self.number(context);
        let (_, sessions) = &mut self.contexts[context];
        let known = sessions.iter().position(|known| *known == id);
        let at = known.unwrap_or_else(|| {
            sessions.push(id);
            sessions.len() - 1
        });
        Seen::Session(context, at + 1)
    }
}

/// What all contexts of a program have in common. Nothing in a program ends while an exit waits for
/// it, so none waits.
fn base(invariants: &Arc<InvariantObserver>, name: &str) -> ContextBuilder {
    builder()
        .name(name)
        .observer(invariants.clone())
        .drain_timeout(Duration::ZERO)
}

fn outcome(way: Way) -> Outcome {
    match way {
        Way::Ok => Outcome::Completed,
        Way::Err => Outcome::Failed,
        Way::Panic => Outcome::Panicked,
        Way::Drop => Outcome::Cancelled,
    }
}

fn report_of(report: &ExitReport) -> Report {
    let mut leaks = std::collections::BTreeMap::new();
    for leak in &report.leaks {
        *leaks.entry(leak.kind).or_default() += leak.count;
    }
    Report {
        outcome: report.outcome,
        requests: report.requests,
        aborted: report.aborted,
        nested: report.nested_opens,
        leaks,
    }
}

fn refused(error: &SessionError) -> Seen {
    match error {
        SessionError::NoContext(_) => Seen::Unbound,
        SessionError::ContextClosed(_) => Seen::Exited,
        error => panic!("no session for another reason: {error:?}"),
    }
}

fn counted(counts: [(Outcome, u64); 4]) -> HashMap<Outcome, u64> {
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Reads a body to its end, or gives a request up that is still on its way.
async fn finish(rest: Rest, is_cut: bool) -> Result<Seen, Parted> {
    match rest {
        Rest::Nothing => unreachable!("nothing is not kept"),
        Rest::Body(body) => match body.bytes().await {
            Ok(_) => Ok(Seen::Done),
            Err(error) if SessionClosed::find(&error).is_some() => Ok(Seen::SessionClosed),
            Err(error) => Err(format!("a body failed: {error:?}")),
        },
        Rest::InFlight(task) => {
            // What was cut off ends by itself; what was not never does.
            if !is_cut {
                task.abort();
            }
            match task.await {
                Err(error) if error.is_cancelled() => Ok(Seen::Done),
                Ok(Err(error)) if error.is_session_closed() => Ok(Seen::SessionClosed),
                other => Err(format!("a request ended: {other:?}")),
            }
        }
    }
}

async fn let_go(kept: Kept) {
    if let Kept::Rest(Rest::InFlight(task)) = kept {
        task.abort();
        let _ = task.await;
    }
}
