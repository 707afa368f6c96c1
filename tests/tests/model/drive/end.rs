//! What must be so when a program has ended.

use http_context::NoOpenContexts;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{Parted, Run};
use crate::op::Way;
use crate::reference::Facts;

impl Run<'_> {
    /// Lets go of everything, and looks at what must be so in the end. Returns what was come to.
    pub(super) async fn end(&mut self) -> Result<Facts, Parted> {
        while !self.tasks.is_empty() {
            self.end_task(0, Way::Drop).await?;
            self.settle().await?;
        }
        while !self.kept.is_empty() {
            self.drop_kept(0).await?;
            self.settle().await?;
        }
        let report = self.pool.close().await;
        if !report.is_clean() {
            return Err(format!("in the end: {report}"));
        }
        self.reference.close_pool();
        self.settle().await?;
        let name = self.name.clone();
        let only_these = NoOpenContexts::new().ignore(move |it| it.name() != Some(&name));
        only_these.check_now().map_err(|open| open.to_string())?;
        // Each leak was resolved, and each thing that began has ended.
        let totals = self.invariants.settled().await;
        let is_alone = Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread;
        if is_alone && totals.late > 0 {
            return Err(format!("{} facts were late", totals.late));
        }
        let arrived = self.peers.requests() - self.arrived_before;
        let sure = self.reference.arrived;
        if !(sure..=sure + self.reference.doubtful).contains(&arrived) {
            return Err(format!("{arrived} requests came to the server, of {sure}"));
        }
        if self.asks_kernel {
            self.peers.hold_no_socket().await;
        }
        let mut met = std::mem::take(&mut self.reference.facts);
        met.append(&mut self.reference.came_to);
        Ok(met)
    }
}
