//! A process on a machine, which is killed, paused and started again.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::Fallible;
use crate::network::Machine;

/// A user whom every system has, for what does not run as root.
const NOBODY: &str = "65534";

/// What is run, and where.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) machine: Machine,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    /// Whether it runs as nobody.
    pub(crate) is_unprivileged: bool,
    /// What it says is appended here.
    pub(crate) log: PathBuf,
}

impl Spec {
    pub(crate) fn new(machine: Machine, program: impl AsRef<Path>, logs: &Path) -> Self {
        let program = program.as_ref().to_owned();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let log = logs.join(format!("{}-{name}.log", machine.name));
        Self {
            machine,
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            is_unprivileged: false,
            log,
        }
    }

    pub(crate) fn args<A: Into<String>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn unprivileged(mut self) -> Self {
        self.is_unprivileged = true;
        self
    }

    /// Each program of it becomes the next one, so that the process that is started is the last.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.machine.name));
        if self.is_unprivileged {
            command.args(["setpriv", "--reuid", NOBODY, "--regid", NOBODY]);
            command.arg("--clear-groups");
        }
        command.arg("env");
        let environment = self.environment.iter();
        command.args(environment.map(|(name, value)| format!("{name}={value}")));
        command.arg(&self.program).args(&self.arguments);
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    fn spawn(&self) -> Fallible<Child> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut command = self.command();
        command.stdin(Stdio::piped());
        command.stdout(log.try_clone()?).stderr(log);
        Ok(command.spawn()?)
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) spec: Spec,
    child: Option<Child>,
    stdin: Option<ChildStdin>,
}

impl Process {
    /// One that is not started yet.
    pub(crate) fn stopped(spec: Spec) -> Self {
        Self {
            spec,
            child: None,
            stdin: None,
        }
    }

    pub(crate) fn start(spec: Spec) -> Fallible<Self> {
        let mut process = Self::stopped(spec);
        process.start_again()?;
        Ok(process)
    }

    /// Unless it runs.
    pub(crate) fn start_again(&mut self) -> Fallible {
        if self.child.is_none() {
            let mut child = self.spec.spawn()?;
            self.stdin = child.stdin.take();
            self.child = Some(child);
        }
        Ok(())
    }

    pub(crate) fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&mut self) -> Fallible<Option<ExitStatus>> {
        let Some(child) = &mut self.child else {
            return Ok(None);
        };
        let status = child.try_wait()?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    /// Kills it with all that it has started.
    pub(crate) fn kill(&mut self) -> Fallible {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let others = children(child.id());
        child.kill()?;
        for id in others {
            send(id, Signal::KILL);
        }
        child.wait()?;
        Ok(())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            for id in children(child.id()) {
                send(id, signal);
            }
            send(child.id(), signal);
        }
    }

    /// The first process alone.
    pub(crate) fn ask_to_end(&self) {
        if let Some(child) = &self.child {
            send(child.id(), Signal::TERM);
        }
    }

    /// Writes a line to its standard input. One that has ended hears nothing.
    pub(crate) fn say(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = writeln!(stdin, "{line}");
        }
    }
}

/// One that has ended meanwhile has heard of it.
fn send(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// The processes that this one has made.
fn children(parent: u32) -> Vec<u32> {
    let list = format!("/proc/{parent}/task/{parent}/children");
    let listed = std::fs::read_to_string(list).unwrap_or_default();
    listed
        .split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}
