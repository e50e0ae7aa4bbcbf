# ctest: timeout=120
# Not with sanitizers: UBSan looks at memory through a pipe, for which there is no descriptor then.
"""No descriptor is left for a connection: those that come wait, nothing spins, and all goes on afterwards."""

import os
import resource
import time

from mesh_env import SLOWNESS, wait_until
from mesh_env.configuration import service


def first_free_descriptor(mesh) -> int:
    used = {int(name) for name in os.listdir(f"/proc/{mesh.pid}/fd")}
    return next(number for number in range(len(used) + 1) if number not in used)


def test_without_descriptors_mesh_waits_and_recovers(env):
    env.backend("app")
    mesh = env.mesh({
        "entryPoints": {"plain": {"address": env.endpoint("plain")}},
        "tcp": {"routers": {"plain": {"rule": "HostSNI(`*`)", "service": "app"}},
                "services": {"app": service(env.endpoint("backend-app"))}},
        "workers": 2,
    })

    def pauses() -> int:
        return sum("not accepting connections for a moment" in line.text for line in mesh.lines)

    with env.tcp("plain") as first:
        assert first.receive_line() == "app"
        soft, hard = resource.prlimit(mesh.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(mesh.pid, resource.RLIMIT_NOFILE, (first_free_descriptor(mesh), hard))
        since = time.monotonic()
        waiting = [env.tcp("plain") for _ in range(40)]
        wait_until(lambda: pauses() > 0, 10, "the pause in the log")
        cpu, begun = mesh.cpu_seconds(), time.monotonic()
        for _ in range(10):
            first.send(b"x")
            assert first.receive_exactly(1) == b"x"
            time.sleep(0.2)
        used = (mesh.cpu_seconds() - cpu) / (time.monotonic() - begun)
        assert used < 0.05 * SLOWNESS, f"{used:.1%} of a CPU while nothing can be accepted"
        said = pauses()
        assert said <= 2 * (time.monotonic() - since + 1), "at most one a second from each worker"
        resource.prlimit(mesh.pid, resource.RLIMIT_NOFILE, (soft, hard))
        for client in waiting:
            assert client.receive_line() == "app"
            client.close()
    with env.tcp("plain") as after:
        assert after.receive_line() == "app"
