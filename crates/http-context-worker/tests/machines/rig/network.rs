//! Machines: network namespaces that a bridge connects.

use crate::{Fallible, output, succeed};

/// The bridge, and the machine that this program is on.
const HUB: &str = "10.77.0.1/24";

/// A namespace with one cable to the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    host: u8,
}

macro_rules! machines {
    ($($constant:ident $name:literal $host:literal)*) => {
        $(pub(crate) const $constant: Machine = Machine { name: $name, host: $host };)*
        pub(crate) const ALL: &[Machine] = &[$($constant),*];
    };
}

machines! {
    WORKER_1 "worker-1" 11
    WORKER_2 "worker-2" 12
    WORKER_3 "worker-3" 13
    STORE_1 "store-1" 21
    STORE_2 "store-2" 22
    GATE "gate" 31
    UPSTREAM_1 "upstream-1" 41
    UPSTREAM_2 "upstream-2" 42
    PRODUCER "producer" 51
    PROMETHEUS "prometheus" 61
    COLLECTOR "collector" 71
}

pub(crate) const WORKERS: [Machine; 3] = [WORKER_1, WORKER_2, WORKER_3];
pub(crate) const STORES: [Machine; 2] = [STORE_1, STORE_2];
pub(crate) const UPSTREAMS: [Machine; 2] = [UPSTREAM_1, UPSTREAM_2];

/// How a link is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// The cable is pulled: both ends notice.
    Unplugged,
    /// What is sent goes nowhere, and nobody is told.
    Silent,
}

impl Machine {
    pub(crate) fn address(self) -> String {
        format!("10.77.0.{}", self.host)
    }

    /// The end of its cable that is in the bridge.
    fn port(self) -> String {
        format!("v-{}", self.name)
    }

    fn add(self) -> Fallible {
        let (name, port) = (self.name, self.port());
        ip(&format!("netns add {name}"))?;
        ip(&format!(
            "link add {port} type veth peer name eth0 netns {name}"
        ))?;
        ip(&format!("link set {port} master bridge up"))?;
        ip(&format!(
            "-n {name} addr add {}/24 dev eth0",
            self.address()
        ))?;
        ip(&format!("-n {name} link set eth0 up"))?;
        ip(&format!("-n {name} link set lo up"))
    }

    pub(crate) fn cut(self, how: Cut) -> Fallible {
        match how {
            Cut::Unplugged => ip(&format!("link set {} down", self.port())),
            Cut::Silent => ip(&format!("link set {} nomaster", self.port())),
        }
    }

    pub(crate) fn join(self) -> Fallible {
        ip(&format!("link set {} master bridge", self.port()))?;
        ip(&format!("link set {} up", self.port()))
    }

    /// The sockets of this machine in these states, a line for each, as `ss` has them.
    pub(crate) fn sockets(self, filter: &[&str]) -> Fallible<Vec<String>> {
        let namespace = format!("--net=/run/netns/{}", self.name);
        let mut arguments = vec![namespace.as_str(), "ss", "-Htan"];
        arguments.extend(filter);
        let lines = output("nsenter", &arguments)?;
        Ok(lines.lines().map(str::to_owned).collect())
    }
}

/// Makes the bridge and all machines. They end with the namespaces of this process.
pub(crate) fn build() -> Fallible {
    std::fs::create_dir_all("/run/netns")?;
    // Names of namespaces are files: nobody else is to see these, and they are not to stay.
    succeed("mount", &["-t", "tmpfs", "netns", "/run/netns"])?;
    ip("link set lo up")?;
    ip("link add bridge type bridge")?;
    ip(&format!("addr add {HUB} dev bridge"))?;
    ip("link set bridge up")?;
    ALL.iter().try_for_each(|machine| machine.add())
}

fn ip(arguments: &str) -> Fallible {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    succeed("ip", &arguments)
}
