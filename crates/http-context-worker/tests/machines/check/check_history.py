"""Says what is wrong with a history of many machines under disasters.

    python3 check_history.py FOLDER

Each witness has written a file of JSON lines: `rig.jsonl`, what was queued, what befell whom, and what the store,
Prometheus and the kernel said; `upstream-*.jsonl`, which job came when; `worker-*.results`, the results. It knows
nothing of the worker but what these files hold. It prints each fault, one a line, and ends with 1 when there are any.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

# A worker that ends by itself says why with this code.
REFUSAL = 2
# Seconds: how long what a disaster leads to goes on after it, but for alerts.
AFTERMATH = 15
# Seconds: how long an alert looks back at most, where it does not say so itself, and somewhat more. A minute of the
# rules is a second here.
WINDOW = 75
# What jobs run twice for, and what ends a worker that cannot go on.
OF_WORKERS = {"worker-1", "worker-2", "worker-3"}
OF_QUEUE = {"store-1", "store-2", "gate"}
OF_UPSTREAMS = {"upstream-1", "upstream-2"}

# Which machines' disasters each alert is for. An alert that is not here is for none of them.
CAUSES = {
    # The worker itself, or whoever scrapes it.
    "HttpContextScrapeFailing": lambda machine: {machine, "prometheus"},
    # The store is away, or nobody can work.
    "HttpContextJobsStuck": lambda machine: OF_QUEUE | OF_WORKERS,
    # The upstream, or a worker that does not reach it.
    "HttpContextErrorBudgetBurn": lambda machine: {machine} | OF_WORKERS,
    # Connections of workers that ended carried little.
    "HttpContextConnectionChurn": lambda machine: {machine} | OF_WORKERS,
    "HttpContextReuseRatioDown": lambda machine: {machine} | OF_WORKERS,
}


class History:
    """Everything that was seen, by kind, in the order of time."""

    def __init__(self, seen, results):
        self.seen = sorted(seen, key=lambda event: event["t"])
        self.results = results
        self.by_kind = defaultdict(list)
        for event in self.seen:
            self.by_kind[event["kind"]].append(event)
        over = {event["number"]: event["t"] for event in self.by_kind["disaster-over"]}
        last = self.seen[-1]["t"] if self.seen else 0
        # When each began, when it was over, and where.
        self.disasters = [
            (event["t"], over.get(event["number"], last), event["at"])
            for event in self.by_kind["disaster"]
        ]
        # Those in which a request is late: it stays in the buffers of a machine whose link is cut, which sends it
        # again for as long as it takes, also where nobody waits for its answer any more.
        self.cuts = [
            (event["t"], over.get(event["number"], last), event["at"])
            for event in self.by_kind["disaster"]
            if event["what"] in {"cut", "unplug", "pause"}
        ]

    @classmethod
    def read(cls, folder):
        seen, results = [], {}
        for file in sorted(Path(folder).glob("*.jsonl")):
            for line in file.read_text().splitlines():
                seen.append(json.loads(line))
        for file in sorted(Path(folder).glob("*.results")):
            results[file.name.removesuffix(".results")] = file.read_text()
        return cls(seen, results)

    def first(self, kind):
        """When each job is named first by an event of this kind."""
        times = {}
        for event in self.by_kind[kind]:
            for job in event["jobs"] if "jobs" in event else [event["job"]]:
                times.setdefault(job, event["t"])
        return times

    def disaster_within(self, begin, end, machines, after=AFTERMATH, disasters=None):
        """Whether something befell one of these machines then, or not long before."""
        return any(
            began <= end and begin <= over + after and at in machines
            for began, over, at in (self.disasters if disasters is None else disasters)
        )


def results_of(history):
    """Each result as the file it stands in, and its line; and what is wrong with the files."""
    found, faults = [], []
    for file, text in history.results.items():
        if text and not text.endswith("\n"):
            faults.append(f"{file}: its last line is torn")
        for number, line in enumerate(text.splitlines(), 1):
            try:
                found.append((file, json.loads(line)))
            except ValueError:
                faults.append(f"{file}:{number}: it is no JSON")
    return found, faults


def check_jobs(history):
    """No job is lost, and none is settled twice."""
    found, faults = results_of(history)
    offered, queued = history.first("offered"), history.first("queued")
    settled = defaultdict(list)
    for file, result in found:
        settled[result["id"]].append(file)
        if result["status"] != "ok":
            faults.append(f"{result['id']} ended as {result['status']} in {file}: {result.get('error')}")
    for job, files in settled.items():
        if len(files) > 1:
            faults.append(f"{job} is settled {len(files)} times: {', '.join(files)}")
        if job not in offered:
            faults.append(f"{job} is settled, and nobody has queued it")
    for job in queued:
        if job not in settled:
            faults.append(f"{job} is lost: it was queued, and has no result")
    return faults


def check_order(history):
    """A job is queued, then arrives at an upstream and is answered, then is settled, and then comes no more, but for a
    request that was late."""
    faults = []
    offered, arrived = history.first("offered"), history.first("arrival")
    answers = defaultdict(list)
    for event in history.by_kind["answer"]:
        if event["status"] == 200:
            answers[event["job"]].append(event["t"])
    for job, at in arrived.items():
        if job not in offered:
            faults.append(f"{job} arrived, and nobody has queued it")
        elif at < offered[job]:
            faults.append(f"{job} arrived before it was queued")
    settled, files = {}, {}
    for event in history.by_kind["results"]:
        for job in event["jobs"]:
            settled.setdefault(job, event["t"])
        # What was settled stays, in its order.
        before = files.get(event["at"], [])
        if event["jobs"][: len(before)] != before:
            faults.append(f"{event['at']}: results that were settled are gone, or in another order")
        files[event["at"]] = event["jobs"]
    for job, at in settled.items():
        if not answers[job]:
            faults.append(f"{job} is settled, and no upstream has answered it")
        elif min(answers[job]) > at:
            faults.append(f"{job} was settled before it was answered")
    for event in history.by_kind["arrival"]:
        t = event["t"]
        is_late = history.disaster_within(t, t, OF_WORKERS | OF_UPSTREAMS, disasters=history.cuts)
        if t > settled.get(event["job"], t) and not is_late:
            faults.append(f"{event['job']} came again after it was settled")
    for job, times in answers.items():
        for first, second in zip(times, times[1:]):
            if not history.disaster_within(first - AFTERMATH, second, OF_WORKERS | OF_QUEUE | OF_UPSTREAMS):
                faults.append(f"{job} was answered twice, and nothing had befallen anybody")
    found, _ = results_of(history)
    for file, result in found:
        if result["id"] not in files.get(file, []):
            faults.append(f"{result['id']} is in {file}, and was not when everything was settled")
    return faults


def check_checkpoints(history):
    """Wherever nothing runs, nothing is left: in the store, in the gauges, in the kernel."""
    faults = []
    for event in history.by_kind["failure"]:
        faults.append(f"the run failed: {event['error']}")
    for event in history.by_kind["settled"]:
        if not event["in_time"] or event["left"] != 0:
            faults.append(f"jobs are left: {event['left']}")
    for event in history.by_kind["gauges"]:
        for series in event["nonzero"]:
            faults.append(f"a gauge is not back at 0: {series}")
    for event in history.by_kind["connections"]:
        if event["exported"] != event["open"]:
            faults.append(f"{event['at']} exports {event['exported']} connections, and has {event['open']}")
        for socket in event["half_closed"]:
            faults.append(f"{event['at']} leaves a socket half closed: {socket}")
    for event in history.by_kind["sockets"]:
        for socket in event["left"]:
            faults.append(f"{event['at']} leaves a socket: {socket}")
    for kind in ["begin", "settled", "gauges", "connections", "sockets", "collected", "end"]:
        if not history.by_kind[kind]:
            faults.append(f"the history has no {kind}")
    for event in history.by_kind["collected"]:
        if event["lines"] == 0:
            faults.append("the collector has received nothing")
    for event in history.by_kind["end"]:
        if event["unfinished"] != 0:
            faults.append(f"{event['unfinished']} jobs are left in the store")
    return faults


def check_exits(history):
    """A worker that is asked to end has the code 0, and one ends by itself only in words, for a reason."""
    faults = []
    for event in history.by_kind["exit"]:
        at, code, t = event["at"], event["code"], event["t"]
        if at not in OF_WORKERS:
            if at not in OF_QUEUE:
                faults.append(f"{at} ended by itself: {code}")
            continue
        has_reason = history.disaster_within(t, t, {at} | OF_QUEUE)
        if code == 0 and event["why"] != "by itself":
            continue
        if code == REFUSAL and has_reason:
            continue
        faults.append(f"{at} ended ({event['why']}): code {code}, signal {event['signal']}")
    return faults


def window(labels):
    """How long an alert looks back, in seconds."""
    said = labels.get("window", "0s")
    return WINDOW + int(said[:-1]) * {"s": 1, "m": 60}[said[-1]]


def check_alerts(history):
    """Alerts fire for what they are for, and for nothing else."""
    faults = []
    for event in history.by_kind["episode"]:
        if not event["fired"]:
            faults.append(f"{event['alert']} did not fire for what it is for")
    for event in history.by_kind["alert"]:
        causes = CAUSES.get(event["alert"], lambda machine: set())(event["machine"])
        for at in event["at"]:
            if not history.disaster_within(at, at, causes, window(event["labels"])):
                faults.append(f"{event['alert']} fired for nothing: {event['labels']}")
                break
    return faults


CHECKS = [check_jobs, check_order, check_checkpoints, check_exits, check_alerts]


def faults_of(history):
    return [fault for check in CHECKS for fault in check(history)]


def main(folder):
    history = History.read(folder)
    faults = faults_of(history)
    for fault in faults:
        print(fault)
    jobs, disasters = len(history.first("queued")), len(history.disasters)
    print(f"{jobs} jobs, {disasters} disasters, {len(history.by_kind['settled'])} checkpoints, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
