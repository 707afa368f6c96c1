"""The checker finds each fault that is planted in a history, and none in one that is whole."""

import copy
import json
import unittest

import check_history
from check_history import History


def line(job, status="ok"):
    return json.dumps({"id": job, "status": status}) + "\n"


class Planted:
    """Two jobs that are queued, come to an upstream, and are settled by two workers; and a worker that is killed."""

    def __init__(self):
        self.seen = []
        self.results = {"worker-1": line("a"), "worker-2": line("b")}
        self.add(0, "begin")
        self.add(1, "offered", jobs=["a", "b"])
        self.add(2, "queued", jobs=["a", "b"])
        for at, job in [(3, "a"), (4, "b")]:
            self.add(at, "arrival", job=job, number=1)
            self.add(at + 0.5, "answer", job=job, number=1, status=200)
        self.add(100, "disaster", number=1, what="kill", at="worker-1")
        self.add(101, "disaster-over", number=1)
        self.add(110, "alert", alert="HttpContextScrapeFailing", machine="worker-1", at=[108, 109], labels={})
        self.add(111, "episode", alert="HttpContextScrapeFailing", number=1, fired=True)
        self.add(200, "settled", in_time=True, left=0)
        self.add(201, "results", at="worker-1", jobs=["a"])
        self.add(201, "results", at="worker-2", jobs=["b"])
        self.add(202, "gauges", nonzero=[])
        self.add(203, "connections", at="worker-1", exported=1, open=1, half_closed=[])
        self.add(204, "exit", at="worker-1", code=0, signal=None, why="at the end")
        self.add(205, "sockets", at="worker-1", left=[])
        self.add(206, "collected", lines=7)
        self.add(207, "end", unfinished=0)

    def add(self, t, kind, **seen):
        self.seen.append({"t": t, "kind": kind, **seen})

    def the(self, kind, **fields):
        matches = lambda event: event["kind"] == kind and fields.items() <= event.items()
        return next(event for event in self.seen if matches(event))

    def faults(self):
        return check_history.faults_of(History(copy.deepcopy(self.seen), self.results))


class Test(unittest.TestCase):
    def setUp(self):
        self.history = Planted()

    def finds(self, *texts):
        faults = self.history.faults()
        for text in texts:
            self.assertTrue(any(text in fault for fault in faults), f"{text!r} is not in {faults}")
        self.assertEqual(len(faults), len(texts), faults)

    def test_a_whole_history_has_no_fault(self):
        self.finds()

    def test_a_job_that_was_lost(self):
        self.history.the("offered")["jobs"].append("c")
        self.finds()
        self.history.the("queued")["jobs"].append("c")
        self.finds("c is lost")

    def test_a_job_that_is_settled_twice(self):
        self.history.results["worker-2"] += line("a")
        self.history.the("results", at="worker-2")["jobs"].append("a")
        self.finds("a is settled 2 times: worker-1, worker-2")

    def test_a_job_that_is_settled_twice_in_one_file(self):
        self.history.results["worker-1"] += line("a")
        self.finds("a is settled 2 times: worker-1, worker-1")

    def test_a_job_that_failed(self):
        self.history.results["worker-1"] = line("a", "failed")
        self.finds("a ended as failed")

    def test_a_result_that_nobody_asked_for(self):
        self.history.results["worker-1"] += line("z")
        self.finds("z is settled, and nobody has queued it", "z is in worker-1, and was not")

    def test_a_torn_line(self):
        self.history.results["worker-1"] += '{"id": "b'
        self.finds("its last line is torn", "worker-1:2: it is no JSON")

    def test_a_job_that_comes_before_it_is_queued(self):
        self.history.the("arrival", job="a")["t"] = 0.5
        self.finds("a arrived before it was queued")

    def test_a_job_that_comes_and_was_never_queued(self):
        self.history.add(5, "arrival", job="z", number=1)
        self.finds("z arrived, and nobody has queued it")

    def test_a_job_that_is_settled_before_it_is_answered(self):
        self.history.the("answer", job="a")["t"] = 300
        self.finds("a was settled before it was answered")

    def test_a_job_that_is_settled_and_was_never_answered(self):
        self.history.the("answer", job="a")["status"] = 503
        self.finds("a is settled, and no upstream has answered it")

    def test_a_job_that_comes_again_after_it_is_settled(self):
        self.history.add(250, "arrival", job="a", number=2)
        self.finds("a came again after it was settled")

    def test_a_request_may_be_late_where_a_link_was_cut(self):
        self.history.add(195, "disaster", number=2, what="cut", at="worker-1")
        self.history.add(197, "disaster-over", number=2)
        self.history.add(205, "arrival", job="a", number=2)
        self.finds()
        self.history.add(250, "arrival", job="a", number=3)
        self.finds("a came again after it was settled")

    def test_a_job_that_is_answered_twice_for_no_reason(self):
        self.history.add(5, "answer", job="a", number=2, status=200)
        self.finds("a was answered twice")

    def test_a_job_may_be_answered_twice_where_a_worker_was_killed(self):
        self.history.add(105, "arrival", job="a", number=2)
        self.history.add(105.5, "answer", job="a", number=2, status=200)
        self.finds()

    def test_results_that_are_taken_back(self):
        self.history.add(300, "results", at="worker-1", jobs=[])
        self.finds("worker-1: results that were settled are gone", "a is in worker-1, and was not")

    def test_jobs_that_are_left(self):
        self.history.the("settled")["left"] = 3
        self.history.the("end")["unfinished"] = 3
        self.finds("jobs are left: 3", "3 jobs are left in the store")

    def test_a_gauge_that_is_not_back(self):
        self.history.the("gauges")["nonzero"].append("leaks 1")
        self.finds("a gauge is not back at 0: leaks 1")

    def test_connections_that_are_not_what_is_exported(self):
        self.history.the("connections")["open"] = 2
        self.finds("worker-1 exports 1 connections, and has 2")

    def test_sockets_that_are_left(self):
        self.history.the("sockets")["left"].append("ESTAB")
        self.history.the("connections")["half_closed"].append("CLOSE-WAIT")
        self.finds("leaves a socket half closed", "leaves a socket: ESTAB")

    def test_a_worker_that_panics(self):
        self.history.add(105, "exit", at="worker-1", code=101, signal=None, why="by itself")
        self.finds("worker-1 ended (by itself): code 101")

    def test_an_upstream_that_ends(self):
        self.history.add(105, "exit", at="upstream-1", code=1, signal=None, why="by itself")
        self.finds("upstream-1 ended by itself: 1")

    def test_a_worker_may_refuse_where_its_queue_is_away_and_nowhere_else(self):
        self.history.add(50, "disaster", number=2, what="cut", at="store-1")
        self.history.add(51, "disaster-over", number=2)
        self.history.add(52, "exit", at="worker-2", code=2, signal=None, why="by itself")
        self.finds()
        self.history.add(180, "exit", at="worker-2", code=2, signal=None, why="by itself")
        self.finds("worker-2 ended (by itself): code 2")

    def test_an_alert_that_did_not_fire(self):
        self.history.the("episode")["fired"] = False
        self.finds("HttpContextScrapeFailing did not fire")

    def test_an_alert_that_fires_for_nothing(self):
        self.history.the("alert")["machine"] = "worker-2"
        self.finds("HttpContextScrapeFailing fired for nothing")

    def test_an_alert_that_no_disaster_is_for(self):
        self.history.the("alert")["alert"] = "HttpContextLeak"
        self.finds("HttpContextLeak fired for nothing")

    def test_a_witness_that_is_silent(self):
        self.history.seen.remove(self.history.the("gauges"))
        self.history.the("collected")["lines"] = 0
        self.finds("the history has no gauges", "the collector has received nothing")

    def test_a_run_that_failed(self):
        self.history.add(300, "failure", error="it takes too long")
        self.finds("the run failed: it takes too long")


if __name__ == "__main__":
    unittest.main()
