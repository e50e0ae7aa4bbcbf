# ctest: timeout=900 labels=long serial
"""Twenty times another process under load, with another build in turn if MESH_OTHER_BINARY names one: nobody is
refused, reset or cut, and nobody who stays notices."""

import os
import statistics
import time

from mesh_env import Hammer, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service
from mesh_env.mesh import mesh_binary
from mesh_env.tls_client import Authority
from mesh_env.visitors import Visitors

UPGRADES = 20
STAYING = 20


def test_twenty_upgrades_under_load(env):
    env.backend("app")
    authority = SigningAuthority()
    pair = authority.write_pair(env.directory / "tls", "pair", "a.example")
    trust = Authority(authority.pem)
    mesh = env.mesh({
        "entryPoints": {"web": {"address": env.endpoint("web")}, "websecure": {"address": env.endpoint()}},
        "certificatesResolvers": {"le": env.resolver()},
        "tcp": {"routers": {"plain": {"rule": "HostSNI(`*`)", "service": "app", "entryPoints": ["web"]},
                            "a": {"rule": rule("a.example"), "service": "app", "tls": {}, "entryPoints": ["websecure"]},
                            "b": {"rule": rule("b.example"), "service": "app", "tls": {"certResolver": "le"},
                                  "entryPoints": ["websecure"]}},
                "services": {"app": service(env.endpoint("backend-app"))}},
        "tls": {"certificates": [{"certFile": str(pair[0]), "keyFile": str(pair[1])}]},
    })
    mesh.wait_for("cert_live", seconds=30)
    programs = [mesh_binary(), os.environ.get("MESH_OTHER_BINARY") or mesh_binary()]
    staying = []
    times = []
    with Visitors(env.at("web"), threads=4) as visitors, \
            Hammer(env.at(), ["a.example"], trust, threads=2, talk=True) as mine, \
            Hammer(env.at(), ["b.example"], env.trust(), threads=2, talk=True) as ordered:
        for turn in range(UPGRADES):
            # One who stays comes to every process on the way.
            client = env.tls("a.example", trust) if turn % 2 else env.tcp("web")
            assert client.receive_line() == "app"
            staying.append(client)
            seen = visitors.count
            wait_until(lambda: visitors.count > seen + 20, 60, "visitors between two upgrades")
            begun = time.monotonic()
            mesh.upgrade("--binary", programs[(turn + 1) % 2])
            times.append(time.monotonic() - begun)
            if turn % 5 == 4:  # the store is this process's: it orders
                live = len(mesh.events("cert_live"))
                mesh.command("certs", "renew", "b.example")
                mesh.wait_for("cert_live", count=live + 1, seconds=60)
        seen = visitors.count
        wait_until(lambda: visitors.count > seen + 100, 60, "visitors of the last one")
    failures = [*visitors.failures, *mine.failures, *ordered.failures]
    print(f"\n{UPGRADES} upgrades, each {statistics.mean(times):.2f} s, the slowest {max(times):.2f} s; "
          f"{visitors.count} visitors, {mine.handshakes + ordered.handshakes} handshakes, {len(failures)} failures")
    assert not failures, failures[:5]
    assert sum(process.poll() is None for process in mesh.former) == UPGRADES, "each has somebody who stays"
    for client in staying:
        client.send(b"still here\n")
        assert client.receive_line() == "still here"
        client.close()
    wait_until(lambda: all(process.poll() == 0 for process in mesh.former), 30, "all that were replaced have ended")
    assert not mesh.events("order_failed") and not mesh.events("upgrade_failed")
