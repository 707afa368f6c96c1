//! All machines and what runs on them; who starts again what has ended.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::clocks::Clocks;
use crate::history::History;
use crate::network::{self, Machine};
use crate::process::Process;
use crate::producer::Producer;
use crate::random::Random;
use crate::store::Store;
use crate::{Asked, Fallible, LOOK_EVERY, checkpoint, disasters, disks, episodes, services};

/// After how long what has ended by itself is started again.
const STARTS_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How long a machine is left alone once its disk has room again.
const RESTS: Duration = Duration::from_secs(2);
/// How often it is looked whether the standby has what was queued.
const CONFIRM_EVERY: Duration = Duration::from_millis(700);

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Worker(usize),
    Store(usize),
    /// The address of the store.
    Gate,
    Upstream(usize),
    /// What stands before an upstream.
    Door(usize),
    Prometheus,
    Collector,
}

/// What ends a disaster.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heal {
    Start(Role),
    Continue(Role),
    Join(Machine),
    Hasten(Role),
    /// An upstream answers as it should.
    Mend(Role),
    FreeDisk(Machine),
    /// It is left alone until then.
    Rest(Machine),
}

struct Healing {
    at: Instant,
    heal: Heal,
    /// The disaster that it ends, unless it was none.
    number: Option<u64>,
}

pub(crate) struct Rig {
    pub(crate) random: Random,
    pub(crate) history: History,
    pub(crate) store: Store,
    pub(crate) producer: Producer,
    pub(crate) folder: PathBuf,
    pub(crate) out: PathBuf,
    /// Where clocks can be set.
    pub(crate) clocks: Option<Clocks>,
    /// Whether nobody has time for long waits.
    pub(crate) is_short: bool,
    processes: BTreeMap<Role, Process>,
    healings: Vec<Healing>,
    disasters: u64,
    confirmed_at: Instant,
}

/// Runs the whole script.
pub(crate) fn run(asked: &Asked) -> Fallible {
    let mut rig = Rig::start(asked)?;
    let done = rig.play(asked.events);
    if let Err(error) = &done {
        rig.history
            .add("failure", json!({"error": error.to_string()}))?;
    }
    checkpoint::keep_results(&rig)?;
    done
}

impl Rig {
    fn start(asked: &Asked) -> Fallible<Self> {
        network::build()?;
        let out = asked.out.canonicalize()?;
        let (folder, logs) = (out.join("state"), out.join("logs"));
        std::fs::create_dir_all(&logs)?;
        disks::mount(&folder)?;
        let history = History::open(&out.join("rig.jsonl"), "rig")?;
        let clocks = Clocks::find(&folder)?;
        if clocks.is_none() {
            eprintln!("LEFT OUT: clocks that jump, without libfaketime");
        }
        history.add("begin", json!({
            "engine": asked.engine.as_str(), "events": asked.events, "seed": asked.seed, "clocks": clocks.is_some(),
        }))?;
        let mut store = Store::start(asked.engine, &folder, &logs)?;
        if let Some(clocks) = &clocks {
            for server in &mut store.servers {
                server.spec = clocks.give(server.spec.clone())?;
            }
        }
        let producer = Producer::new(&asked.worker, asked.engine, folder.join("jobs"), &logs)?;
        let mut rig = Self {
            random: Random::new(asked.seed),
            history,
            store,
            producer,
            folder,
            out,
            clocks,
            is_short: asked.events < 100,
            processes: BTreeMap::new(),
            healings: Vec::new(),
            disasters: 0,
            confirmed_at: Instant::now(),
        };
        for (role, mut spec) in services::all(asked, &rig.out, &rig.folder, &logs)? {
            if let (Role::Worker(_), Some(clocks)) = (role, &rig.clocks) {
                spec = clocks.give(spec)?;
            }
            rig.processes.insert(role, Process::stopped(spec));
            rig.start_again(role)?;
        }
        Ok(rig)
    }

    fn play(&mut self, events: u32) -> Fallible {
        // Files are known to the store, and series to Prometheus, before anything befalls them.
        self.produce()?;
        checkpoint::settle(self)?;
        for _ in 0..10 {
            self.produce()?;
            self.pass(Duration::from_millis(if self.is_short {
                300
            } else {
                2000
            }))?;
        }
        checkpoint::settle(self)?;
        self.history.add("calm-over", json!({}))?;
        let every = 20;
        for event in 0..events {
            self.produce()?;
            disasters::befall(self)?;
            let pause = self.random.within(100, 1100);
            self.pass(Duration::from_millis(pause))?;
            if event % every == every - 1 {
                checkpoint::settle(self)?;
                eprintln!(
                    "{} of {events} events, {} jobs",
                    event + 1,
                    self.producer.jobs
                );
            }
        }
        checkpoint::settle(self)?;
        episodes::play(self)?;
        checkpoint::settle(self)?;
        checkpoint::end(self)
    }

    pub(crate) fn process(&mut self, role: Role) -> Fallible<&mut Process> {
        if let Role::Store(number) = role {
            return Ok(&mut self.store.servers[number]);
        }
        let process = self.processes.get_mut(&role);
        Ok(process.ok_or_else(|| format!("there is no {role:?}"))?)
    }

    pub(crate) fn machine(&mut self, role: Role) -> Fallible<Machine> {
        Ok(self.process(role)?.spec.machine)
    }

    pub(crate) fn produce(&mut self) -> Fallible {
        self.producer
            .produce(&mut self.random, &self.store, &self.history)
    }

    pub(crate) fn start_again(&mut self, role: Role) -> Fallible {
        if let Role::Store(number) = role {
            return self.store.start_again(number);
        }
        let leader = self.store.leader_address();
        let process = self.process(role)?;
        if !process.runs() {
            process.start_again()?;
            match role {
                Role::Gate => process.say(&format!("lead {leader}")),
                Role::Door(_) => process.say("lead 127.0.0.1:8080"),
                _ => {}
            }
        }
        Ok(())
    }

    /// Lets time pass, and looks after everything meanwhile.
    pub(crate) fn pass(&mut self, time: Duration) -> Fallible {
        let began = Instant::now();
        while began.elapsed() < time {
            self.look()?;
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Waits until something is so, and looks after everything meanwhile. Says whether it was in time.
    pub(crate) fn wait(
        &mut self,
        limit: Duration,
        mut is_so: impl FnMut(&mut Self) -> Fallible<bool>,
    ) -> Fallible<bool> {
        let began = Instant::now();
        while !is_so(self)? {
            if began.elapsed() > limit {
                return Ok(false);
            }
            self.look()?;
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(true)
    }

    /// Ends disasters that are to end, and starts again what has ended by itself.
    fn look(&mut self) -> Fallible {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.healings)
            .into_iter()
            .partition(|healing| healing.at <= now);
        self.healings = later;
        let due: Vec<Healing> = due;
        for healing in due {
            self.heal(&healing)?;
        }
        let stores = [Role::Store(0), Role::Store(1)];
        let roles: Vec<Role> = self.processes.keys().copied().chain(stores).collect();
        for role in roles {
            if let Some(status) = self.process(role)?.ended()? {
                self.has_ended(role, status, "by itself")?;
                let at = Instant::now() + STARTS_AGAIN_AFTER;
                self.healings.push(Healing {
                    at,
                    heal: Heal::Start(role),
                    number: None,
                });
            }
        }
        self.producer.look(&self.store, &self.history)?;
        if self.confirmed_at.elapsed() > CONFIRM_EVERY && !self.store_is_in_trouble() {
            self.confirmed_at = Instant::now();
            self.producer.confirm(&self.store, &self.history)?;
        }
        Ok(())
    }

    pub(crate) fn has_ended(&mut self, role: Role, status: ExitStatus, why: &str) -> Fallible {
        use std::os::unix::process::ExitStatusExt as _;
        let at = self.machine(role)?.name;
        let (code, signal) = (status.code(), status.signal());
        self.history.add(
            "exit",
            json!({
                "at": at, "role": format!("{role:?}"), "code": code, "signal": signal, "why": why,
            }),
        )
    }

    fn heal(&mut self, healing: &Healing) -> Fallible {
        match healing.heal {
            Heal::Start(role) => {
                self.start_again(role)?;
                if !self.process(role)?.runs() {
                    let at = Instant::now() + STARTS_AGAIN_AFTER;
                    self.healings.push(Healing { at, ..*healing });
                    return Ok(());
                }
            }
            Heal::Continue(role) => self.process(role)?.signal(Signal::CONT),
            Heal::Join(machine) => machine.join()?,
            Heal::Hasten(role) => self.process(role)?.say("delay 0"),
            Heal::Mend(role) => self.process(role)?.say("200"),
            Heal::FreeDisk(machine) => {
                disks::free(&self.folder, machine);
                // A store writes what it has acknowledged meanwhile before it is killed.
                let (at, heal) = (Instant::now() + RESTS, Heal::Rest(machine));
                self.healings.push(Healing {
                    at,
                    heal,
                    number: None,
                });
            }
            Heal::Rest(_) => {}
        }
        match healing.number {
            Some(number) => self.history.add("disaster-over", json!({"number": number})),
            None => Ok(()),
        }
    }

    /// Writes down that a disaster has begun.
    pub(crate) fn disaster(&mut self, what: &str, at: &str) -> Fallible<u64> {
        self.disasters += 1;
        let number = self.disasters;
        self.history.add(
            "disaster",
            json!({"number": number, "what": what, "at": at}),
        )?;
        Ok(number)
    }

    pub(crate) fn heal_after(&mut self, number: u64, time: Duration, heal: Heal) {
        let at = Instant::now() + time;
        self.healings.push(Healing {
            at,
            heal,
            number: Some(number),
        });
    }

    /// Ends all disasters at once.
    pub(crate) fn heal_all(&mut self) -> Fallible {
        for healing in std::mem::take(&mut self.healings) {
            self.heal(&healing)?;
        }
        Ok(())
    }

    /// How many disasters go on.
    pub(crate) fn troubles(&self) -> usize {
        self.healings.len()
    }

    pub(crate) fn is_in_trouble(&mut self, machine: Machine) -> bool {
        let healings = self.healings.iter();
        let heals: Vec<Heal> = healings.map(|healing| healing.heal).collect();
        heals.into_iter().any(|heal| match heal {
            Heal::Start(role) | Heal::Continue(role) | Heal::Hasten(role) | Heal::Mend(role) => {
                self.machine(role).is_ok_and(|other| other == machine)
            }
            Heal::Join(other) | Heal::FreeDisk(other) | Heal::Rest(other) => other == machine,
        })
    }

    pub(crate) fn store_is_in_trouble(&mut self) -> bool {
        network::STORES
            .into_iter()
            .any(|store| self.is_in_trouble(store))
    }
}
