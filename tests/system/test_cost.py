# ctest: timeout=180 labels=long
"""What a connection and a relayed MiB cost in instructions, system calls and allocations, against what was recorded:
cost/README.md. No clock is involved, so a busy machine changes nothing."""

import json
import os
import platform
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from mesh_env.callgrind import Counts
from mesh_env.cost_bench import CostBench

FOLDER = Path(__file__).parent / "cost"
LIBRARY = "openssl-{}.{}".format(*ssl.OPENSSL_VERSION_INFO)
RECORD = "MESH_COST_RECORD"
BEATEN = 0.85


@dataclass(frozen=True)
class Bounded:
    """A number and how far it may be above the recorded one: further than chance takes it."""

    title: str
    share: float
    of_connection: float
    of_mib: float
    """More than of a connection: how many bytes there are to be had at a time is chance."""

    def most(self, what: str, recorded: float) -> float:
        return recorded * (1 + self.share) + self._more(what)

    def least(self, what: str, recorded: float) -> float:
        return recorded * BEATEN - self._more(what)

    def _more(self, what: str) -> float:
        return self.of_mib if what.startswith("MiB") else self.of_connection


NUMBERS = {
    "own": Bounded("instructions outside libcrypto", 0.03, 500, 20_000),
    "libcrypto": Bounded("instructions in libcrypto", 0.03, 500, 20_000),
    "system_calls": Bounded("system calls", 0, 0.9, 25),
    "allocations": Bounded("allocations", 0, 0.5, 5),
}


def complaints(measured: dict[str, Counts], recorded: dict[str, Counts]) -> list[str]:
    """One sentence for each number that is too large, or so small that the recorded one guards nothing."""
    found = []
    for what, counts in measured.items():
        for number, bounded in NUMBERS.items():
            now, then = getattr(counts, number), getattr(recorded[what], number)
            if now > bounded.most(what, then):
                found.append(f"{what}: {now:,.1f} {bounded.title}; {then:,.1f} are recorded, and "
                             f"{bounded.most(what, then):,.1f} the most there may be")
            elif now < bounded.least(what, then):
                found.append(f"{what}: {now:,.1f} {bounded.title}, far less than the {then:,.1f} that are recorded: "
                             f"record it anew ({FOLDER / 'README.md'})")
    return found


def table(measured: dict[str, Counts], recorded: dict[str, Counts]) -> str:
    lines = [" " * 27 + "".join(f"{bounded.title:>34}" for bounded in NUMBERS.values())]
    for what, counts in measured.items():
        cells = []
        for number, bounded in NUMBERS.items():
            most = f"<= {bounded.most(what, getattr(recorded[what], number)):,.1f}" if recorded else ""
            cells.append(f"{getattr(counts, number):>16,.1f} {most:<17}")
        lines.append(f"{what:27}" + "".join(cells))
    return "\n".join(lines)


def read_recorded() -> dict[str, Counts]:
    file = FOLDER / f"{LIBRARY}.json"
    if not file.exists():
        return {}
    return {what: Counts(**counts) for what, counts in json.loads(file.read_text()).items()}


def record(measured: dict[str, Counts]) -> None:
    rounded = {what: {number: round(value, 2) for number, value in asdict(counts).items()}
               for what, counts in measured.items()}
    (FOLDER / f"{LIBRARY}.json").write_text(json.dumps(rounded, indent=2) + "\n")


def why_nothing_is_bounded() -> str:
    if os.environ.get("MESH_BUILD_TYPE", "RelWithDebInfo") != "RelWithDebInfo":
        return "this is not a release build"
    if platform.machine() != "x86_64":
        return f"none are for {platform.machine()}"
    flags = Path("/proc/cpuinfo").read_text().split()
    if missing := [flag for flag in ("aes", "pclmulqdq", "ssse3") if flag not in flags]:
        return f"this processor has no {missing[0]}"
    return "" if read_recorded() else f"none are recorded with {LIBRARY}"


def test_costs_stay_within_their_bounds(env):
    measured = CostBench(env).costs()
    if os.environ.get(RECORD):
        record(measured)
    unbounded = why_nothing_is_bounded()
    recorded = {} if unbounded else read_recorded()
    print(table(measured, recorded))
    if unbounded:
        print(f"no bounds: {unbounded}")
        return
    if found := complaints(measured, recorded):
        pytest.fail("\n".join(found), pytrace=False)


def test_what_is_noticed():
    usual = Counts(own=300_000, libcrypto=1_000_000, system_calls=20, allocations=200)
    for worse in (Counts(310_500, 1_000_000, 20, 200), Counts(300_000, 1_040_000, 20, 200),
                  Counts(300_000, 1_000_000, 21, 200), Counts(300_000, 1_000_000, 20, 201)):
        assert len(complaints({"handshake": worse}, {"handshake": usual})) == 1
    better = Counts(250_000, 1_000_000, 20, 200)
    assert "record it anew" in complaints({"handshake": better}, {"handshake": usual})[0]
    assert not complaints({"handshake": usual}, {"handshake": usual})
