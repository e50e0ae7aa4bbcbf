# ctest: timeout=240 sanitize
"""The control socket and the commands that use it."""

import base64
import json
import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from mesh_env import Authority, Hammer, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import certified_router, configuration, rule, service
from mesh_env.control import ControlSocket


def control(mesh) -> ControlSocket:
    return ControlSocket(mesh.directory / "mesh.db.sock")


def plain(env) -> dict:
    """A configuration that needs no CA."""
    return {"entryPoints": {"web": {"address": env.endpoint("web")}},
            "tcp": {"routers": {"all": {"rule": "HostSNI(`*`)", "service": "app"}},
                    "services": {"app": service(env.endpoint("backend-app"))}}}


def dead_resolver(env) -> dict:
    """A CA that nobody runs."""
    return {"le": {"acme": {"caServer": f"https://{env.endpoint('no-ca')}/dir", "tlsChallenge": {}}}}


def test_status_and_health_with_and_without_a_process(env):
    env.backend("app")
    config = configuration(env, {"shop": certified_router("shop.example")}, resolvers=dead_resolver(env))
    mesh = env.mesh(config, start=False)
    assert "does not run" in mesh.command("status").stdout
    assert mesh.json("status")["running"] is False
    assert "unhealthy" in mesh.command("health", expect=1).stdout
    assert "nobody listens" in mesh.command("reload", expect=3).stderr
    assert "nobody listens" in mesh.command("certs", "renew", "shop.example", expect=3).stderr

    mesh.start()
    status = mesh.json("status")
    assert status["running"] is True and status["pid"] == mesh.pid
    assert status["configuration"]["file"] == str(mesh.config_file)
    assert status["certificates"]["missing"] == 1
    assert f"healthy: pid {mesh.pid}" in mesh.command("health").stdout
    wait_until(lambda: mesh.json("status")["authorities"][0]["state"] == "away", 30, "the CA seen as away")
    # Again and again it is asked whether it is back, and is not called away meanwhile.
    text = wait_until(lambda: "away until" in (said := mesh.command("status").stdout) and said, 30, "away until when")
    assert "1 missing" in text
    # Not this process's configuration: it is not what somebody else asks about.
    other = env.directory / "other.yaml"
    other.write_text(mesh.config_file.read_text())
    done = subprocess.run([os.environ["MESH_BINARY"], "reload", "--config", str(other)], capture_output=True, text=True)
    assert done.returncode == 3 and str(mesh.config_file) in done.stderr

    socket_file = mesh.directory / "mesh.db.sock"
    mesh.kill()
    assert socket_file.exists()  # a dead owner's: in nobody's way
    assert "does not run" in mesh.command("status").stdout
    mesh.start()
    assert mesh.json("health")["pid"] == mesh.pid
    mesh.stop()
    assert not socket_file.exists()


def test_the_socket_is_for_its_owner_and_a_second_process_does_not_take_it(env):
    env.backend("app")
    mesh = env.mesh(plain(env))
    file = mesh.directory / "mesh.db.sock"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = dict(plain(env), entryPoints={"web": {"address": env.endpoint("web2")}})
    other = env.mesh(second, name="second")
    other.wait_for("control_socket_failed")
    assert mesh.json("health")["pid"] == mesh.pid
    other.stop()
    assert mesh.json("health")["pid"] == mesh.pid


def test_with_a_runtime_directory_the_socket_is_there_and_the_store_leads_to_it(env):
    env.backend("app")
    mesh = env.mesh(plain(env), start=False)
    with tempfile.TemporaryDirectory() as folder:
        mesh.start(env={"RUNTIME_DIRECTORY": folder})
        assert stat.S_IMODE(Path(folder, "mesh.sock").stat().st_mode) == 0o600
        assert mesh.json("health")["pid"] == mesh.pid  # by the store, without the variable
        assert "healthy" in mesh.command("health", env={"RUNTIME_DIRECTORY": folder}).stdout
        if os.geteuid() == 0:
            assert_other_users_are_refused(Path(folder))
        mesh.stop()
        assert not Path(folder, "mesh.sock").exists()
    mesh.start()  # the link leads nowhere now
    assert mesh.json("health")["pid"] == mesh.pid


def assert_other_users_are_refused(folder: Path) -> None:
    """By the mode of the file, and where somebody opened it, by the uid of the peer."""
    program = ("import os, socket, sys\nos.setgid(65534); os.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\n"
               "s.settimeout(30)\ntry:\n    s.connect(sys.argv[1])\nexcept PermissionError:\n    print('mode')\n"
               "else:\n    print(s.recv(1000).decode())\n")

    def attempt() -> str:
        return subprocess.run([sys.executable, "-c", program, str(folder / "mesh.sock")], capture_output=True,
                              text=True, check=True).stdout

    folder.chmod(0o755)
    assert attempt().strip() == "mode"
    (folder / "mesh.sock").chmod(0o666)
    assert json.loads(attempt())["error"]["code"] == "permission"


def test_clients_that_hang_disturb_nobody(env):
    env.backend("app")
    mesh = env.mesh(plain(env))
    stuck = [control(mesh) for _ in range(40)]
    for client in stuck[::3]:
        try:
            client.send(b'{"version":1,"comm')
        except OSError:
            pass  # it has lost its place to a newer one
    deaf = control(mesh)
    deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    try:
        deaf.send(b'{"version":1,"command":"status"}\n' * 5000)
    except OSError:
        pass
    for _ in range(5):
        assert mesh.json("health")["pid"] == mesh.pid
        with env.tcp("web") as client:
            assert client.receive_line() == "app"
    with control(mesh) as client:
        client.send(b'[1, 2]\n{"version":2}\n{"version":1}\n{"version":1,"command":7}\n\xff\xfe\n')
        codes = [json.loads(client.line())["error"]["code"] for _ in range(5)]
    assert codes == ["bad_request", "unsupported_version", "unknown_command", "bad_request", "bad_request"]
    with control(mesh) as client:
        try:
            client.send(b"x" * 1_200_000)
        except OSError:
            pass  # refused before all of it was there
        assert json.loads(client.line())["error"]["code"] == "too_long"
    mesh.stop()
    for client in [*stuck, deaf]:
        client.close()


def test_renew_orders_at_once_and_no_handshake_fails(env):
    env.backend("app")
    mesh = env.mesh(configuration(env, {"shop": certified_router("shop.example", "www.shop.example")}))
    mesh.wait_for("cert_live", seconds=60)
    authority = env.trust()
    with Hammer(env.at(), ["shop.example"], lambda: authority) as hammer:
        wait_until(lambda: hammer.serials("shop.example"), 30, "a handshake")
        assert "an order begins now" in mesh.command("certs", "renew", "www.shop.example").stdout
        mesh.wait_for("cert_live", count=2, seconds=60)
        wait_until(lambda: len(hammer.serials("shop.example")) == 2, 30, "the new certificate in handshakes")
    assert not hammer.failures, hammer.failures[:3]
    assert mesh.json("certs", "renew", "--failed")["certificates"] == []
    assert mesh.command("certs", "renew", "nobody.example", expect=1).stderr
    story = mesh.command("certs", "show", "www.shop.example").stdout
    assert "issued" in story and "renewal asked" in story and "routers" in story
    serials = [f"{serial:x}" for serial in reversed(hammer.serials("shop.example"))]
    assert re.search(rf"versions  current   0*{serials[0]}, .* issued .*\n +previous  0*{serials[1]}, ", story), story
    told, = mesh.json("certs", "show", "www.shop.example")["certificates"]
    assert [version["serial"].lstrip("0") for version in told["versions"]] == serials
    assert [version["current"] for version in told["versions"]] == [True, False]
    assert told["versions"][0]["not_after"] == told["not_after"]
    assert told["history"][0]["event"] == "issued"


def test_certificates_are_imported_into_a_running_mesh(env):
    env.backend("app")
    names = [f"n{i}.example" for i in range(5)]
    config = configuration(env, {f"r{i}": certified_router(name) for i, name in enumerate(names)},
                           resolvers=dead_resolver(env))
    mesh = env.mesh(config)
    authority = SigningAuthority()
    for i, name in enumerate(names[1:]):
        authority.write_pair(mesh.directory / "pairs", f"p{i}", name)
    (mesh.directory / "pairs" / "broken.crt").write_text("no certificate")
    (mesh.directory / "pairs" / "broken.key").write_text("no key")

    out = mesh.command("certs", "import", "--dir", str(mesh.directory / "pairs"), expect=1).stdout
    assert "4 imported" in out and "1 refused" in out
    pair = authority.write_pair(mesh.directory / "one", "one", names[0])
    assert "1 imported" in mesh.command("certs", "import", "--cert", str(pair[0]), "--key", str(pair[1])).stdout
    trust = Authority(authority.pem)
    for name in names:
        with env.tls(name, trust) as client:
            assert client.names == {name}
    listed = mesh.json("certs", "list")
    assert listed["pid"] == mesh.pid
    assert {(c["state"], c["source"]) for c in listed["certificates"]} == {("valid", "import")}
    mesh.stop()
    mesh.start()  # it was stored, not only served
    with env.tls(names[3], trust) as client:
        assert client.names == {names[3]}


def test_a_traefik_store_is_taken_over_by_a_running_mesh_without_an_order(env):
    env.backend("app")
    routers = {"shop": certified_router("shop.example", "www.shop.example"), "mail": certified_router("mail.example")}
    first = env.mesh(configuration(env, routers))
    first.wait_for("cert_live", count=2, seconds=60)
    authority = env.trust()
    with sqlite3.connect(f"file:{first.directory}/mesh.db?mode=ro", uri=True) as store:
        rows = store.execute("SELECT c.ordered_names, m.chain, m.key FROM certificate AS c "
                             "JOIN version_material AS m ON m.version_id = c.current_version").fetchall()
    first.stop()

    def encoded(text) -> str:
        return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()

    names = [row[0].split() for row in rows]
    (env.directory / "acme.json").write_text(json.dumps({"myresolver": {
        "Account": {"Email": "admin@example.com", "Registration": {"uri": "https://ca.example/acct/1"}},
        "Certificates": [{"domain": {"main": main, **({"sans": sans} if sans else {})}, "certificate": encoded(chain),
                          "key": encoded(key), "Store": "default"}
                         for (main, *sans), (_, chain, key) in zip(names, rows)]}}))
    env.pebble().stop()
    second = env.mesh(configuration(env, routers, resolvers={"le": env.resolver(storage="second.db")}), name="second")
    second.wait_for("ca_down", seconds=30)
    assert "2 imported" in second.command("certs", "import", str(env.directory / "acme.json")).stdout
    for name in ("shop.example", "www.shop.example", "mail.example"):
        with env.tls(name, authority) as client:
            assert name in client.names
    listed = second.json("certs", "list")["certificates"]
    assert {(c["state"], c["next_action"], c["order"]) for c in listed} == {("valid", "renew", None)}
    assert not second.events("order_started")
    second.command("certs", "check")


def test_check_is_a_plug_in_for_monitoring(env):
    env.backend("app")
    mesh = env.mesh(configuration(env, {"a": certified_router("a.example"), "b": certified_router("b.example")},
                                  resolvers=dead_resolver(env)))
    authority = SigningAuthority()
    first = authority.write_pair(mesh.directory, "a", "a.example")
    mesh.command("certs", "import", "--cert", str(first[0]), "--key", str(first[1]))
    out = mesh.command("certs", "check", expect=2).stdout
    assert out.splitlines()[0].startswith("CRITICAL: b.example: there is no certificate")
    assert "OK: a.example: 100% of its life left" in out
    second = authority.write_pair(mesh.directory, "b", "b.example")
    mesh.command("certs", "import", "--cert", str(second[0]), "--key", str(second[1]))
    assert mesh.command("certs", "check").stdout.count("OK: ") == 2
    assert "WARNING" in mesh.command("certs", "check", "--warn", "100%", expect=1).stdout
    assert mesh.json("certs", "check", "--warn", "100%", "--crit", "100%", expect=2)["verdict"] == "CRITICAL"
    for wrong in ("20", "-1%", "101%", "1e1%", "%", "0x10%", " 5%", "5.%"):
        assert "UNKNOWN" in mesh.command("certs", "check", f"--warn={wrong}", expect=3).stdout
    assert "UNKNOWN" in mesh.command("certs", "check", "--warn", "5%", expect=3).stdout  # below --crit
    mesh.stop()
    # From the store, with nobody running.
    assert mesh.command("certs", "check").stdout.count("OK: ") == 2
    mesh.write_config("nothing: [")
    assert "UNKNOWN" in mesh.command("certs", "check", expect=3).stdout


def test_a_rule_that_wants_certificates_from_files_is_checked_too(env):
    env.backend("app")
    authority = SigningAuthority()
    pair = authority.write_pair(env.directory / "tls", "own", "own.example", days=0.01)
    config = {"entryPoints": {"websecure": {"address": env.endpoint()}},
              "tcp": {"routers": {"own": {"rule": rule("own.example"), "service": "app", "tls": {}}},
                      "services": {"app": service(env.endpoint("backend-app"))}},
              "tls": {"certificates": [{"certFile": str(pair[0]), "keyFile": str(pair[1])}]}}
    mesh = env.mesh(config)
    mesh.wait_for("cert_expiring", names="own.example", level="WARN")
    assert "WARNING: own.example" in mesh.command("certs", "check", expect=1).stdout
