//! Disasters that last for long enough to page somebody: each has the alert that it must fire.

use std::time::Duration;

use serde_json::json;

use crate::Fallible;
use crate::network::{STORES, UPSTREAMS, WORKERS};
use crate::rig::{Heal, Rig, Role};

/// For an alert to be pending, and then to fire.
const LIMIT: Duration = Duration::from_mins(1);

/// All at once: each alert says which of them it is for.
pub(crate) fn play(rig: &mut Rig) -> Fallible {
    let kills = [
        (Role::Worker(2), WORKERS[2].name, "HttpContextScrapeFailing"),
        (
            Role::Upstream(0),
            UPSTREAMS[0].name,
            "HttpContextErrorBudgetBurn",
        ),
    ];
    for (role, at, alert) in kills {
        episode(rig, role, at, alert)?;
    }
    let leader = rig.store.leader;
    let at = STORES[leader].name;
    // More than all workers take in hand at once, so that others wait.
    rig.producer.produce_long(100, &rig.store, &rig.history)?;
    if !rig.wait(LIMIT, |rig| Ok(rig.producer.is_done()))? {
        return Err("jobs cannot be queued".into());
    }
    episode(rig, Role::Store(leader), at, "HttpContextJobsStuck")
}

/// Kills it, until the alert fires.
fn episode(rig: &mut Rig, role: Role, at: &str, alert: &str) -> Fallible {
    let number = rig.disaster("kill", at)?;
    rig.process(role)?.kill()?;
    let expression = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}");
    let fires = |rig: &mut Rig| {
        rig.produce()?;
        Ok(crate::prometheus::query(&expression).is_ok_and(|found| !found.is_empty()))
    };
    let is_in_time = rig.wait(LIMIT, fires)?;
    rig.history.add(
        "episode",
        json!({"alert": alert, "number": number, "fired": is_in_time}),
    )?;
    rig.heal_after(number, Duration::ZERO, Heal::Start(role));
    Ok(())
}
