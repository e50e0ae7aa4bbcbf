# ctest: timeout=300
"""Whatever a client or a server does not do, in whichever phase: the connection ends in its time, and nothing of it
stays."""

import pytest
import stalls
from stalls import Bench

EACH = 8


@pytest.fixture
def bench(env):
    bench = Bench(env)
    yield bench
    bench.close()


def test_all_end_in_time_and_nothing_stays_behind(bench):
    stalls.sweep(bench, EACH)  # what is made once is there now
    files, heap = bench.mesh.open_files(), bench.mesh.heap_kib()
    done = stalls.sweep(bench, EACH)
    print(f"{done} connections: {files} to {bench.mesh.open_files()} files, "
          f"{heap} to {bench.mesh.heap_kib()} KiB")
    assert bench.mesh.open_files() <= files
    assert bench.mesh.heap_kib() <= heap + 1024
