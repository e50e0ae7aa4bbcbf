# ctest: timeout=120
"""Listening sockets that a service manager passes: used, shared by the workers, kept over a restart."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from mesh_env import require_tool, wait_until
from mesh_env.configuration import service
from mesh_env.docker_daemon import free_port

UNITS = Path(__file__).resolve().parents[2] / "packaging"

# What systemd does between fork and exec: the descriptors from 3 on, and whom they are for.
LAUNCHER = """
import os, sys
descriptors, names, pid = [int(n) for n in sys.argv[1].split(",")], sys.argv[2], sys.argv[3]
copies = [os.dup(fd) for fd in descriptors]
copies = [os.dup2(fd, 100 + i, inheritable=False) for i, fd in enumerate(copies)]
for fd in descriptors:
    os.set_inheritable(fd, False)  # one descriptor of each, as systemd passes them
for i, fd in enumerate(copies):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ |= {"LISTEN_FDS": str(len(copies)), "LISTEN_FDNAMES": names, "LISTEN_PID": pid or str(os.getpid())}
os.execv(sys.argv[4], sys.argv[4:])
"""


def listening(address: str, port: int, reuse: bool = False) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind((address, port))
    one.listen(64)
    os.set_inheritable(one.fileno(), True)
    return one


def passing(*sockets: socket.socket, names: str = "", pid: str = "") -> tuple[str, ...]:
    return (sys.executable, "-c", LAUNCHER, ",".join(str(s.fileno()) for s in sockets), names, pid)


def start(env, mesh, *sockets, ready=True, **options):
    """The launcher must not close what it is to pass on."""
    popen = subprocess.Popen

    def keep_open(*arguments, **keywords):
        return popen(*arguments, **keywords, pass_fds=[s.fileno() for s in sockets])

    subprocess.Popen = keep_open
    try:
        mesh.start(wrapper=passing(*sockets, **options), ready=ready)
    finally:
        subprocess.Popen = popen


def plain(env, workers: int = 3) -> dict:
    env.backend("app")
    return {"entryPoints": {"web": {"address": env.endpoint()}, "own": {"address": env.endpoint("own")}},
            "workers": workers,
            "tcp": {"routers": {"all": {"rule": "HostSNI(`*`)", "service": "app"}},
                    "services": {"app": service(env.endpoint("backend-app"))}}}


def address_of(env, name: str = "websecure") -> tuple[str, int]:
    host, port = env.endpoint(name).rsplit(":", 1)
    return host, int(port)


def speak(host: str, port: int, count: int = 30) -> None:
    for _ in range(count):
        with socket.create_connection((host, port), timeout=20) as client:
            assert client.makefile("rb").readline() == b"app\n"


def test_one_socket_for_all_workers_and_connections_that_waited(env):
    config = plain(env)
    host, port = address_of(env)
    with listening(host, port) as passed:
        waiting = [socket.create_connection((host, port), timeout=20) for _ in range(40)]  # nobody accepts yet
        mesh = env.mesh(config, start=False)
        start(env, mesh, passed, names="web")
        for client in waiting:
            assert client.makefile("rb").readline() == b"app\n"
            client.close()
        speak(host, port)
        speak(*address_of(env, "own"))  # what was not passed is bound as ever

        mesh.stop()
        assert not mesh.events("passed_socket_unused")
        waiting = [socket.create_connection((host, port), timeout=20) for _ in range(40)]  # refused nowhere
        start(env, mesh, passed, names="web")
        for client in waiting:
            assert client.makefile("rb").readline() == b"app\n"
            client.close()


def test_more_sockets_than_workers(env):
    config = plain(env, workers=2)
    host, port = address_of(env)
    passed = [listening(host, port, reuse=True) for _ in range(5)]
    waiting = [socket.create_connection((host, port), timeout=20) for _ in range(60)]  # in all five queues
    mesh = env.mesh(config, start=False)
    start(env, mesh, *passed)
    for one in passed:
        one.close()
    for client in waiting:
        assert client.makefile("rb").readline() == b"app\n"
        client.close()
    speak(host, port, 60)
    config["entryPoints"]["renamed"] = config["entryPoints"].pop("web")  # all five follow
    mesh.write_config(config)
    assert mesh.json("reload")["applied"]
    speak(host, port, 60)
    gone = config["entryPoints"].pop("renamed")
    mesh.write_config(config)
    assert mesh.json("reload")["applied"]
    with socket.create_connection((host, port), timeout=20) as client:  # in a queue that nobody looks at
        config["entryPoints"]["back"] = gone
        mesh.write_config(config)
        assert mesh.json("reload")["applied"]
        assert client.makefile("rb").readline() == b"app\n"
    speak(host, port, 60)


def test_what_no_entry_point_wants_is_named_and_kept_for_one_that_will(env):
    """As systemd does, the passed sockets stay open here all the time."""
    config = plain(env)
    host, port = address_of(env, "stranger")
    left, right = socket.socketpair()
    mesh = env.mesh(config, start=False)
    with listening(host, port) as passed, left, right:
        start(env, mesh, passed, left, names="stranger:pair")
        wait_until(lambda: len(mesh.events("passed_socket_unused")) == 2, 20, "both are named")
        told = {line["name"]: line for line in mesh.events("passed_socket_unused")}
        assert told["stranger"]["address"] == f"{host}:{port}"
        assert "pair" in told
        entry_points = config["entryPoints"]
        for _ in range(2):  # it comes, goes, and comes back
            entry_points["stranger"] = {"address": f"{host}:{port}"}
            mesh.write_config(config)
            assert mesh.json("reload")["applied"]
            speak(host, port)
            del entry_points["stranger"]
            mesh.write_config(config)
            assert mesh.json("reload")["applied"]


def test_passed_sockets_are_kept_over_upgrades(env):
    """Those that an entry point has, and those that one may want later."""
    config = plain(env)
    addresses = {"web": address_of(env), "stranger": address_of(env, "stranger")}
    mesh = env.mesh(config, start=False)
    with listening(*addresses["web"]) as web, listening(*addresses["stranger"]) as stranger:
        start(env, mesh, web, stranger, names="web:stranger")
        for _ in range(2):
            mesh.upgrade()
        assert len(mesh.events("passed_socket_unused")) == 1, "of the service manager, not of the process before"
        speak(*addresses["web"])
        entry_points = config["entryPoints"]
        entry_points |= {name: {"address": f"{host}:{port}"} for name, (host, port) in addresses.items()}
        for name in addresses:
            for _ in range(2):  # it goes, and comes back
                gone = entry_points.pop(name)
                mesh.write_config(config)
                assert mesh.json("reload")["applied"]
                entry_points[name] = gone
                mesh.write_config(config)
                assert mesh.json("reload")["applied"]
                speak(*addresses[name])


def test_an_address_that_a_passed_socket_takes_too_is_refused_with_its_name(env):
    config = plain(env)
    port = free_port()  # on every address: env's ports are free on its own
    ours = f"{env.loopback.address}:{port}"
    config["entryPoints"]["web"]["address"] = ours
    with listening("0.0.0.0", port) as passed:
        mesh = env.mesh(config, start=False)
        start(env, mesh, passed, names="all", ready=False)
        assert mesh.wait_exit() == 3
        told = mesh.events("bind_failed")[0]["msg"]
        assert f'the service manager has passed 0.0.0.0:{port} ("all")' in told
        assert f"ListenStream={ours}" in told


def test_descriptors_meant_for_another_process_are_left_alone(env):
    config = plain(env)
    host, port = address_of(env, "stranger")
    mesh = env.mesh(config, start=False)
    with listening(host, port) as passed:
        start(env, mesh, passed, pid="1")
    speak(*address_of(env))
    with socket.socket() as client:
        assert client.connect_ex((host, port)) == 0, "nor closed: whoever they are for has them from us"
    mesh.stop()
    assert not mesh.events("passed_socket_unused")


def test_the_socket_unit_is_right(tmp_path):
    socket_unit = tmp_path / "mesh.socket"
    socket_unit.write_text((UNITS / "mesh.socket").read_text())
    (tmp_path / "mesh.service").write_text("[Service]\nExecStart=/bin/true\n")
    verified = subprocess.run([require_tool("systemd-analyze", "systemd"), "--no-pager", "verify", "--man=no",
                               str(socket_unit)], capture_output=True, text=True)
    assert "mesh.socket" not in verified.stderr, verified.stderr
    assert re.search(r"^ListenStream=443$", socket_unit.read_text(), re.M)
