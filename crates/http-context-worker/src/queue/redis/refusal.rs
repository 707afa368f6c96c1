//! What an error of Redis means for the question that met it.

use redis::{ErrorKind, RedisError};

use crate::queue::shared::{Meaning, Refusal};

impl Refusal for RedisError {
    fn meaning(&self) -> Meaning {
        if self.is_io_error()
            || self.is_timeout()
            || self.is_connection_dropped()
            || self.is_connection_refusal()
        {
            return Meaning::NoAnswer;
        }
        // What a script met stands in the words of its error, before Redis 7.
        let raised = self.detail().and_then(raised_in_script);
        match raised.or_else(|| self.code()) {
            // `UNBLOCKED` is said to whoever waited while a master became a replica. A master that
            // lost its replicas may have been replaced, and a server that loads may be a replica by now.
            Some(
                "READONLY" | "MASTERDOWN" | "UNBLOCKED" | "NOREPLICAS" | "LOADING" | "CLUSTERDOWN",
            ) => Meaning::WrongServer,
            // A script that was flushed is loaded with the next call.
            Some("BUSY" | "MISCONF" | "OOM" | "TRYAGAIN" | "NOSCRIPT") => Meaning::Later,
            Some("ERR") => of_words(self.detail().unwrap_or_default()),
            _ => Meaning::Never,
        }
    }

    fn reason(&self) -> String {
        match (self.kind(), self.code()) {
            (ErrorKind::Server(_) | ErrorKind::Extension, Some(code)) => said(self, code),
            _ => first_line(&self.to_string()),
        }
    }
}

/// What an error without a code of its own means.
fn of_words(detail: &str) -> Meaning {
    if detail.starts_with("max number of clients") {
        return Meaning::NoAnswer;
    }
    // The client drops the code of what it meets while it selects a database, and keeps the
    // connection that it could not make.
    if detail.contains(" is busy running a ") {
        return Meaning::NoAnswer;
    }
    Meaning::Never
}

/// The code of an error that a script has raised: `… @user_script: 12: -READONLY You can't write …`.
fn raised_in_script(detail: &str) -> Option<&str> {
    let (_, raised) = detail.rsplit_once("@user_script")?;
    raised
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix('-'))
}

/// The words of the server, without the line of a script.
fn said(error: &RedisError, code: &str) -> String {
    let detail = first_line(error.detail().unwrap_or_default());
    let detail = detail.split(" script: ").next().unwrap_or_default();
    let said = format!("{code} {detail}");
    let said = said.trim_end();
    // What is longer than an unauthenticated client may send is refused by its length.
    if code == "NOAUTH" || detail.contains("unauthenticated") {
        return format!("it asks for a password, and the address has none ({said})");
    }
    match code {
        "MOVED" | "ASK" | "CROSSSLOT" => {
            format!("it is a node of a cluster, and the queue must be on one server ({said})")
        }
        "WRONGTYPE" => {
            format!("a key of it holds something else; give another --queue-name ({said})")
        }
        _ => said.to_owned(),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::Meaning::{Later, Never, NoAnswer, WrongServer};
    use super::*;

    /// What servers say, as it goes over the wire.
    const ANSWERS: &[(&str, Meaning)] = &[
        (
            "READONLY You can't write against a read only replica.",
            WrongServer,
        ),
        (
            "READONLY You can't write against a read only replica. script: a7e4, on @user_script:12.",
            WrongServer,
        ),
        (
            "ERR Error running script (call to f_c9b4): @user_script:12: @user_script: 12: -READONLY You can't write against a read only replica.",
            WrongServer,
        ),
        (
            "ERR Error running script (call to f_c9b4): @user_script:12: -READONLY You can't write against a read only replica.",
            WrongServer,
        ),
        (
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            WrongServer,
        ),
        (
            "LOADING Redis is loading the dataset in memory",
            WrongServer,
        ),
        ("NOREPLICAS Not enough good replicas to write.", WrongServer),
        (
            "ERR Error running script (call to f_c9b4): @user_script:3: @user_script: 3: -NOREPLICAS Not enough good replicas to write.",
            WrongServer,
        ),
        ("CLUSTERDOWN The cluster is down", WrongServer),
        (
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
            WrongServer,
        ),
        (
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            Later,
        ),
        ("BUSY Redis is busy running a module command.", Later),
        (
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            Later,
        ),
        (
            "MISCONF Errors writing to the AOF file: No space left on device",
            Later,
        ),
        (
            "ERR Error running script (call to f_c9b4): @user_script:3: @user_script: 3: -MISCONF Redis is configured to save RDB snapshots",
            Later,
        ),
        (
            "OOM command not allowed when used memory > 'maxmemory'.",
            Later,
        ),
        (
            "ERR Error running script (call to f_c9b4): @user_script:3: @user_script: 3: -OOM command not allowed when used memory > 'maxmemory'.",
            Later,
        ),
        (
            "TRYAGAIN Multiple keys request during rehashing of slot",
            Later,
        ),
        ("NOSCRIPT No matching script. Please use EVAL.", Later),
        ("ERR max number of clients reached", NoAnswer),
        (
            "ERR max number of clients + cluster connections reached",
            NoAnswer,
        ),
        (
            "WRONGPASS invalid username-password pair or user is disabled.",
            Never,
        ),
        ("NOAUTH Authentication required.", Never),
        (
            "NOPERM this user has no permissions to run the 'evalsha' command",
            Never,
        ),
        (
            "ERR Error running script (call to f_c9b4): @user_script:3: @user_script: 3: -NOPERM this user has no permissions",
            Never,
        ),
        (
            "ERR unknown command 'EVALSHA', with args beginning with: 'a' '-READONLY'",
            Never,
        ),
        (
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            Never,
        ),
        ("MOVED 3999 127.0.0.1:6381", Never),
        (
            "CROSSSLOT Keys in request don't hash to the same slot",
            Never,
        ),
        ("DENIED Redis is running in protected mode", Never),
        (
            "ERR user_script:7: Script attempted to access nonexistent global variable 'x'",
            Never,
        ),
    ];

    /// An error as the client makes it of a line of the protocol.
    fn answered(line: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        assert!(matches!(value, Value::ServerError(_)), "{line}");
        value.extract_error().unwrap_err()
    }

    #[test]
    fn refusals_that_pass_are_distinguished_from_those_that_stay() {
        for (line, meaning) in ANSWERS {
            assert_eq!(answered(line).meaning(), *meaning, "{line}");
        }
    }

    #[test]
    fn a_connection_that_gives_no_answer_is_made_again() {
        for kind in [
            std::io::ErrorKind::TimedOut,
            std::io::ErrorKind::ConnectionRefused,
            std::io::ErrorKind::ConnectionReset,
            std::io::ErrorKind::UnexpectedEof,
        ] {
            let error = RedisError::from(std::io::Error::from(kind));
            assert_eq!(error.meaning(), Meaning::NoAnswer, "{kind}");
        }
    }

    #[test]
    fn a_reason_is_one_line_in_the_words_of_redis() {
        for (line, expected) in [
            (
                "READONLY You can't write against a read only replica. script: a7e4, on @user_script:12.",
                "READONLY You can't write against a read only replica.",
            ),
            (
                "NOREPLICAS Not enough good replicas to write.",
                "NOREPLICAS Not enough good replicas to write.",
            ),
            ("ERR unknown command", "ERR unknown command"),
            (
                "ERR Protocol error: unauthenticated multibulk length",
                "it asks for a password, and the address has none (ERR Protocol error: unauthenticated multibulk length)",
            ),
            (
                "MOVED 3999 127.0.0.1:6381",
                "it is a node of a cluster, and the queue must be on one server (MOVED 3999 127.0.0.1:6381)",
            ),
        ] {
            assert_eq!(answered(line).reason(), expected);
        }
    }
}
