# ctest: timeout=300
"""Whatever a client or a server does not do, in whichever phase: the connection ends in its time, and nothing of it
stays."""

import pytest
import stalls
from stalls import Bench

from mesh_env import wait_until

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
    # Descriptors are closed a little later than connections are counted out, that of `mesh status` too.
    wait_until(lambda: bench.mesh.open_files() <= files, 10, f"no more than {files} open files")
    assert bench.mesh.heap_kib() <= heap + 1024
