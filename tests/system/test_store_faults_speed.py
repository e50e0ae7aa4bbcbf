# ctest: timeout=240 labels=long serial
"""Handshakes to loaded names are as quick while the store cannot be written as when it can."""

import itertools
import statistics
import time

from mesh_env.certified import started
from mesh_env.store_faults import ExclusiveLock, FileSizeLimit
from mesh_env.tls_client import handshake_seconds

WARM = [f"warm{i}.example" for i in range(4)]


def test_p99_during_faults(unprivileged):
    """Median ratio of 20 pairs of windows, one with a fault and one without, whichever comes first; a
    renewal is always waiting or under way, so there is something the store does not take."""
    env = unprivileged
    mesh = started(env, WARM, brief=["brief.example"])
    trusted = env.trust()
    names = itertools.cycle(WARM)

    def p99(seconds: float) -> float:
        times, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            times.append(handshake_seconds(env.at(), next(names), trusted))
        return sorted(times)[int(len(times) * 0.99)]

    ratios = []
    for turn in range(20):
        fault = (FileSizeLimit if turn % 4 < 2 else ExclusiveLock)(env, mesh)
        if turn % 2 == 0:
            quiet = p99(1.5)
        fault.begin()
        broken = p99(1.5)
        fault.end()
        if turn % 2 == 1:
            quiet = p99(1.5)
        ratios.append(broken / quiet)
    median = statistics.median(ratios)
    print(f"p99 with a fault / without: median {median:.2f}, from {min(ratios):.2f} to {max(ratios):.2f}; "
          f"{len(mesh.events('store_degraded'))} times degraded")
    assert mesh.events("store_degraded"), "no fault was met, so nothing was shown"
    assert median <= 1.25
