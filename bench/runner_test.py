#!/usr/bin/python3 -B
"""What the runner makes of results: needs neither a server nor quiet."""

import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from runner import report  # noqa: E402
from runner.processes import descendants  # noqa: E402
from runner.ratios import paired  # noqa: E402
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


class Processes(unittest.TestCase):
    def test_children_come_after_their_parent(self):
        family = descendants(os.getppid())
        self.assertEqual(family[0], os.getppid())
        self.assertIn(os.getpid(), family)


if __name__ == "__main__":
    unittest.main()
