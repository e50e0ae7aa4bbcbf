# ctest: timeout=120
"""As a service: what systemd is told and when, and what the process may and gives away."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from mesh_env import Environment, require_tool, wait_until
from mesh_env.configuration import certified_router, configuration, service
from mesh_env.mesh import mesh_binary
from mesh_env.service_manager import NotifySocket, as_nobody, give_to_nobody

UNIT = Path(__file__).resolve().parents[2] / "packaging" / "mesh.service.in"


def plain_configuration(env) -> dict:
    env.backend("app")
    return {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "workers": 3,
        "tcp": {"routers": {"all": {"rule": "HostSNI(`*`)", "service": "app"}},
                "services": {"app": service(env.endpoint("backend-app"))}},
    }


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_is_told(env, kind):
    notify = NotifySocket(str(env.directory / "notify") if kind == "path" else f"@{env.directory}/notify")
    mesh = env.mesh(plain_configuration(env), start=False)
    mesh.start(ready=False, env=notify.environment())
    ready = notify.wait_for("READY")
    with env.tcp() as client:  # at once: every listener is up
        assert client.receive_line() == "app"
        assert ready == {"READY": "1", "STATUS": "serving 1 routers on 1 entry points"}

        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        mesh.signal(signal.SIGHUP)
        reloading = notify.wait_for("RELOADING")
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        notify.wait_for("READY", count=2)

        mesh.signal(signal.SIGTERM)
        stopping = notify.wait_for("STOPPING")
        assert stopping["STATUS"] == "draining 1 open connections"
        assert mesh.running, "said before the drain, not after it"
    assert mesh.wait_exit() == 0
    assert not notify.times("WATCHDOG"), "nobody asked for it"
    notify.close()


def test_the_watchdog_is_fed_while_mesh_turns(env):
    notify = NotifySocket(str(env.directory / "notify"))
    mesh = env.mesh(plain_configuration(env), start=False)
    started = time.monotonic()
    mesh.start(env=notify.environment(WATCHDOG_USEC="400000"))
    notify.wait_for("WATCHDOG", count=6)
    fed = len(notify.times("WATCHDOG"))
    assert fed <= (time.monotonic() - started) / 0.2 + 1, "every 200 ms, not as fast as it can"
    mesh.signal(signal.SIGSTOP)
    wait_until(lambda: time.monotonic() - notify.times("WATCHDOG")[-1] > 1.0, 10, "five times in a row it was not fed")
    fed = len(notify.times("WATCHDOG"))
    mesh.signal(signal.SIGCONT)
    notify.wait_for("WATCHDOG", count=fed + 3)
    notify.close()


def test_a_watchdog_meant_for_another_process_is_not_fed(env):
    notify = NotifySocket(str(env.directory / "notify"))
    mesh = env.mesh(plain_configuration(env), start=False)
    mesh.start(env=notify.environment(WATCHDOG_USEC="20000", WATCHDOG_PID="1"))
    notify.wait_for("READY")
    mesh.stop()
    assert not notify.times("WATCHDOG")
    notify.close()


def test_a_service_manager_that_is_gone_costs_a_line(env):
    mesh = env.mesh(plain_configuration(env), start=False)
    mesh.start(env={"NOTIFY_SOCKET": "/nowhere/notify", "WATCHDOG_USEC": "20000"})
    mesh.wait_for("supervisor_unreachable")
    with env.tcp() as client:
        assert client.receive_line() == "app"
    mesh.stop()
    assert len(mesh.events("supervisor_unreachable")) == 1


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


@pytest.fixture
def reachable(monkeypatch):
    """An environment whose folder and mesh another user can reach, wherever this checkout is."""
    folder = Path(tempfile.mkdtemp(prefix="mesh-"))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        program = shutil.copy(mesh_binary(), folder / "mesh")
        monkeypatch.setenv("MESH_BINARY", str(program))
    try:
        (folder / "home").mkdir()
        with Environment(folder / "home") as environment:
            yield environment
    finally:
        shutil.rmtree(folder)


def test_an_unprivileged_process_with_one_capability_that_gives_nothing_away(reachable):
    """As the unit starts it: no other user's rights, no core dump, no memory for its own user to read."""
    config = plain_configuration(reachable)
    if os.geteuid() == 0:
        config["entryPoints"]["low"] = {"address": f"{reachable.loopback.address}:443"}  # what the capability is for
    mesh = reachable.mesh(config, start=False)
    give_to_nobody(mesh.directory)
    mesh.start(wrapper=as_nobody("net_bind_service"))
    status = status_of(mesh.pid)
    assert int(status["CapEff"], 16) == (1 << 10 if os.geteuid() == 0 else 0)
    assert int(status["Uid"].split()[0]) != 0
    assert status["Umask"] == "0077"
    limits = Path(f"/proc/{mesh.pid}/limits").read_text()
    assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.M), limits

    read_memory = f"open('/proc/{mesh.pid}/mem', 'rb')"
    reader = subprocess.run([*as_nobody(), sys.executable, "-c", read_memory], capture_output=True, text=True)
    assert "PermissionError" in reader.stderr, reader.stderr
    other = subprocess.Popen([*as_nobody(), "sleep", "60"])  # of a process that has nothing to hide it can
    try:
        wait_until(lambda: Path(f"/proc/{other.pid}/comm").read_text() == "sleep\n", 10, "sleep runs")
        subprocess.run([*as_nobody(), sys.executable, "-c", f"open('/proc/{other.pid}/mem', 'rb')"], check=True)
    finally:
        other.kill()
        other.wait()
    assert not mesh.events("running_as_root")


def test_a_store_of_another_user_is_refused_with_the_way_out(reachable):
    if os.geteuid() != 0:
        pytest.fail("only root can make another user's store: run as root")
    nowhere = {"acme": {"caServer": "https://localhost:1/dir", "tlsChallenge": {}}}
    config = configuration(reachable, {"shop": certified_router("shop.example")}, resolvers={"le": nowhere},
                           services={"app": service("127.0.0.1:1")})
    mesh = reachable.mesh(config)
    mesh.stop()
    store = mesh.directory / "mesh.db"
    give_to_nobody(mesh.directory)
    os.chown(store, 0, 0)
    mesh.start(ready=False, wrapper=as_nobody())
    assert mesh.wait_exit() == 4
    assert f"{store} belongs to root, mesh runs as nobody: chown nobody {store}*" in mesh.log_tail()
    os.chown(store, 65534, 65534)  # what it says helps
    mesh.start(wrapper=as_nobody())


def installed_unit(folder: Path) -> Path:
    """The unit as the build installs it, with this build's program in it."""
    text = UNIT.read_text()
    program = folder / "mesh"
    program.symlink_to(mesh_binary())
    text = text.replace("@CMAKE_INSTALL_FULL_BINDIR@", str(folder)).replace("@CMAKE_INSTALL_FULL_DOCDIR@", "/usr/share")
    assert "@" not in text.replace("SystemCallFilter=@", "").replace("~@", "").replace(" @", ""), text
    unit = folder / "mesh.service"
    unit.write_text(text)
    return unit


def systemd_analyze(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([require_tool("systemd-analyze", "systemd"), "--no-pager", *arguments],
                          capture_output=True, text=True)


def test_the_unit_exposes_little(tmp_path):
    unit = installed_unit(tmp_path)
    verified = systemd_analyze("verify", "--man=no", str(unit))
    assert "mesh.service" not in verified.stderr, verified.stderr
    judged = systemd_analyze("security", "--offline=true", "--threshold=20", str(unit))
    level = re.search(r"Overall exposure level for mesh.service: (\d+\.\d+)", judged.stdout)
    assert level, judged.stdout + judged.stderr
    print(f"exposure {level[1]}")
    assert float(level[1]) <= 2.0 and judged.returncode == 0, judged.stdout


def test_the_unit_keeps_the_contract():
    unit = dict(line.split("=", 1) for line in UNIT.read_text().splitlines()
                if "=" in line and not line.startswith("#") and not line.startswith("SystemCallFilter"))
    assert unit["Type"] == "notify" and unit["NotifyAccess"] == "main" and int(unit["WatchdogSec"]) > 0
    assert "/mesh reload " in unit["ExecReload"]
    assert unit["User"] == "mesh" and unit["AmbientCapabilities"] == "CAP_NET_BIND_SERVICE"
    assert unit["LimitCORE"] == "0" and unit["UMask"] == "0077" and unit["LimitNOFILE"] == "1048576"
    assert unit["RestartPreventExitStatus"] == "1 2" and unit["TimeoutStopSec"] == "45"
    assert unit["StateDirectoryMode"] == "0700"
