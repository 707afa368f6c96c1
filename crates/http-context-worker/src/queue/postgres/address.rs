//! `--queue URL`: which PostgreSQL, and how it is spoken of without its password.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use url::Url;

/// What the library reads of the query of an address. It drops what it does not know, with a line in the log
/// that has the value in it.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Where a queue in a PostgreSQL is.
#[derive(Clone, Debug)]
pub struct PostgresAddress {
    /// Which database.
    pub url: PostgresUrl,
    /// The name of the queue: several can be in one database.
    pub name: String,
    /// How long a worker may be silent before its jobs are taken over, within a second more. Whole seconds, at
    /// least 1.
    pub takeover: Duration,
}

/// The address of a database, checked as far as that can be done without asking it.
///
/// What an address leaves out is as with other clients of PostgreSQL: `PGHOST`, `PGUSER`, `PGPASSWORD` and
/// so on, and the file `~/.pgpass`. `sslmode` is `prefer` unless it says otherwise; `verify-full` trusts the
/// authorities that Mozilla trusts, and those in the file `sslrootcert`.
#[derive(Clone)]
pub struct PostgresUrl {
    options: Arc<PgConnectOptions>,
    shown: Arc<str>,
}

impl PostgresUrl {
    /// The address as it may be shown: without user, password and options.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }
}

/// Parses the flag. The error is one sentence, without the address: it may hold a password.
impl FromStr for PostgresUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "a queue is postgres://[user:password@]host[:port]/database[?sslmode=…]";
        let url = Url::parse(text).map_err(|error| format!("{error}: {form}"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(format!("the scheme is {}: {form}", url.scheme()));
        }
        if url.cannot_be_a_base() {
            return Err(format!("it names no host: {form}"));
        }
        let mut keys = url.query_pairs().map(|(key, _)| key);
        if keys.any(|key| !PARAMETERS.contains(&&*key)) {
            let known = PARAMETERS.join(", ");
            return Err(format!(
                "it has a parameter that is none of {known}: {form}"
            ));
        }
        let options = PgConnectOptions::from_str(text).map_err(|error| match error {
            sqlx::Error::Configuration(error) => format!("{error}: {form}"),
            _ => format!("it cannot be used: {form}"),
        })?;
        let shown = shown(&options).into();
        Ok(Self {
            options: Arc::new(options),
            shown,
        })
    }
}

fn shown(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    let host = options.get_host();
    match options.get_socket() {
        Some(socket) => format!("postgres:///{database}?host={}", socket.display()),
        // Nothing was said, and the server of this machine was found there.
        None if host.starts_with('/') => format!("postgres:///{database}?host={host}"),
        None => format!("postgres://{host}:{}/{database}", options.get_port()),
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Without the password, which the options know.
impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresUrl").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (given, shown) in [
            (
                "postgres://localhost/jobs",
                "postgres://localhost:5432/jobs",
            ),
            (
                "postgresql://me:hunter2@db.example:7000/jobs?sslmode=verify-full&application_name=hunter2",
                "postgres://db.example:7000/jobs",
            ),
            (
                "postgres://db.example/jobs?user=me&password=hunter2&options=-csearch_path%3Dhunter2",
                "postgres://db.example:5432/jobs",
            ),
            (
                "postgres:///jobs?host=/run/postgresql&user=hunter2",
                "postgres:///jobs?host=/run/postgresql",
            ),
        ] {
            let url: PostgresUrl = given.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.as_str(), shown);
            assert!(!format!("{url:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_no_address_of_a_database_is_refused_without_repeating_it() {
        for given in [
            "hunter2",
            "http://hunter2@host",
            "postgres:hunter2",
            "postgres://host:hunter2/jobs",
            "postgres://host/jobs?passwrod=hunter2",
            "postgres://me:hunter2@host/jobs?port=many",
            "postgres://me:hunter2@host/jobs?sslmode=maybe",
        ] {
            let error = given.parse::<PostgresUrl>().unwrap_err();
            assert!(!error.contains("hunter2"), "{given}: {error}");
            assert!(error.contains("postgres://"), "{given}: {error}");
        }
    }
}
