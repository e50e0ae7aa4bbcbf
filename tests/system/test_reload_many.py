# ctest: timeout=600 labels=long serial
"""Reloads of large configurations, and under thousands of idle connections."""

import json
import time

from mesh_env.configuration import service
from mesh_env.control import ControlSocket
from mesh_env.echo_process import EchoProcess
from mesh_env.idle_crowd import IdleCrowd

ROUTERS = 1_000
CONNECTIONS = 9_000
RELOADS = 200


def many(env, count: int) -> dict:
    routers = {f"r{i}": {"rule": f"HostSNI(`n{i}.example`)", "service": "app", "tls": {"passthrough": True}}
               for i in range(count)}
    return {"entryPoints": {"websecure": {"address": env.endpoint()}},
            "tcp": {"routers": routers, "services": {"app": service(env.endpoint("backend-app"))}}}


def test_memory_is_flat_after_two_hundred_reloads_under_nine_thousand_connections(env):
    config = many(env, ROUTERS)
    config["entryPoints"]["web"] = {"address": env.endpoint("web")}
    config["tcp"]["routers"]["plain"] = {"rule": "HostSNI(`*`)", "service": "app", "entryPoints": ["web"]}
    for name in list(config["tcp"]["routers"]):
        config["tcp"]["routers"][name].setdefault("entryPoints", ["websecure"])
    with EchoProcess(env.at("backend-app")):
        mesh = env.mesh(config)
        with IdleCrowd(env.at("web"), CONNECTIONS) as crowd, ControlSocket(mesh.directory / "mesh.db.sock") as control:
            heap = []
            for turn in range(RELOADS):
                config["tcp"]["routers"]["r1"]["rule"] = f"HostSNI(`turn{turn}.example`)"
                config["tcp"]["routers"]["plain"]["priority"] = turn + 1
                mesh.write_config(config)
                assert control.ask("reload")["applied"] is True
                heap.append(mesh.heap_kib())
            first, last = max(heap[20:40]), max(heap[-20:])
            print(f"\n{CONNECTIONS} connections, {ROUTERS} routers: heap {first} KiB after 40 reloads, {last} KiB "
                  f"after {RELOADS}")
            assert crowd.broken() == 0
            assert last <= first * 1.02 + 1024
            assert mesh.json("status")["connections"]["open"] == CONNECTIONS


def test_ten_thousand_routers(env):
    config = many(env, 10_000)
    mesh = env.mesh(config, start=False)
    begun = time.monotonic()
    mesh.command("check", seconds=60)
    checked = time.monotonic() - begun
    begun = time.monotonic()
    mesh.start(seconds=60)
    started = time.monotonic() - begun
    config["tcp"]["routers"]["r77"]["rule"] = "HostSNI(`changed.example`)"
    mesh.write_config(json.dumps(config))
    with ControlSocket(mesh.directory / "mesh.db.sock") as control:
        control.socket.settimeout(60)
        begun = time.monotonic()
        assert control.ask("reload")["applied"] is True
        reloaded = time.monotonic() - begun
        begun = time.monotonic()
        assert control.ask("reload")["applied"] is True
        nothing_new = time.monotonic() - begun
    print(f"\n10,000 routers: check {checked:.2f} s, start {started:.2f} s, reload of one changed router "
          f"{reloaded:.2f} s, of none {nothing_new:.2f} s; heap {mesh.heap_kib()} KiB")
    # A step that is quadratic takes minutes.
    assert max(checked, started, reloaded) < 20
