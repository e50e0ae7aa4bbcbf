"""How handshakes fare beside something else: pairs of windows, with it going on and without, in random order.

They come at a steady rate, a third of what the server can do, so that their latency is not a queue of their own making.
"""

import random

from . import ratios, report
from .measuring import SOURCES, Bench
from .processes import Server
from .scenarios import SCENARIOS

FULL = SCENARIOS[0]
P99_TARGET = 1.25


def arguments(server: Server, *names) -> list:
    return ["connect", "--lean", "--to", server.address, "--from", SOURCES,
            "--watch", ",".join(map(str, server.pids)), *names]


def a_third_of_what_it_can(bench: Bench, load: list) -> int:
    result = bench.load.run(*load, "--window", 1500, "--warmup", 300)
    return max(int(result["operations"] / result["wall_s"] / 3), 1)


def pairs(bench: Bench, load: list, rate: int, going_on) -> dict:
    """`going_on(turn)` is a context in which something goes on; afterwards `happened` says how much of it did."""
    rounds, troubles = [], set()
    effort = bench.effort
    for turn in range(effort.rounds):
        order = ["without", "beside"]
        random.Random(turn).shuffle(order)
        both = {}
        for what in order:
            def window():
                return bench.load.run(*load, "--rate", rate, "--connections", 512, "--window", effort.window_ms,
                                      "--warmup", effort.warmup_ms, "--seed", turn)
            if what == "without":
                both[what] = window()
            else:
                with going_on(turn) as activity:
                    both[what] = window()
                both["happened"] = activity.happened
        trouble = FULL.wrong(both["without"]) or FULL.wrong(both["beside"]) \
            or (None if both["happened"] else "nothing happened beside the handshakes")
        if trouble:
            troubles.add(trouble)
        rounds.append({**both, "trouble": trouble})
    return {"rate": rate, "rounds": rounds, "troubles": sorted(troubles), **compared(rounds)}


def compared(rounds: list[dict]) -> dict:
    """Pairs in which anything went wrong count for nothing."""
    good = [both for both in rounds if not both["trouble"]]
    told = {}
    for key in ("p50_us", "p99_us"):
        ratio = ratios.paired([both["beside"][key] for both in good], [both["without"][key] for both in good])
        told[f"{key[:3]}_ratio"] = ratio and ratio.as_json()
        told[f"{key[:3]}_without_us"] = report.median_of([both["without"][key] for both in good])
    told["happened"] = sum(both["happened"] for both in good)
    return told


def verdicts(result: dict) -> list[dict]:
    ratio = result["p99_ratio"]
    return [{"of": "p99", "unit": " x without", "target": P99_TARGET, "value": ratio and ratio["median"],
             "met": ratio and ratio["median"] <= P99_TARGET}]


def line(result: dict) -> str:
    def told(key):
        ratio = result[f"{key}_ratio"]
        if ratio is None:
            return f"{key} -"
        return (f"{key} {ratio['median']:.2f} ({ratio['low']:.2f}..{ratio['high']:.2f}, without: "
                f"{result[f'{key}_without_us']:.0f} us)")
    return f"{result['rate']} handshakes a second, beside it / without: {told('p50')}, {told('p99')}"
