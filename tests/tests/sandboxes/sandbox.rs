//! How a sandbox is made, and what is seen in it.
//!
//! By the tools of util-linux, as root or in a user namespace. Filters of system calls stay for good, so the
//! program inside applies them to itself.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;

use http_context_tests::SEES_SOCKETS;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Named in the environment of the program inside.
const NAME: &str = "TEST_SANDBOX";
/// Beside it, what is to be seen there.
const SHOWS: &str = "TEST_SANDBOX_SHOWS";
const FILTER: &str = "TEST_SANDBOX_FILTER";

/// How closes of connections are seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Closes {
    AsTheyHappen,
    ByComparing,
    Never,
}

/// What the operating system shows in a sandbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shows {
    pub(crate) closes: Closes,
    /// Sockets that are held past their session.
    pub(crate) held: bool,
    /// And lets this process cut them off.
    pub(crate) cuts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Filter {
    None,
    Docker,
    NoNetlink,
}

#[derive(Debug)]
pub(crate) struct Sandbox {
    name: &'static str,
    shows: Shows,
    unshare: Vec<&'static str>,
    script: Vec<&'static str>,
    is_without_capabilities: bool,
    filter: Filter,
}

impl Sandbox {
    pub(crate) fn new(name: &'static str, shows: Shows) -> Self {
        Self {
            name,
            shows,
            unshare: Vec::new(),
            script: Vec::new(),
            is_without_capabilities: false,
            filter: Filter::None,
        }
    }

    /// What is mounted there, by shell commands.
    pub(crate) fn mounts(mut self, commands: &[&'static str]) -> Self {
        self.unshare.push("--mount");
        self.script.extend(commands);
        self
    }

    pub(crate) fn own_network(mut self) -> Self {
        self.unshare.push("--net");
        self
    }

    pub(crate) fn without_capabilities(mut self) -> Self {
        self.is_without_capabilities = true;
        self
    }

    pub(crate) fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Runs the program inside.
    ///
    /// # Panics
    ///
    /// When it fails, and when the sandbox cannot be made: a test that has not run has shown nothing.
    #[track_caller]
    pub(crate) fn run(self) {
        let is_root = rustix::process::geteuid().is_root();
        let mut program: Vec<String> = Vec::new();
        if !self.unshare.is_empty() {
            program.push("unshare".to_owned());
            program.extend((!is_root).then(|| "--map-root-user".to_owned()));
            program.extend(self.unshare.iter().map(|&option| option.to_owned()));
            let script = self.script.iter().chain([&"exec \"$0\" \"$@\""]);
            let script: Vec<&str> = script.copied().collect();
            program.extend(["sh", "-c"].map(str::to_owned));
            program.push(script.join(" && "));
        }
        if self.is_without_capabilities && is_root {
            let options = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
            program.extend(options.map(str::to_owned));
        }
        let inside = std::env::current_exe().unwrap();
        program.push(inside.to_str().unwrap().to_owned());
        let status = Command::new(&program[0])
            .args(&program[1..])
            .args(["inside::no_number_is_wrong", "--exact", "--nocapture"])
            .env(NAME, self.name)
            .env(SHOWS, self.shows.to_text())
            .env(FILTER, format!("{:?}", self.filter))
            .status();
        assert!(status.unwrap().success(), "{}", self.name);
    }
}

impl Shows {
    fn to_text(self) -> String {
        let Self { closes, held, cuts } = self;
        format!("{closes:?} {held} {cuts}")
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let closes = [Closes::AsTheyHappen, Closes::ByComparing, Closes::Never];
        let named = words.next()?;
        let shows = Self {
            closes: closes.into_iter().find(|one| format!("{one:?}") == named)?,
            held: words.next()?.parse().ok()?,
            cuts: words.next()?.parse().ok()?,
        };
        // Where the library asks nobody, there is nothing that a sandbox could take away.
        Some(if SEES_SOCKETS { shows } else { crate::NOTHING })
    }
}

/// The sandbox that this process is in, as it was made: what is to be seen there. `None` outside of one.
pub(crate) fn entered() -> Option<Shows> {
    let name = std::env::var(NAME).ok()?;
    let shows = Shows::from_text(&std::env::var(SHOWS).unwrap()).unwrap();
    let filter = std::env::var(FILTER).unwrap();
    if filter == format!("{:?}", Filter::Docker) {
        crate::filters::docker();
    }
    if filter == format!("{:?}", Filter::NoNetlink) {
        crate::filters::no_netlink();
    }
    check(&name);
    Some(shows)
}

pub(crate) fn is_to_leave_network() -> bool {
    std::env::var(NAME).is_ok_and(|name| name == crate::ANOTHER_NETWORK)
}

/// Takes this thread, and those that it starts, to another network namespace than the library began in.
pub(crate) fn leave_network() {
    if is_to_leave_network() {
        let other = fs::File::open("/mnt/network").unwrap();
        let network = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(other.as_fd(), network).unwrap();
    }
}

/// A sandbox that was not made would prove nothing.
fn check(name: &str) {
    if matches!(name, "read-only" | "no-netlink-no-proc") {
        for folder in ["/", "/tmp"] {
            let written = fs::write(Path::new(folder).join("is-it-read-only"), "");
            let error = written.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem, "{folder}");
        }
    }
    let has_no_proc = matches!(name, "no-proc" | "no-netlink-no-proc");
    assert_eq!(fs::read_dir("/proc/self/fd").is_err(), has_no_proc);
    let sockets = fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let is_masked = name == "no-netlink-masked";
    assert_eq!(sockets.is_empty(), has_no_proc || is_masked);
    let devices = fs::read_to_string("/sys/class/net/lo/flags");
    if matches!(name, "network" | "no-netlink-network") {
        assert_eq!(devices.unwrap().trim(), "0x9");
        assert_eq!(fs::read_dir("/sys/class/net").unwrap().count(), 1);
    }
    if name == "docker" {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
        assert!(status.contains("Seccomp:\t2"), "{status}");
    }
}
