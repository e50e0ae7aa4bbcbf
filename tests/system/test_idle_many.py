# ctest: timeout=1200 labels=long serial
"""As many idle TLS connections as a process with 20,000 descriptors can have, and what each of them costs."""

import os

from mesh_env import scaled, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service
from mesh_env.echo_process import EchoProcess
from mesh_env.idle_crowd import IdleCrowd

CONNECTIONS = int(os.environ.get("MESH_IDLE_CONNECTIONS", "9000"))
KIB_EACH = 40
"""Of the process: the 16 kB (32 kB) of heap that the unit test holds, with what malloc adds."""


def test_thousands_of_idle_tls_connections_are_held(env):
    SigningAuthority().write_pair(env.directory / "tls", "shop", "shop.example")
    mesh = env.mesh({
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "tcp": {
            "routers": {"shop": {"rule": rule("shop.example"), "service": "app", "tls": {}}},
            "services": {"app": service(env.endpoint("backend-app"))},
        },
        "tls": {"certificates": [{"certFile": "tls/shop.crt", "keyFile": "tls/shop.key"}]},
    })
    before = mesh.heap_kib()
    with EchoProcess(env.at("backend-app")), IdleCrowd(env.at(), CONNECTIONS, "shop.example") as crowd:
        assert mesh.json("status")["connections"]["open"] == CONNECTIONS
        each = (mesh.heap_kib() - before) / CONNECTIONS
        print(f"{CONNECTIONS} idle TLS connections: {each:.1f} KiB each, {mesh.open_files()} descriptors")
        assert each < KIB_EACH
        assert crowd.broken() == 0
    wait_until(lambda: mesh.json("status")["connections"]["open"] == 0, scaled(60), "all to end")
