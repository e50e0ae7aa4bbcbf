# ctest: timeout=240 serial
"""Hundreds of services in Consul, some of them flapping, while certificates are ordered."""

import time

from mesh_env import wait_until
from mesh_env.echo_process import EchoProcess
from test_consul import configuration, tags_for

SERVICES = 300
INSTANCES = 1_000
FLAPPING = 100
NODES = 10
SECONDS = 15
ORDERS = 5


def enter_all(env, consul) -> list[tuple[str, str, str]]:
    """(node, service, ID) of every instance; all of them are one backend."""
    instances = [(f"node-{i % NODES}", f"s{i % SERVICES}", f"s{i % SERVICES}-{i // SERVICES}") for i in range(INSTANCES)]
    for node, service, id in instances:
        prefix = f"mesh.tcp.routers.{service}"
        consul.enter(node, service, id, env.loopback.address, env.port("backend-app"),
                     [f"{prefix}.rule=HostSNI(`{service}.example`)", f"{prefix}.tls.passthrough=true"])
    return instances


class Meter:
    """What happens between two moments, for each second."""

    def __init__(self, mesh, consul):
        self._mesh, self._consul = mesh, consul
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        mesh = self._mesh
        return {"time": time.monotonic(), "requests to Consul": self._consul.requests("v1."),
                "configurations applied": len(mesh.events("reload_applied")),
                "server lists changed": len(mesh.events("servers_changed")), "CPU seconds of mesh": mesh.cpu_seconds()}

    def rates(self) -> dict[str, float]:
        now = self._now()
        seconds = now["time"] - self._before["time"]
        return {key: (value - self._before[key]) / seconds for key, value in now.items() if key != "time"}


def show(title: str, rates: dict[str, float]) -> None:
    print(f"\n{title}, each second: " + ", ".join(f"{key} {value:.3g}" for key, value in rates.items()))


def toggle(consul, flapping, status: str) -> None:
    consul.set_checks([consul.check(node, service, id, status) for node, service, id in flapping])


def test_a_hundred_flapping_instances_among_a_thousand(env):
    consul = env.consul()
    flapping = enter_all(env, consul)[::INSTANCES // FLAPPING]
    assert len(flapping) == FLAPPING
    with EchoProcess(env.at("backend-app")):
        mesh = env.mesh(configuration(env))
        mesh.wait_for("provider_up")
        mesh.wait_for("reload_applied", seconds=30)

        meter, begun, turn = Meter(mesh, consul), time.monotonic(), 0
        while time.monotonic() < begun + SECONDS:
            toggle(consul, flapping, "critical" if turn % 2 == 0 else "passing")
            if turn % 4 == 0 and turn // 4 < ORDERS:
                name = f"order{turn // 4}"
                consul.register(name, env.port("backend-app"), tags_for(f"{name}.example", name),
                                address=env.loopback.address)
            turn += 1
            wait_until(lambda: time.monotonic() >= begun + turn * 0.5, 5, "the next turn")
        busy = meter.rates()
        show(f"{FLAPPING} of {INSTANCES} instances of {SERVICES} services flapping twice a second", busy)
        toggle(consul, flapping, "passing")
        mesh.wait_for("cert_live", count=ORDERS, seconds=60)
        for i in range(ORDERS):
            with env.tls(f"order{i}.example") as client:
                client.send(b"hello\n")
                assert client.receive_line() == "hello"

        def is_quiet() -> bool:
            seen = len(mesh.lines)
            time.sleep(2)
            return seen == len(mesh.lines)

        wait_until(is_quiet, 30, "everything is as it was")
        meter = Meter(mesh, consul)
        time.sleep(3)
        idle = meter.rates()
        show("none flapping", idle)

    assert not mesh.events("order_failed") and not mesh.events("provider_service_unread")
    assert len(mesh.events("provider_limited")) == 1
    # 160 services are asked at most twice a turn, the other 140 swept once a second.
    assert busy["requests to Consul"] < 500
    # A turn is at most a few reports: one service alone never makes others be applied anew.
    assert busy["server lists changed"] <= 21 and busy["configurations applied"] <= 1
    assert idle["requests to Consul"] < 10 and idle["configurations applied"] == 0
    assert idle["CPU seconds of mesh"] < 0.02
