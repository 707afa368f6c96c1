//! Runs a program and its reference side by side, and says where they part.

mod ask;
mod compare;
mod end;
mod kept;
mod pools;
mod tasks;
mod uses;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http_context::{ContextBuilder, ContextId, SessionId, SessionPool, builder};
use http_context_tests::{InvariantObserver, SEES_SOCKETS};

use self::kept::Kept;
use crate::actor::{Actor, Entered};
use crate::op::{Op, Plain};
use crate::peers::{POOLED, Peers};
use crate::reference::{Facts, PLACES, Reference, Task, What};
use crate::witness::Witness;

/// Where a program and its reference part, with the program so far.
type Parted = String;

/// After this long a step will never be over.
const HANGS: Duration = Duration::from_secs(10);

/// How long an exit waits that is to wait for what is on its way: for ever.
const FOR_EVER: Duration = Duration::from_mins(10);

/// The kernel is asked after one program in so many: it walks through the sockets of the whole machine.
const ASKS_KERNEL: u64 = 16;

/// Runs a program to its end. Returns what observers have heard.
pub(crate) async fn run(
    program: &[Op],
    peers: &Peers,
    name: &str,
    number: u64,
) -> Result<Facts, Parted> {
    let mut run = Run::new(peers, format!("{name}, program {number}"));
    run.asks_kernel = number.is_multiple_of(ASKS_KERNEL);
    for op in program {
        let step = tokio::time::timeout(HANGS, run.step(*op));
        let taken = step.await.unwrap_or_else(|_| Err("it hangs".to_owned()));
        if let Err(parted) = taken {
            return Err(format!("{}{parted}", run.steps));
        }
    }
    run.log(format_args!("the end"));
    let end = tokio::time::timeout(HANGS, run.end());
    let ended = end
        .await
        .unwrap_or_else(|_| Err("the end hangs".to_owned()));
    ended.map_err(|parted| format!("{}{parted}", run.steps))
}

struct Run<'p> {
    peers: &'p Peers,
    invariants: Arc<InvariantObserver>,
    witnesses: [Arc<Witness>; 3],
    pool: SessionPool,
    /// A name of its own: what a program leaves open that has parted is not the next one's.
    name: String,
    asks_kernel: bool,
    reference: Reference,
    tasks: Vec<Running>,
    kept: Vec<Kept>,
    /// The contexts that were entered, by their number, each with its sessions in order.
    contexts: Vec<(ContextId, Vec<SessionId>)>,
    /// Connections of plain clients after the step before.
    plain: u64,
    /// What the server had counted before.
    arrived_before: u64,
    /// The steps so far, for people.
    steps: String,
}

/// A task of the program, with the opens that it is inside of.
struct Running {
    actor: Actor,
    entered: Vec<Entered>,
}

impl Running {
    fn new(actor: Actor) -> Self {
        Self {
            actor,
            entered: Vec::new(),
        }
    }
}

impl<'p> Run<'p> {
    fn new(peers: &'p Peers, name: String) -> Self {
        let invariants = Arc::new(InvariantObserver::new());
        let witnesses = Witness::three(peers.websockets[POOLED].addr().port());
        let pool = base(peers, &invariants, &witnesses, &name)
            .session_pool()
            .max_size(PLACES)
            .wait_timeout(Duration::ZERO)
            .build();
        let mut reference = Reference::default();
        reference.tasks.push(Task::default());
        Self {
            peers,
            invariants,
            witnesses,
            pool,
            name,
            asks_kernel: false,
            reference,
            tasks: vec![Running::new(Actor::spawn(crate::op::Child::Bare))],
            kept: Vec::new(),
            contexts: Vec::new(),
            plain: 0,
            arrived_before: peers.requests(),
            steps: String::new(),
        }
    }

    /// Takes a step, unless there is nothing to take it with.
    async fn step(&mut self, op: Op) -> Result<(), Parted> {
        let task = |by: u8| usize::from(by) % self.tasks.len();
        let seen = match op {
            Op::Spawn { by, .. }
            | Op::Open { by, .. }
            | Op::Lookup { by, .. }
            | Op::Request { by, .. }
            | Op::Keep { by, .. }
            | Op::CloseSession { by }
            | Op::Pool { by }
            | Op::Borrow { by, .. }
                if self.reference.is_exiting(task(by)) =>
            {
                return Ok(());
            }
            Op::Spawn { by, child, caller } => self.spawn(task(by), child, caller).await,
            Op::Open { by, options } => self.open(task(by), options).await,
            Op::Leave { by, way } => self.leave(task(by), way).await,
            // The last task stays, or there would be nobody to go on.
            Op::End { .. } if self.tasks.len() == 1 => return Ok(()),
            Op::End { task: by, way } => self.end_task(task(by), way).await,
            Op::Lookup { by, is_blocking } => self.lookup(task(by), is_blocking).await,
            Op::Request {
                by,
                kind,
                wire,
                caller,
            } => self.request(task(by), kind, wire, caller).await,
            Op::Keep { by, what } => self.keep(task(by), what).await,
            Op::CloseSession { by } => self.close_session(task(by)).await,
            Op::CheckNoneOpen => self.check_none_open(),
            Op::Pool { by } => self.build_pool(task(by)).await,
            Op::Borrow { by, kept } => match self.pick_pool(kept) {
                Some((at, pool)) => self.borrow(task(by), at, pool).await,
                None => return Ok(()),
            },
            Op::PutBack { kept } => match self.pick_lent(kept) {
                Some(at) => {
                    self.put_back(at);
                    Ok(())
                }
                None => return Ok(()),
            },
            Op::ClosePool { kept } => match self.pick_pool(kept) {
                Some((at, pool)) => self.close_websockets(at, pool).await,
                None => return Ok(()),
            },
            Op::Use { kept, road, wire } => match self.pick(kept, is_used) {
                Some(at) => self.use_kept(at, road, wire).await,
                None => return Ok(()),
            },
            // Nobody cuts off what they hold where the kernel cannot be asked.
            Op::Plain { kind, .. } if kind != Plain::Close && !SEES_SOCKETS => return Ok(()),
            Op::Plain { kept, kind, caller } => match self.pick(kept, |what| what == What::Plain) {
                Some(at) => self.use_plain(at, kind, caller).await,
                None => return Ok(()),
            },
            Op::Close { kept, by_peer } => match self.pick(kept, is_upgraded) {
                Some(at) => self.close_kept(at, by_peer).await,
                None => return Ok(()),
            },
            Op::Clone { kept } => match self.pick(kept, |what| what == What::Handle) {
                Some(at) => {
                    self.clone_kept(at);
                    Ok(())
                }
                None => return Ok(()),
            },
            Op::Drop { kept } => match self.pick(kept, |_| true) {
                Some(at) => self.drop_kept(at).await,
                None => return Ok(()),
            },
        };
        seen?;
        self.settle().await
    }

    /// One of those that are kept and such.
    fn pick(&self, number: u8, is_such: impl Fn(What) -> bool) -> Option<usize> {
        let kept = self.reference.kept.iter().enumerate();
        let such: Vec<_> = kept.filter(|(_, kept)| is_such(kept.what)).collect();
        let picked = usize::from(number).checked_rem(such.len())?;
        Some(such[picked].0)
    }

    fn pick_pool(&self, number: u8) -> Option<(usize, usize)> {
        let at = self.pick(number, |what| matches!(what, What::Pool(_)))?;
        match self.reference.kept[at].what {
            What::Pool(pool) => Some((at, pool)),
            _ => None,
        }
    }

    /// One of those that are borrowed of pools.
    fn pick_lent(&self, number: u8) -> Option<usize> {
        let kept = self.reference.kept.iter().enumerate();
        let lent: Vec<_> = kept.filter(|(_, kept)| kept.lent.is_some()).collect();
        let picked = usize::from(number).checked_rem(lent.len())?;
        Some(lent[picked].0)
    }

    fn log(&mut self, step: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.steps, "  {step}");
    }

    /// The number of a context; a new one if it was not met before.
    fn number(&mut self, id: ContextId) -> usize {
        let known = self.contexts.iter().position(|(known, _)| *known == id);
        known.unwrap_or_else(|| {
            self.contexts.push((id, Vec::new()));
            self.contexts.len() - 1
        })
    }
}

/// Whether there is a way to use it but by orders of its own.
fn is_used(what: What) -> bool {
    !matches!(what, What::Plain | What::Pool(_))
}

fn is_upgraded(what: What) -> bool {
    matches!(what, What::Upgraded(_) | What::Socket(_))
}

/// What all contexts of a program have in common.
fn base(
    peers: &Peers,
    invariants: &Arc<InvariantObserver>,
    [first, panics, last]: &[Arc<Witness>; 3],
    name: &str,
) -> ContextBuilder {
    builder()
        .name(name)
        .tls(peers.tls.clone())
        .observer(invariants.clone())
        .observer(first.clone())
        .observer(panics.clone())
        .observer(last.clone())
        .drain_timeout(Duration::ZERO)
}
