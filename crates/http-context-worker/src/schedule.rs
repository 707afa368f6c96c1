//! Jobs by the calendar: what is queued, and when.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::line::{BadField, JobLine, job_text};

/// A job that a worker queues again and again, at the times of a crontab pattern.
///
/// The job for each time waits in the queue before that time comes, under an id of its own, the schedule's
/// name with the time in UTC: `nightly@2030-01-31T03:00:00Z`. So however many processes work on one queue, it
/// is there once; and where no process is alive when its time comes, it runs as soon as one is. Of further times
/// that pass meanwhile none is made up for.
///
/// A time is met as that of any scheduled job is: not before, and as a rule within two seconds
/// ([`JobQueue::enqueue_at`](crate::JobQueue::enqueue_at)). Times are those of the machine of the worker; a
/// worker that is [asked to run a file of jobs](crate::Plan::run) ends when these are done, and queues nothing by
/// schedule.
///
/// # Examples
///
/// ```
/// use http_context_worker::{JobError, Kind, Schedule, Worker};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Report {
///     days: u32,
/// }
///
/// async fn report(report: Report) -> Result<(), JobError> {
///     // … http_context::http_session()?.get(…)
///     Ok(())
/// }
///
/// let worker = Worker::builder("reports")
///     .kind(Kind::new(report))
///     .schedule(Schedule::cron("nightly", "0 3 * * *", &Report { days: 1 }).in_zone("Europe/Berlin"))
///     .schedule(Schedule::cron("weekly", "0 4 * * MON", &Report { days: 7 }))
///     .build();
/// ```
#[must_use = "a schedule does nothing until a worker has it"]
pub struct Schedule {
    name: String,
    kind: Option<String>,
    pattern: Result<Cron, String>,
    zone: Result<TimeZone, String>,
    job: Result<serde_json::Value, String>,
}

impl Schedule {
    /// Queues the job at the times of a pattern: minute, hour, day of the month, month and day of the week, as
    /// in a crontab, with a field for seconds before them if there are six. Without more, times are in UTC.
    ///
    /// `name` begins the ids of the jobs, so no two schedules of a queue have the same. What cannot be (the
    /// pattern, the zone, a job that is none of the worker's) is reported when the worker is run, as other
    /// mistakes in how it was put together are.
    pub fn cron<J: Serialize + ?Sized>(name: impl Into<String>, pattern: &str, job: &J) -> Self {
        Self {
            name: name.into(),
            kind: None,
            pattern: Cron::from_str(pattern).map_err(|error| error.to_string()),
            zone: Ok(TimeZone::UTC),
            job: serde_json::to_value(job).map_err(|error| error.to_string()),
        }
    }

    /// Says which of the worker's kinds the job is of, where there are several.
    pub fn of_kind(mut self, name: impl Into<String>) -> Self {
        self.kind = Some(name.into());
        self
    }

    /// Reads the pattern in a time zone of the IANA's database, by its name, such as `Europe/Berlin`. The
    /// database is that of the system.
    ///
    /// Where clocks go forward, a time of day that there is not that day comes right after the gap; where they
    /// go back, one that there is twice comes the first time, and a pattern for every minute or every hour
    /// comes both times.
    pub fn in_zone(mut self, name: &str) -> Self {
        self.zone = TimeZone::get(name).map_err(|error| error.to_string());
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The first time after this one.
    pub(crate) fn next_after(&self, time: SystemTime) -> Option<SystemTime> {
        let (Ok(pattern), Ok(zone)) = (&self.pattern, &self.zone) else {
            return None;
        };
        let now = Zoned::new(Timestamp::try_from(time).ok()?, zone.clone());
        let next = pattern.find_next_occurrence(&now, false).ok()?;
        Some(next.timestamp().into())
    }

    /// The id of the job for a time.
    pub(crate) fn id_at(&self, time: SystemTime) -> String {
        // Schedules are of whole seconds, and times that none is of are beyond any calendar.
        let time = Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
        format!("{}@{time:.0}", self.name)
    }

    /// The text of the job under an id.
    pub(crate) fn text(&self, id: &str) -> Result<String, BadField> {
        match &self.job {
            Ok(job) => job_text(self.kind.as_deref(), id, job),
            Err(error) => Err(BadField::line(format!(
                "cannot be written as JSON: {error}"
            ))),
        }
    }

    /// What is wrong with it, as a sentence. `parse` is how the worker reads a line.
    pub(crate) fn mistake(
        &self,
        parse: impl FnOnce(&JobLine<'_>) -> Result<(), BadField>,
    ) -> Option<String> {
        let name = &self.name;
        if let Err(error) = &self.pattern {
            return Some(format!(
                "the pattern of the schedule {name} cannot be read: {error}"
            ));
        }
        if let Err(error) = &self.zone {
            return Some(format!(
                "the time zone of the schedule {name} is not known: {error}"
            ));
        }
        let id = self.id_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        let read = self
            .text(&id)
            .and_then(|text| parse(&JobLine::parse(text.as_bytes())?));
        read.err().map(|field| {
            format!("the job of the schedule {name} is none of this worker's: {field}")
        })
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule")
            .field("name", &self.name)
            .field("pattern", &self.pattern.as_ref().map(Cron::as_str))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    fn times<const N: usize>(schedule: &Schedule, from: &str) -> [String; N] {
        let mut time = at(from);
        std::array::from_fn(|_| {
            time = schedule.next_after(time).unwrap();
            schedule.id_at(time)
        })
    }

    #[test]
    fn the_times_of_a_pattern_follow_one_another_in_utc() {
        let nightly = Schedule::cron("n", "30 3 * * *", &());
        assert_eq!(
            times(&nightly, "2030-01-31T03:29:59.9Z"),
            ["n@2030-01-31T03:30:00Z", "n@2030-02-01T03:30:00Z"]
        );
        let by_seconds = Schedule::cron("s", "*/20 * * * * *", &());
        assert_eq!(
            times(&by_seconds, "2030-01-31T23:59:40Z"),
            ["s@2030-02-01T00:00:00Z", "s@2030-02-01T00:00:20Z"]
        );
        let on_mondays = Schedule::cron("m", "0 4 * * MON", &());
        assert_eq!(
            times(&on_mondays, "2030-01-31T00:00:00Z"),
            ["m@2030-02-04T04:00:00Z", "m@2030-02-11T04:00:00Z"]
        );
    }

    #[test]
    fn a_clock_that_is_put_forward_or_back_skips_no_day_and_doubles_none() {
        let schedule = Schedule::cron("z", "30 2 * * *", &()).in_zone("Europe/Berlin");
        // In the night to 31 March 2030 there is no 02:30.
        assert_eq!(
            times(&schedule, "2030-03-29T12:00:00Z"),
            [
                "z@2030-03-30T01:30:00Z",
                "z@2030-03-31T01:00:00Z",
                "z@2030-04-01T00:30:00Z"
            ]
        );
        // In the night to 27 October 2030 it comes twice.
        assert_eq!(
            times(&schedule, "2030-10-26T12:00:00Z"),
            ["z@2030-10-27T00:30:00Z", "z@2030-10-28T01:30:00Z"]
        );
    }

    #[test]
    fn a_mistake_is_a_sentence_that_names_the_schedule() {
        let none = |_: &JobLine<'_>| Ok(());
        let fine = Schedule::cron("fine", "* * * * *", &serde_json::json!({}));
        assert_eq!(fine.mistake(none), None);
        let pattern = Schedule::cron("a", "61 * * * *", &serde_json::json!({}));
        let pattern = pattern.mistake(none).unwrap();
        assert!(
            pattern.starts_with("the pattern of the schedule a cannot be read: "),
            "{pattern}"
        );
        let zone =
            Schedule::cron("b", "* * * * *", &serde_json::json!({})).in_zone("Europe/Nowhere");
        let zone = zone.mistake(none).unwrap();
        assert!(
            zone.starts_with("the time zone of the schedule b is not known: "),
            "{zone}"
        );
        let job = Schedule::cron("c", "* * * * *", "text")
            .mistake(none)
            .unwrap();
        assert_eq!(
            job,
            "the job of the schedule c is none of this worker's: line: must be a JSON object, this is a string"
        );
        let kind = |line: &JobLine<'_>| Err(BadField::new("kind", line.id().to_owned()));
        let kind = fine.mistake(kind).unwrap();
        assert!(kind.ends_with("kind: fine@1970-01-01T00:00:01Z"), "{kind}");
    }
}
