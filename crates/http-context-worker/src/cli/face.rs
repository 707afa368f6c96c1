//! What is a worker's own on its command line: its name, its jobs, and what only it has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Arg, ArgAction, ArgMatches, CommandFactory as _};
use futures_util::future::BoxFuture;
use http_context::ContextBuilder;

use super::Cli;
use crate::jobs::Kinds;
use crate::run::Definition;

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Face {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) about: Option<String>,
    /// The name of a shared queue that nobody named; the worker's own where nothing is said.
    pub(crate) queue_name: Option<&'static str>,
    /// What a line of jobs looks like, in place of examples.
    pub(crate) lines: Option<String>,
    /// Targets whose log lines are shown as those of this workspace are.
    pub(crate) log_targets: Vec<String>,
    pub(crate) flags: Vec<Flag>,
    pub(crate) commands: Vec<ExtraCommand>,
}

/// A switch of `run` and `serve`.
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    /// Whether it was given, once the command line is read.
    pub(crate) is_given: Arc<AtomicBool>,
}

/// A command beside `run`, `enqueue` and `serve`.
pub(crate) struct ExtraCommand {
    pub(crate) command: clap::Command,
    /// Returns the exit code.
    pub(crate) run: fn(&ArgMatches) -> BoxFuture<'static, u8>,
}

/// What a command is carried out with.
pub(crate) struct Asked {
    /// The worker's name.
    pub(crate) name: String,
    pub(crate) definition: Definition,
    pub(crate) context: ContextBuilder,
}

impl Face {
    /// The command line, as a parser reads it.
    pub(crate) fn command(&self, kinds: &Kinds) -> clap::Command {
        let mut command = Cli::command().name(self.name.clone());
        command = match &self.version {
            Some(version) => command.version(version.clone()),
            None => command.disable_version_flag(true),
        };
        if let Some(about) = &self.about {
            command = command.about(about.clone());
        }
        let lines = self.lines.clone().unwrap_or_else(|| examples(kinds));
        for name in ["run", "enqueue"] {
            let help = format!("The jobs, one JSON object a line: {lines}; - reads standard input");
            command = command.mut_subcommand(name, |command| {
                command.mut_arg("jobs", |arg| arg.help(help))
            });
        }
        if self.lines.is_none() {
            command = command.before_help(format!("Jobs are lines such as\n{}", listed(kinds)));
        }
        let queue_name = self.queue_name.unwrap_or(&self.name).to_owned();
        for name in ["run", "enqueue", "serve"] {
            let queue_name = queue_name.clone();
            command = command.mut_subcommand(name, |command| {
                command.mut_arg("queue_name", |arg| {
                    arg.required(false).default_value(queue_name)
                })
            });
        }
        for name in ["run", "serve"] {
            for flag in &self.flags {
                let arg = Arg::new(flag.name)
                    .long(flag.name)
                    .help(flag.help)
                    .action(ArgAction::SetTrue);
                command = command.mut_subcommand(name, |command| command.arg(arg));
            }
        }
        for extra in &self.commands {
            command = command.subcommand(extra.command.clone());
        }
        command
    }

    /// The command that was given, if it is one that only this worker has.
    pub(crate) fn extra_command<'m>(
        &self,
        matches: &'m ArgMatches,
    ) -> Option<(&ExtraCommand, &'m ArgMatches)> {
        let (name, args) = matches.subcommand()?;
        let mut extra = self.commands.iter();
        let found = extra.find(|extra| extra.command.get_name() == name)?;
        Some((found, args))
    }

    /// Notes which switches were given.
    pub(crate) fn set_flags(&self, matches: &ArgMatches) {
        let Some((_, args)) = matches.subcommand() else {
            return;
        };
        for flag in &self.flags {
            let is_given = args.try_get_one::<bool>(flag.name).ok().flatten();
            flag.is_given
                .store(is_given.copied().unwrap_or_default(), Ordering::Relaxed);
        }
    }
}

/// Lines of each kind, one after another.
fn examples(kinds: &Kinds) -> String {
    let lines: Vec<String> = kinds
        .iter()
        .filter_map(|kind| kind.kind.example())
        .collect();
    if lines.is_empty() {
        return "{\"id\": \"…\", …}".to_owned();
    }
    lines.join(" or ")
}

fn listed(kinds: &Kinds) -> String {
    let examples = kinds.iter().filter_map(|kind| kind.kind.example());
    let lines: Vec<String> = examples.map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::jobs::{AnyKind, JobError, Kind};

    #[derive(Serialize, Deserialize)]
    struct Mail {
        to: String,
    }

    #[derive(Serialize, Deserialize)]
    struct Text {
        number: u32,
    }

    fn command(version: Option<&str>) -> clap::Command {
        let mail = Kind::new(|_: Mail| async { Ok::<_, JobError>(()) }).named("mail");
        let text = Kind::new(|_: Text| async { Ok::<_, JobError>(()) }).named("text");
        let kinds: Vec<Box<dyn AnyKind>> = vec![Box::new(mail), Box::new(text)];
        let kinds = Kinds::new("messenger", kinds).unwrap();
        let face = Face {
            name: "messenger".to_owned(),
            version: version.map(str::to_owned),
            ..Face::default()
        };
        face.command(&kinds)
    }

    #[test]
    fn the_command_line_of_a_worker_is_consistent_and_shows_a_line_of_each_kind() {
        let mut command = command(Some("1.2.3"));
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        for line in [
            r#"{"id":"1","kind":"mail","to":"…"}"#,
            r#"{"id":"1","kind":"text","number":1}"#,
        ] {
            assert!(help.contains(line), "{help}");
        }
        assert_eq!(command.render_version(), "messenger 1.2.3\n");
    }

    #[test]
    fn a_worker_without_a_version_has_no_flag_for_it() {
        let error = command(None).try_get_matches_from(["messenger", "--version"]);
        assert_eq!(error.unwrap_err().kind(), ErrorKind::UnknownArgument);
    }

    #[cfg(feature = "redis")]
    #[test]
    fn a_queue_that_nobody_named_has_the_name_of_the_worker() {
        let args = [
            "messenger",
            "enqueue",
            "--queue",
            "redis://localhost",
            "--jobs",
            "-",
        ];
        let matches = command(None).try_get_matches_from(args).unwrap();
        let cli = <Cli as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
        let crate::cli::Command::Enqueue(args) = cli.command else {
            panic!("another command was read");
        };
        assert_eq!(args.queue_name, "messenger");
    }
}
