//! What an error of PostgreSQL means for the question that met it.

use std::error::Error as _;

use sqlx::postgres::PgDatabaseError;

use crate::queue::shared::{Meaning, Refusal};

impl Refusal for sqlx::Error {
    fn meaning(&self) -> Meaning {
        match self {
            Self::Database(error) => {
                of_code(error.code().as_deref().unwrap_or_default(), error.message())
            }
            // A connection that ends while it is made is taken for a server that speaks otherwise.
            Self::Io(_)
            | Self::Protocol(_)
            | Self::PoolTimedOut
            | Self::PoolClosed
            | Self::WorkerCrashed => Meaning::NoAnswer,
            _ => Meaning::Never,
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Database(error) => said(
                error.code().as_deref().unwrap_or_default(),
                error.message(),
                error.try_downcast_ref::<PgDatabaseError>(),
            ),
            Self::PoolTimedOut => "no connection could be had in time".to_owned(),
            Self::PoolClosed => "its connections were given up".to_owned(),
            Self::Io(error) => first_line(&error.to_string()),
            Self::Protocol(said) => {
                // Behind it stands where in the library that was.
                let said = said.split(" (sqlx").next().unwrap_or_default();
                format!("it does not speak as PostgreSQL does: {}", first_line(said))
            }
            // The cause alone: the library's own words say less.
            error => match error.source() {
                Some(cause) => first_line(&cause.to_string()),
                None => first_line(&error.to_string()),
            },
        }
    }
}

/// What a code of SQLSTATE means.
fn of_code(code: &str, message: &str) -> Meaning {
    match code {
        // The server goes down, comes up, or has ended this connection.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "08000" | "08001" | "08003" | "08004"
        | "08006" => Meaning::NoAnswer,
        // Somebody changed a table: a new connection knows of it.
        "0A000" if message.contains("cached plan") => Meaning::NoAnswer,
        // It is a standby, or was made to take no writes.
        "25006" => Meaning::WrongServer,
        // Two transactions met; or a statement was cancelled; or an id came from elsewhere at the same moment.
        "40001" | "40P01" | "57014" | "55P03" | "23505" => Meaning::Later,
        _ => match code.get(..2) {
            // Disk, memory, connections; what the operating system says.
            Some("53" | "58") => Meaning::Later,
            _ => Meaning::Never,
        },
    }
}

/// The words of the server.
fn said(code: &str, message: &str, error: Option<&PgDatabaseError>) -> String {
    let message = first_line(message);
    let why = match code {
        "42501" => Some(match error.and_then(PgDatabaseError::hint) {
            Some(hint) => first_line(hint),
            None => {
                "the user of the address may not do this; the first to open a queue has to own the \
                     database"
                    .to_owned()
            }
        }),
        "26000" | "42P05" => Some(
            "the queue needs connections of its own, and not those of a pooler that shares them"
                .to_owned(),
        ),
        _ => None,
    };
    match why {
        Some(why) => format!("{message}: {why} ({code})"),
        None => format!("{message} ({code})"),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::Meaning::{Later, Never, NoAnswer, WrongServer};
    use super::*;

    #[test]
    fn refusals_that_pass_are_distinguished_from_those_that_stay() {
        for (code, message, meaning) in [
            ("57P03", "the database system is starting up", NoAnswer),
            (
                "57P01",
                "terminating connection due to administrator command",
                NoAnswer,
            ),
            (
                "25P03",
                "terminating connection due to idle-in-transaction timeout",
                NoAnswer,
            ),
            ("0A000", "cached plan must not change result type", NoAnswer),
            ("0A000", "no such feature", Never),
            (
                "25006",
                "cannot execute UPDATE in a read-only transaction",
                WrongServer,
            ),
            ("40001", "could not serialize access", Later),
            ("40P01", "deadlock detected", Later),
            (
                "53100",
                "could not extend file: No space left on device",
                Later,
            ),
            ("53300", "sorry, too many clients already", Later),
            ("58030", "could not read block", Later),
            (
                "57014",
                "canceling statement due to statement timeout",
                Later,
            ),
            (
                "23505",
                "duplicate key value violates unique constraint",
                Later,
            ),
            ("28P01", "password authentication failed", Never),
            ("42501", "permission denied for table jobs", Never),
            ("42P01", "relation does not exist", Never),
            ("3D000", "database does not exist", Never),
            ("08P01", "unsupported startup parameter", Never),
            ("", "", Never),
        ] {
            assert_eq!(of_code(code, message), meaning, "{code} {message}");
        }
    }

    #[test]
    fn a_connection_that_gives_no_answer_is_made_again() {
        for error in [
            sqlx::Error::PoolTimedOut,
            sqlx::Error::PoolClosed,
            sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00 (sqlx)".into()),
            sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()),
        ] {
            assert_eq!(error.meaning(), NoAnswer, "{error}");
        }
    }

    #[test]
    fn who_is_no_postgres_is_named_without_the_place_in_the_library() {
        let error = sqlx::Error::Protocol("unexpected: 0x48 (sqlx_postgres::connection:95)".into());
        assert_eq!(
            error.reason(),
            "it does not speak as PostgreSQL does: unexpected: 0x48"
        );
    }

    #[test]
    fn a_reason_is_one_line_in_the_words_of_the_server_with_its_code() {
        assert_eq!(
            said("3D000", "database \"x\" does not exist\nand more", None),
            "database \"x\" does not exist (3D000)"
        );
        let said = said("42501", "permission denied for schema public", None);
        assert!(said.starts_with("permission denied for schema public: the user"));
        assert!(said.ends_with("(42501)"));
    }
}
