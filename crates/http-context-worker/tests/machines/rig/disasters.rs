//! The script: what befalls which machine, by the seed.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::network::{self, Cut, Machine, STORES, UPSTREAMS, WORKERS};
use crate::rig::{Heal, Rig, Role};
use crate::store::Engine;
use crate::{Fallible, disks};

/// How many go on at once.
const AT_ONCE: usize = 3;
/// For what takes as long as it takes.
const LIMIT: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug)]
enum Disaster {
    Kill(Role),
    KillProducer,
    Pause(Role),
    Cut(Machine),
    Delay(Role),
    Err(Role),
    FillDisk(Machine),
    SetClock(Machine),
    RollingRestart,
    Failover { is_crash: bool },
}

/// One event, of which each can come as often as it stands here.
fn choose(rig: &mut Rig) -> Disaster {
    let worker = rig.random.one_of(&[0, 1, 2]);
    let (store, upstream) = (rig.random.one_of(&[0, 1]), rig.random.one_of(&[0, 1]));
    let is_crash = rig.random.one_in(2);
    let cut = rig.random.one_of(network::ALL);
    let clock = rig
        .random
        .one_of(&[WORKERS[worker], WORKERS[worker], STORES[store]]);
    rig.random.one_of(&[
        Disaster::Kill(Role::Worker(worker)),
        Disaster::Kill(Role::Worker(worker)),
        Disaster::Kill(Role::Worker(worker)),
        Disaster::Kill(Role::Store(store)),
        Disaster::Kill(Role::Store(store)),
        Disaster::Kill(Role::Gate),
        Disaster::Kill(Role::Upstream(upstream)),
        Disaster::Kill(Role::Door(upstream)),
        Disaster::Kill(Role::Prometheus),
        Disaster::Kill(Role::Collector),
        Disaster::KillProducer,
        Disaster::Pause(Role::Worker(worker)),
        Disaster::Pause(Role::Worker(worker)),
        Disaster::Pause(Role::Store(store)),
        Disaster::Cut(WORKERS[worker]),
        Disaster::Cut(WORKERS[worker]),
        Disaster::Cut(STORES[store]),
        Disaster::Cut(UPSTREAMS[upstream]),
        Disaster::Cut(cut),
        Disaster::Cut(cut),
        Disaster::Delay(Role::Gate),
        Disaster::Delay(Role::Gate),
        Disaster::Delay(Role::Door(upstream)),
        Disaster::Err(Role::Upstream(upstream)),
        Disaster::FillDisk(WORKERS[worker]),
        Disaster::FillDisk(WORKERS[worker]),
        Disaster::FillDisk(STORES[store]),
        Disaster::SetClock(clock),
        Disaster::SetClock(clock),
        Disaster::RollingRestart,
        Disaster::Failover { is_crash },
        Disaster::Failover { is_crash },
        Disaster::Failover { is_crash },
        Disaster::Failover { is_crash },
    ])
}

/// Lets one disaster begin. One that cannot be now gives way to another.
pub(crate) fn befall(rig: &mut Rig) -> Fallible {
    rig.wait(LIMIT, |rig| Ok(rig.troubles() < AT_ONCE))?;
    while !begin(rig)? {}
    Ok(())
}

fn begin(rig: &mut Rig) -> Fallible<bool> {
    let disaster = choose(rig);
    let lasts = Duration::from_millis(rig.random.within(300, 3500));
    let machine = match disaster {
        Disaster::Kill(role)
        | Disaster::Pause(role)
        | Disaster::Delay(role)
        | Disaster::Err(role) => rig.machine(role)?,
        Disaster::Cut(machine) | Disaster::SetClock(machine) | Disaster::FillDisk(machine) => {
            machine
        }
        Disaster::KillProducer => network::PRODUCER,
        Disaster::RollingRestart => return rolling_restart(rig),
        Disaster::Failover { is_crash } => return fail_over(rig, is_crash),
    };
    if rig.is_in_trouble(machine) {
        return Ok(false);
    }
    match disaster {
        Disaster::Kill(role) => {
            let number = rig.disaster("kill", machine.name)?;
            rig.process(role)?.kill()?;
            rig.heal_after(number, lasts / 2, Heal::Start(role));
        }
        Disaster::KillProducer => {
            if !rig.producer.kill()? {
                return Ok(false);
            }
            let number = rig.disaster("kill", machine.name)?;
            rig.history
                .add("disaster-over", json!({"number": number}))?;
        }
        Disaster::Pause(role) => {
            let number = rig.disaster("pause", machine.name)?;
            rig.process(role)?.signal(Signal::STOP);
            rig.heal_after(number, lasts * 2, Heal::Continue(role));
        }
        Disaster::Cut(machine) => {
            let (what, how) = rig
                .random
                .one_of(&[("unplug", Cut::Unplugged), ("cut", Cut::Silent)]);
            let number = rig.disaster(what, machine.name)?;
            machine.cut(how)?;
            rig.heal_after(number, lasts, Heal::Join(machine));
        }
        Disaster::Delay(role) => {
            let number = rig.disaster("delay", machine.name)?;
            rig.process(role)?.say("delay 200");
            rig.heal_after(number, lasts * 2, Heal::Hasten(role));
        }
        Disaster::Err(role) => {
            let number = rig.disaster("errors", machine.name)?;
            rig.process(role)?.say("503");
            rig.heal_after(number, lasts, Heal::Mend(role));
        }
        Disaster::FillDisk(machine) => {
            // A Redis can leave a file that it does not read again: what it does to itself says nothing here.
            let is_store = STORES.contains(&machine);
            if is_store && rig.store.engine == Engine::Redis {
                return Ok(false);
            }
            let number = rig.disaster("full-disk", machine.name)?;
            disks::fill(&rig.folder, machine)?;
            rig.heal_after(number, lasts, Heal::FreeDisk(machine));
        }
        Disaster::SetClock(machine) => {
            // Jobs whose time is ahead by a clock that is set back come up to a minute later.
            let far = rig.random.one_in(4) && !rig.is_short;
            let most = if far { 7200 } else { 10 };
            let ahead = i64::try_from(rig.random.within(0, 2 * most + 1))? - i64::try_from(most)?;
            let Some(clocks) = &rig.clocks else {
                return Ok(false);
            };
            clocks.set(machine, ahead)?;
            let number = rig.disaster("clock", machine.name)?;
            rig.history
                .add("disaster-over", json!({"number": number, "ahead": ahead}))?;
        }
        Disaster::RollingRestart | Disaster::Failover { .. } => {}
    }
    Ok(true)
}

/// Each worker is asked to end, and started again once it has, one after the other.
fn rolling_restart(rig: &mut Rig) -> Fallible<bool> {
    for (worker, machine) in WORKERS.into_iter().enumerate() {
        if rig.is_in_trouble(machine) {
            continue;
        }
        let role = Role::Worker(worker);
        let number = rig.disaster("restart", machine.name)?;
        rig.produce()?;
        end_worker(rig, role, "asked")?;
        rig.heal_after(number, Duration::ZERO, Heal::Start(role));
        rig.pass(Duration::from_millis(300))?;
    }
    Ok(true)
}

/// Asks a worker to end, and waits until it has.
pub(crate) fn end_worker(rig: &mut Rig, role: Role, why: &str) -> Fallible {
    let began = std::time::Instant::now();
    rig.process(role)?.ask_to_end();
    loop {
        if let Some(status) = rig.process(role)?.ended()? {
            return rig.has_ended(role, status, why);
        }
        if !rig.process(role)?.runs() {
            return Ok(());
        }
        if began.elapsed() > LIMIT {
            let machine = rig.machine(role)?;
            return Err(format!("{} does not end", machine.name).into());
        }
        std::thread::sleep(crate::LOOK_EVERY);
    }
}

/// The standby takes over. The one before it is killed, or is demoted and keeps its connections.
fn fail_over(rig: &mut Rig, is_crash: bool) -> Fallible<bool> {
    if rig.store_is_in_trouble() || rig.is_in_trouble(network::GATE) || !rig.store.is_followed() {
        return Ok(false);
    }
    let old = rig.store.leader;
    let what = if is_crash { "failover" } else { "switchover" };
    let number = rig.disaster(what, STORES[old].name)?;
    if is_crash {
        rig.store.servers[old].kill()?;
        rig.pass(Duration::from_millis(300))?;
        rig.store.promote_standby()?;
        let leader = rig.store.leader_address();
        rig.process(Role::Gate)?.say(&format!("lead {leader}"));
    } else {
        rig.store.promote_standby()?;
        rig.store.demote(old)?;
        let leader = rig.store.leader_address();
        rig.process(Role::Gate)?.say(&format!("lead-new {leader}"));
        rig.pass(Duration::from_secs(1))?;
        rig.store.servers[old].kill()?;
    }
    rig.heal_after(
        number,
        Duration::from_millis(500),
        Heal::Start(Role::Store(old)),
    );
    Ok(true)
}
