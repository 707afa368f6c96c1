//! A PostgreSQL that answers, and refuses: for a moment, or for good.

use super::PostgresServer;
use crate::queues::{SharedServer as _, enqueue, enqueue_at, serve, serve_at};
use crate::support::{Files, Gate, job_lines, nobody, until};

type Begin = fn(&PostgresServer);

/// What is done to a server, and what is done about it.
struct Trouble {
    name: &'static str,
    begin: Begin,
    said: &'static str,
    end: Begin,
}

/// Ends all connections but the one that asks.
fn cut(server: &PostgresServer) {
    server.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    );
}

const PASSING: [Trouble; 4] = [
    Trouble {
        name: "it takes no writes",
        begin: |server| server.set("default_transaction_read_only", "on"),
        said: "refuses for now: cannot execute",
        end: PostgresServer::reset,
    },
    Trouble {
        name: "statements are cancelled",
        begin: |server| server.set("statement_timeout", "1"),
        said: "refuses for now: canceling statement",
        end: PostgresServer::reset,
    },
    Trouble {
        name: "it takes no more connections",
        begin: |server| {
            server.sql("ALTER ROLE worker CONNECTION LIMIT 0");
            cut(server);
        },
        said: "refuses for now: too many connections for role",
        end: |server| {
            server.sql("ALTER ROLE worker CONNECTION LIMIT -1");
        },
    },
    Trouble {
        name: "somebody has locked the jobs",
        begin: |server| {
            let port = server.port();
            // Until this is ended.
            std::thread::spawn(move || {
                let mut psql = std::process::Command::new("psql");
                psql.args(["-X", "-h", "127.0.0.1", "-p", &port.to_string()]);
                psql.args(["-U", "postgres", "-c"]);
                psql.arg("BEGIN; LOCK TABLE apalis.jobs; SELECT pg_sleep(3600)");
                psql.output()
            });
        },
        said: "does not answer",
        end: |server| {
            server.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE query LIKE '%pg_sleep(3600)' AND pid <> pg_backend_pid()",
            );
        },
    },
];

/// A server with a user who is not its superuser, and his address.
fn with_a_user() -> (PostgresServer, String) {
    let server = PostgresServer::start();
    server.sql("CREATE ROLE worker LOGIN");
    server.sql("ALTER DATABASE postgres OWNER TO worker");
    let url = PostgresServer::url_with("worker@", server.port());
    (server, url)
}

#[test]
fn a_refusal_that_passes_is_waited_for_and_no_job_is_sent_twice() {
    for trouble in &PASSING {
        println!("{}", trouble.name);
        let (files, gate, (server, url)) = (Files::new(), Gate::start(), with_a_user());
        let jobs = (0..3).map(|i| (format!("job-{i}"), gate.url("/")));
        let queued = enqueue_at(&url, &files.write("jobs", job_lines(jobs)), &[]);
        assert_eq!(queued.code(), 0, "{}", queued.stderr);
        let results = files.path("results");
        let mut worker = serve_at(&url, &results, &["--concurrency", "1"]);
        let in_hand = gate.next();
        (trouble.begin)(&server);
        worker.read_stderr_until(trouble.said);
        in_hand.answer();
        // Lines are written before they are settled.
        until("the job is settled", || !files.read("results").is_empty());
        (trouble.end)(&server);
        worker.read_stderr_until("answers again");
        for _ in 0..2 {
            gate.next().answer();
        }
        server.until_empty();
        worker.signal("TERM");
        let done = worker.wait();
        assert_eq!(done.code(), 0, "{}", done.stderr);
        assert_eq!(files.json("results").len(), 3);
        assert!(gate.arrived().is_none());
        server.assert_tidy();
    }
}

#[test]
fn a_refusal_that_stays_ends_the_worker_in_one_sentence() {
    let table: [(&str, Begin, &str); 4] = [
        (
            "a permission was taken away",
            |server| {
                server.sql("ALTER TABLE apalis.jobs OWNER TO postgres");
            },
            "cannot be used: permission denied for table jobs",
        ),
        (
            "the tables were taken away",
            |server| {
                server.sql("DROP SCHEMA http_context_worker CASCADE; DROP SCHEMA apalis CASCADE");
            },
            "cannot be used: relation \"apalis.",
        ),
        (
            "a password was set",
            |server| {
                server.ask_for_password("right");
                cut(server);
            },
            "cannot be used: password authentication failed",
        ),
        (
            "the user was taken away",
            |server| {
                server.sql("ALTER ROLE worker NOLOGIN");
                cut(server);
            },
            "cannot be used: role \"worker\" is not permitted to log in",
        ),
    ];
    for (name, begin, said) in table {
        println!("{name}");
        let (files, (server, url)) = (Files::new(), with_a_user());
        let worker = serve_at(&url, &files.path("results"), &[]);
        until("the worker serves", || {
            server.has_tables() && server.number("SELECT count(*) FROM apalis.workers") == 1
        });
        begin(&server);
        let done = worker.wait();
        assert_eq!(done.code(), 2, "{}", done.stderr);
        let sentence = done.stderr.lines().last().unwrap();
        assert!(
            sentence.starts_with("error: the queue at postgres://127.0.0.1:")
                && sentence.contains(said),
            "{sentence}"
        );
    }
}

#[test]
fn who_may_not_make_tables_is_told_and_uses_those_that_are_there() {
    let (files, server) = (Files::new(), PostgresServer::start());
    server.sql("CREATE ROLE worker LOGIN");
    let url = PostgresServer::url_with("worker@", server.port());
    let jobs = files.write("jobs", job_lines([("a".to_owned(), nobody())]));
    let refused = enqueue_at(&url, &jobs, &[]);
    let sentence = refused.refusal();
    assert!(
        sentence.contains("permission denied for database postgres: the user of the address")
            && sentence.contains("has to own the database"),
        "{sentence}"
    );
    assert_eq!(enqueue(&server, &jobs, &[]).code(), 0);
    for schema in ["apalis", "http_context_worker"] {
        server.sql(&format!(
            "GRANT USAGE ON SCHEMA {schema} TO worker; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO worker; \
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO worker",
        ));
    }
    let more = files.write("more", job_lines([("b".to_owned(), nobody())]));
    let done = enqueue_at(&url, &more, &[]);
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let worker = serve_at(&url, &files.path("results"), &[]);
    server.until_empty();
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), 0);
    assert_eq!(files.json("results").len(), 2);
}

#[test]
fn tables_of_another_version_are_refused() {
    let (files, server) = (Files::new(), PostgresServer::start());
    let jobs = files.write("jobs", job_lines([("a".to_owned(), nobody())]));
    assert_eq!(enqueue(&server, &jobs, &[]).code(), 0);
    server.sql("UPDATE http_context_worker.format SET ours = 99");
    let refused = serve(&server, &files.path("results"), &[]).wait();
    let said =
        "cannot be used: http-context was made by another version of this program (format 99";
    assert!(refused.refusal().contains(said), "{}", refused.stderr);
}
