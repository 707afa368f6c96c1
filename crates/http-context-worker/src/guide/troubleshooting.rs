//! Troubleshooting a worker: by the text of an error, and by alert.
//!
//! Look for a piece of the text; `…` stands for what differs. What a request, a context or a session says is on
//! [the page of the core](http_context::guide::troubleshooting).
//!
//! # Exit codes
//!
//! | code | means |
//! |---|---|
//! | 0 | all jobs ended ok |
//! | 1 | a job failed |
//! | 2 | bad input or usage: lines that are no jobs, an option out of range, a file or a queue that is not there |
//! | 3 | a context leaked, with `--deny-leaks` |
//!
//! # Jobs and their input
//!
//! | it says | why, and what to do |
//! |---|---|
//! | cannot read jobs from … | the file of `--jobs`; what the system said follows |
//! | … is not what it was when … of its lines were queued, and the rest of it was not read yet | the file was replaced while a queue of it is unfinished. A file may only grow |
//! | the job cannot be queued | a field of it cannot be: the source says which |
//! | the queue did not take the job | the source says why: no answer, or a refusal |
//! | a task in the queue has an id that no job of this program has | somebody else wrote into the queue, or a job of another kind was taken out of the program |
//! | cannot start a thread to read the jobs | the limit of threads or of memory |
//!
//! # Results
//!
//! | it says | why, and what to do |
//! |---|---|
//! | cannot write … | the disk, or rights |
//! | … has … bytes, but … were written to it before | somebody cut the results file, or put another in its place |
//! | … is written by another process | two processes with one `--results` |
//! | … ends in the middle of a line, and not by this queue | the file is of another program, or of another queue |
//! | the state … is not finished and writes its results to …, not to … | `--results` differs from that of the first run |
//! | the results were not taken | your function of `results_to` failed; its error is the source. The jobs stay in the queue |
//! | the last results could not be settled in time | the queue did not answer at the end: these jobs run again |
//! | cannot write the metrics to … | the file of `--metrics-file` |
//!
//! # The queue
//!
//! | it says | why, and what to do |
//! |---|---|
//! | cannot use the state … | the directory of `--state` cannot be made or written |
//! | the state … is in use by another run | a run that is still there; a lock of a process that was killed is gone with it |
//! | cannot read the queue in … | the file is damaged, or no queue |
//! | the queue in … was made by another version of this program (format …, this one knows …) | finish it with that version |
//! | the queue in … failed | the disk is full, or the file was taken away under the program |
//! | the queue in … lost count of its jobs | somebody else wrote into it |
//! | the queue at … does not answer | address, network, or a server that is down. At the start it ends the program, later it is waited for |
//! | the queue at … refuses for now | a Redis that loads, has no memory or is a replica; a PostgreSQL that starts, or has no connection left. It is waited for |
//! | the queue at … cannot be used | credentials, rights, or what is no queue of this program |
//! | the queue at … has forgotten what was settled | a Redis without `appendonly` was restarted, or it is another server |
//! | the job engine stopped | apalis ended by itself; what it said follows |
//!
//! # At start-up
//!
//! | it says | why, and what to do |
//! |---|---|
//! | the admin endpoint cannot listen at … | the port is taken, or below 1024 |
//! | a token has at least … characters, all of them visible ASCII | `--admin-token` is too short, or has a blank in it |
//! | cannot install the instrumentation | the process has a recorder or an observer already: `Telemetry` is installed once |
//! | cannot export telemetry | an `OTEL_*` variable cannot be followed, or its feature is missing; also what was lost at the end |
//! | cannot listen for signals | the operating system refused a handler |
//! | cannot start the demo's servers | no port on loopback is free, or none may be opened |
//! | the … ended early | a fault of this program: please report it |
//!
//! # Cancelling and retrying by the admin endpoint
//!
//! | it says | why |
//! |---|---|
//! | no job of this name waits or runs here | it is done, with another process, or never was |
//! | the job runs, or is about to | there is nothing to retry yet |
//! | the job failed and is not kept | its line is longer than what is kept with a failure: queue it again |
//! | the job was queued again already, as … | asking twice queues it once |
//! | the worker is on its way out | ask another |
//! | it cannot be done now | what the queue said follows |
//!
//! # By alert
//!
//! Each has an entry in `dashboards/RUNBOOK.md`, with how to check and how to fix; this is the first look.
//!
//! | alert | first look |
//! |---|---|
//! | `HttpContextErrorBudgetBurn` | "Failures by kind" of the host: a status is the host's, `timeout` and `connection_error` the way to it, `queue_timeout` ours |
//! | `HttpContextReuseRatioDown` | "Connections closed, by reason": `session_closed` is jobs without the pool, `remote` the host |
//! | `HttpContextConnectionChurn` | "Requests per connection": one means a session for each job, or `connection: close` |
//! | `HttpContextQueueWait` | the duration of the host: when it has risen, the queue is the effect |
//! | `HttpContextUpgradedFailed` | "Life of upgraded connections": the same age each time is a balancer's limit |
//! | `HttpContextHeartbeatTimeouts` | pings without pongs for all: the way is gone; for one host: it is slow |
//! | `HttpContextUpgradedSilent` | the live page: which line of code subscribes to what |
//! | `HttpContextLeak` | the log's block, or `/debug/contexts`: two places and a sentence |
//! | `HttpContextLeaksOpen` | whether it grows; then restart in good order until the code is mended |
//! | `HttpContextOverdue` | `/debug/contexts`: a request in flight for long, or none |
//! | `HttpContextPoolExhausted` | "Time a session is used": risen means slow jobs, steady means too many |
//! | `HttpContextPoolTimeouts` | the same; with idle sessions, a machine without processor time |
//! | `HttpContextJobsStuck` | `/readyz` for `draining`; the log for the queue's server |
//! | `HttpContextScrapeFailing` | the targets page of Prometheus; `/livez` from the same machine |
//! | `HttpContextWorkersGone` | was it scaled to nothing on purpose? |
