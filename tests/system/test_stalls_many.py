# ctest: timeout=3600 labels=long
"""The sweep of test_stalls.py with 100,000 connections."""

import stalls
from stalls import FAULTS, PHASES, SERVER_FAULTS, Bench

COMBINATIONS = len(PHASES) * (len(FAULTS) + 1) + len(SERVER_FAULTS)
CONNECTIONS = 100_000


def test_nothing_stays_of_a_hundred_thousand(env):
    bench = Bench(env)
    try:
        stalls.sweep(bench, stalls.BATCH)
        files, heap = bench.mesh.open_files(), bench.mesh.heap_kib()
        done = stalls.sweep(bench, -(-CONNECTIONS // COMBINATIONS))
        print(f"{done} connections: {files} to {bench.mesh.open_files()} files, "
              f"{heap} to {bench.mesh.heap_kib()} KiB")
        assert done >= CONNECTIONS
        assert bench.mesh.open_files() <= files
        assert bench.mesh.heap_kib() <= heap + 4096
    finally:
        bench.close()
