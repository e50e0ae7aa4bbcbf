#!/usr/bin/python3 -B
"""What the runner makes of results: needs neither a server nor quiet."""

import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from runner import authority, issuance, report, swaps, windows  # noqa: E402
from runner.processes import descendants  # noqa: E402
from runner.ratios import paired  # noqa: E402
from runner.running_mesh import LogCount  # noqa: E402
from runner.scenarios import SCENARIOS, Scenario  # noqa: E402

FULL, RESUMED = SCENARIOS[0], SCENARIOS[1]


def result(**changes) -> dict:
    return {"operations": 1000, "resumed": 0, "bytes": 0, "server_cpu_s": 0.5, "errors": {}, **changes}


class Ratios(unittest.TestCase):
    def test_rounds_are_compared_pair_by_pair(self):
        # The machine is three times slower in the second round, for both.
        ratio = paired([1.0, 3.0, 1.1], [2.0, 6.0, 2.0])
        self.assertEqual(ratio.median, 0.5)
        self.assertEqual((ratio.least, ratio.most), (0.5, 0.55))

    def test_a_round_that_failed_counts_for_nothing(self):
        self.assertEqual(paired([1.0, None, 1.0], [2.0, 2.0, None]).rounds, 1)
        self.assertIsNone(paired([None], [1.0]))
        self.assertIsNone(paired([1.0], []))

    def test_the_interval_holds_the_median_and_narrows_with_rounds(self):
        few = paired([0.8, 1.0, 1.2] * 2, [1.0] * 6)
        many = paired([0.8, 1.0, 1.2] * 40, [1.0] * 120)
        self.assertLessEqual(few.low, few.median)
        self.assertGreaterEqual(few.high, few.median)
        self.assertLess(many.high - many.low, few.high - few.low)


class Results(unittest.TestCase):
    def test_cost_is_server_cpu_per_operation(self):
        self.assertEqual(FULL.cost(result()), 500)

    def test_what_went_wrong_is_said(self):
        self.assertIsNone(FULL.wrong(result()))
        self.assertIn("2 x read: closed", FULL.wrong(result(errors={"read: closed": 2})))
        self.assertEqual(FULL.wrong(result(operations=0)), "nothing happened")
        self.assertIn("somebody else", FULL.wrong(result(server_cpu_s=0)))

    def test_what_was_meant_to_be_resumed_has_to_be(self):
        self.assertIsNone(RESUMED.wrong(result(resumed=1000)))
        self.assertIn("1 of 1000", RESUMED.wrong(result(resumed=999)))

    def test_a_target_is_met_when_the_median_is_at_most_that(self):
        def met(mesh: float):
            costs = {"haproxy": [1.0], "nginx": [0.8], "mesh": [mesh]}
            return [verdict["met"] for verdict in report.verdicts(FULL, costs)]

        self.assertEqual(met(0.70), [True, True])
        self.assertEqual(met(0.71), [True, False])
        self.assertEqual(met(0.72), [False, False])

    def test_a_target_without_its_peer_is_not_measured(self):
        verdicts = report.verdicts(FULL, {"mesh": [1.0], "haproxy": [2.0]})
        self.assertEqual([verdict["met"] for verdict in verdicts], [True, None])

    def test_memory_has_a_bound_of_its_own(self):
        idle = next(scenario for scenario in SCENARIOS if scenario.name == "idle-tls")
        self.assertEqual([v["met"] for v in report.verdicts(idle, {"mesh": [14.5]})], [True])
        self.assertEqual([v["met"] for v in report.verdicts(idle, {"mesh": [14.6]})], [False])

    def test_the_table_names_rounds_that_do_not_count(self):
        text = report.table(FULL, {"haproxy": [10.0], "mesh": [None]}, {"mesh": ["3 x handshake: no"]}, {})
        self.assertIn("3 x handshake: no", text)


class ControlPath(unittest.TestCase):
    def test_requests_are_counted_by_what_was_asked(self):
        log = ("Pebble 2026/11/28 20:00:00 HEAD /nonce-plz -> calling handler()\n"
               "Pebble 2026/11/28 20:00:00 POST /order-plz -> calling handler()\n"
               "Pebble 2026/11/28 20:00:01 There are now 1 authorizations in the db\n"
               "Pebble 2026/11/28 20:00:01 POST /my-order/ -> calling handler()\n"
               "Pebble 2026/11/28 20:00:02 POST /my-order/ -> calling handler()\n")
        self.assertEqual(authority.requests_of(log),
                         {"HEAD /nonce-plz": 1, "POST /order-plz": 1, "POST /my-order": 2})

    def test_a_line_of_a_log_counts_when_it_is_whole(self):
        with tempfile.NamedTemporaryFile("w") as file:
            live = LogCount(Path(file.name), "event=cert_live")
            for text, seen in (("event=ready\nevent=cert_live a\nevent=cert_", 1), ("live b", 1), ("\n", 2)):
                file.write(text)
                file.flush()
                self.assertEqual(live.count(), seen)

    def test_a_pair_of_windows_counts_whole_or_not_at_all(self):
        def pair(without, beside, happened=10, trouble=None):
            return {"without": {"p50_us": 1, "p99_us": without}, "beside": {"p50_us": 1, "p99_us": beside},
                    "happened": happened, "trouble": trouble}

        compared = windows.compared([pair(100, 120), pair(300, 360), pair(100, 9000, 0, "nothing happened")])
        self.assertAlmostEqual(compared["p99_ratio"]["median"], 1.2)
        self.assertEqual(compared["happened"], 20)
        self.assertEqual([v["met"] for v in windows.verdicts(compared)], [True])
        self.assertEqual([v["met"] for v in windows.verdicts(windows.compared([pair(100, 126)]))], [False])
        self.assertEqual([v["met"] for v in windows.verdicts(windows.compared([pair(1, 1, 0, "no")]))], [None])

    def test_seconds_are_judged_for_a_thousand_certificates_only(self):
        def met(**changes):
            mesh = {"certificates": 1000, "live": 1000, "live_s": 59, "requests_each": 9.5, "troubles": [], **changes}
            return [verdict["met"] for verdict in issuance.verdicts(mesh)]

        self.assertEqual(met(), [True, True])
        self.assertEqual(met(live_s=61, requests_each=9.6), [False, False])
        self.assertEqual(met(certificates=200, live=200), [True])
        self.assertEqual(met(live=999), [False, False])
        self.assertEqual(met(troubles=["n0001: another name"]), [False, False])

    def test_memory_is_compared_once_caches_are_full(self):
        flat = swaps.grown([10, 20, 30, 30, 31, 30, 30, 30, 30, 30])
        self.assertEqual((flat["ratio"], flat["bytes_for_each_swap"]), (1.5, 10 / (8 * swaps.BATCH)))

    def test_replacing_is_judged_by_its_worst_and_by_how_it_grows(self):
        def met(few, many, trouble=None):
            one = {10: {"worker_us": few, "trouble": None}, 50_000: {"worker_us": many, "trouble": trouble}}
            return [verdict["met"] for verdict in swaps.told([one, one], 10, 50_000)["targets"]]

        self.assertEqual(met(50, 60), [True, True])
        self.assertEqual(met(50, 101), [True, False])
        self.assertEqual(met(900, 1001), [False, True])
        self.assertEqual(met(50, 60, "n000001 shows another"), [False, False])


class Processes(unittest.TestCase):
    def test_children_come_after_their_parent(self):
        family = descendants(os.getppid())
        self.assertEqual(family[0], os.getppid())
        self.assertIn(os.getpid(), family)


if __name__ == "__main__":
    unittest.main()
