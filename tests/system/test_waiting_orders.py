# ctest: timeout=180
"""Five hundred orders that their CA holds in `processing` cost nothing and hold nothing up."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from mesh_env.configuration import certified_router, configuration
from mesh_env.waiting import wait_until

COUNT = 500


class FaultCa:
    """tests/fault's CA as a process (tests/fault/server/main.cpp)."""

    def __init__(self, folder: Path):
        self.root = folder / "fault-ca.pem"
        self._process = subprocess.Popen([os.environ["MESH_FAULT_CA"], self.root, "processing"], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.directory = self._process.stdout.readline().strip()

    def seen(self) -> dict:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=10)


@pytest.fixture
def ca(tmp_path):
    ca = FaultCa(tmp_path)
    yield ca
    ca.close()


def threads(mesh) -> int:
    return len(list(Path(f"/proc/{mesh.pid}/task").iterdir()))


def test_five_hundred_in_processing(env, ca):
    resolver = {"acme": {"caServer": ca.directory, "caCertificates": [str(ca.root)], "storage": "mesh.db",
                         "tlsChallenge": {}}}
    one = configuration(env, {"r0": certified_router("n0.example")}, resolvers={"le": resolver})
    mesh = env.mesh(one)
    wait_until(lambda: ca.seen()["finalized"] == 1, seconds=20)
    before = threads(mesh)
    mesh.stop()

    routers = {f"r{i}": certified_router(f"n{i}.example") for i in range(COUNT)}
    mesh = env.mesh(configuration(env, routers, resolvers={"le": resolver}), "many")
    wait_until(lambda: ca.seen()["finalized"] >= COUNT, seconds=90)
    # One that ends a moment later, of the start or of a look-up, is no thread of an order.
    wait_until(lambda: threads(mesh) <= before, what=f"{before} threads, as with one order")

    started = time.monotonic()
    mesh.stop(expect=0)
    took = time.monotonic() - started
    seen = ca.seen()
    print(f"{COUNT} orders in processing: {before} threads before and after, stopped in {took * 1000:.0f} ms; {seen}")
    assert took < 5, "orders that wait do not hold up the end; a machine that stops for a while may"
    assert seen["finalized_twice"] == 0 and seen["complaints"] == []
