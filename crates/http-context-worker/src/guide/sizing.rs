//! Sizing: what a worker takes, what a fleet asks of its servers, and where each of them has enough.
//!
//! Measure with your own jobs. These figures say where to begin; they are those of the benchmarks in
//! `benches/docs` (`jobs.md`, `scale.md`) and of [the page on cost](http_context::guide::cost), on a machine of
//! two cores that has all of it, so that ratios are worth more than sums.
//!
//! # A worker
//!
//! | | |
//! |---|---|
//! | processor | some 70 to 90 µs of a core for a request with metrics, one after the other; a job of one request over an embedded queue, 64 at once: 15,500 a second on two cores, the server on them too |
//! | memory | 4.5 kB for an open context with its session, 29 kB for an idle HTTP/1.1 connection; a process that did a million empty jobs stayed at 54.6 MB |
//! | open files | one for each connection: at most sessions × hosts × slots. `ulimit -n` above that |
//! | local ports | a connection that this side closes keeps its port for a minute: without reuse, Linux has 28,000 of them a minute for one address, unless `ip_local_port_range` says more |
//!
//! # Redis
//!
//! A worker that has nothing to do asks four times a second what there is, and looks for jobs once, by one connection: 57
//! commands and 2 to 3 kB a second. A thousand of them took 21 % of the core that a Redis has, and a job 34 to 48 µs of
//! it. So a fleet of `n` workers with `j` jobs a second takes `n` × 0.21 ms and `j` × 0.043 ms of each second:
//!
//! | workers | what is left for jobs, on paper | measured, all at once |
//! |---:|---:|---:|
//! | 1 | 23,200 a second | 11,745 |
//! | 10 | 23,200 | 16,003 |
//! | 100 | 22,700 | 15,868 |
//! | 1,000 | 18,300 | 9,367 |
//!
//! What is measured is less, since workers, Redis and the one that queues the jobs share two cores. The knee is where
//! idle workers alone take a core: about 4,700 of them. Fewer workers with more jobs at once (`--concurrency`) do the
//! same work for less.
//!
//! # PostgreSQL
//!
//! Four connections for each worker, so that the default of 100 (`max_connections`) is used up by 25: of forty, nine
//! had none, and a worker says then that the server `refuses for now: sorry, too many clients already (53300)`. Each of
//! the four is a process of 3 to 4 MB there. An idle worker takes 0.3 to 0.4 % of a core of the server, with 6
//! transactions a second. A job takes 0.4 to 0.8 ms. All of it shares two cores:
//!
//! | workers | idle, % of a core | measured, all at once: jobs a second |
//! |---:|---:|---:|
//! | 1 | 0.30 | 3,152 |
//! | 10 | 3.08 | 2,979 |
//! | 100 | 28.36 | 1,551 |
//! | 250 | 102.44 | 156 |
//! | 250 of 1,000 | 127.04 | 187 |
//!
//! The knee lies between 100 and 250: 250 workers, with 942 connections, left little of two cores for jobs. A thousand do
//! not come up there at all. They were started within 50 s, and after two minutes the server knew 250 of them: the others
//! had ended, since a worker that is not answered within two seconds when it connects, or not within ten once it has, ends
//! with `does not answer`. Four cores are what a thousand would take with nothing to do, and more while they start. Where
//! there are to be more than some dozens of workers, let each do more at once, or take Redis.
//!
//! # How soon a job begins
//!
//! A worker looks every 250 ms when it was not told, and is told of jobs that it queues itself. So a single worker begins
//! a job that another process has queued within that time, and of ten workers one does within some 10 ms.
//!
//! # Prometheus
//!
//! | a worker that has asked | series | kB a scrape |
//! |---|---:|---:|
//! | nobody | 135 | 11 |
//! | one host | 218 | 25 |
//! | 10 hosts | 965 | 140 |
//! | 100 hosts | 8,435 | 1,294 |
//! | 200 hosts | 16,735 | 2,585 |
//! | 300 hosts, or 1,000 | 16,818 | 2,597 |
//!
//! That is 135, 83 for each host, and 17 for each further kind of job; a host that answers with several statuses, or
//! over several versions of HTTP, has its histograms once for each of them. The 201st host is `_OTHER`, and so is all
//! that follows: the cap (`max_servers`) bounds a worker to 17,000 series for hosts that answer one way.
//!
//! A Prometheus took 3 to 5 µs of a core for a sample and 3.2 kB of memory for a series, besides its 50 MB. A thousand
//! workers that have asked ten hosts each are a million series: 3.4 GB, and 64 % of a core where they are scraped every
//! five seconds, a fifth of one at 15 s. The knee is its memory. Before that: fewer hosts with series of their own
//! (`max_servers` of the instrumentation), or fewer workers with more jobs each.
//!
//! # A collector
//!
//! A job of one request is two spans, of 357 bytes each on the wire. One collector took 7 to 9 µs of a core for a span,
//! so that on paper a core takes 120,000 a second: 1,000 workers with 60 jobs a second each. By measurement the knee is in the
//! worker: up to 3,900 jobs a second none was lost; where a worker had all that it could do, 3 to 4 % of its spans were
//! (5,841 of 160,000), which is what it said itself, and what the collector lacked. There the exporter's queue is full:
//! `OTEL_BSP_MAX_QUEUE_SIZE` above 2,048 bridges bursts, and a sampler (`OTEL_TRACES_SAMPLER`) is for what lasts.
