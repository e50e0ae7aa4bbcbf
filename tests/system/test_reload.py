# ctest: timeout=240 sanitize
"""Another configuration for a running mesh: whole or not at all, and nobody notices the change."""

import copy
import json
import signal
import socket
import sqlite3
import ssl
from contextlib import ExitStack

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mesh_env import Authority, Hammer, client_hello, refusal, s_client, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import certified_router, configuration, rule, service
from mesh_env.control import ControlSocket


def control(mesh) -> ControlSocket:
    return ControlSocket(mesh.directory / "mesh.db.sock")


def takes_connections(env, entry_point: str) -> bool:
    try:
        env.tcp(entry_point).close()
    except OSError:
        return False
    return True


def chain_length(env, name: str) -> int:
    """Certificates that a client of `name` is sent."""
    return s_client(env.at(), name, "-showcerts").stdout.count(b"BEGIN CERTIFICATE")


def test_routes_services_and_names_change_under_a_hammer_of_handshakes(env):
    env.backend("app")
    env.backend("other")
    config = configuration(env, {"shop": certified_router("shop.example")})
    mesh = env.mesh(config)
    mesh.wait_for("cert_live", seconds=60)
    authority = env.trust()
    established = env.tls("shop.example", authority)
    assert established.receive_line() == "app"

    with Hammer(env.at(), ["shop.example"], lambda: authority, threads=2) as hammer:
        wait_until(lambda: hammer.handshakes > 5, 30, "handshakes")
        with control(mesh) as client:
            for turn in range(10):
                config["tcp"]["routers"][f"more{turn}"] = {
                    "rule": rule(f"more{turn}.example"), "service": "app", "tls": {"passthrough": True}}
                mesh.write_config(config)
                assert client.ask("reload")["applied"] is True
        config["tcp"]["routers"]["mail"] = certified_router("mail.example", service="other")
        config["tcp"]["services"]["other"] = service(env.endpoint("backend-other"))
        mesh.write_config(config)
        assert "applied" in mesh.command("reload").stdout
        mesh.wait_for("cert_live", names="mail.example", seconds=60)
        before = hammer.handshakes
        wait_until(lambda: hammer.handshakes > before + 5, 30, "handshakes after the reloads")
    assert not hammer.failures, hammer.failures[:3]

    with env.tls("mail.example", authority) as client:
        assert client.receive_line() == "other"
    established.send(b"still here\n")
    assert established.receive_line() == "still here"
    established.close()
    mesh.wait_for("reload_applied", count=11)


def test_a_server_written_as_a_name_is_reached_as_soon_as_the_reload_is_applied(env):
    env.backend("app")
    config = configuration(env, {"plain": {"rule": "HostSNI(`*`)", "service": "app"}})
    mesh = env.mesh(config)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        config["tcp"]["services"]["named"] = service(f"localhost:{server.getsockname()[1]}")
        config["tcp"]["routers"]["plain"]["service"] = "named"
        mesh.write_config(config)
        mesh.command("reload")
        with socket.create_connection(env.at(), timeout=30) as client:
            client.sendall(b"hello\n")
            accepted, _ = server.accept()
            with accepted:
                accepted.settimeout(30)
                assert accepted.recv(16) == b"hello\n"

    config["tcp"]["services"]["named"] = service("nowhere.invalid:443")
    mesh.write_config(config)
    out = mesh.command("reload").stdout
    assert "nowhere.invalid of a server has no address yet" in out and "applied" in out


def test_who_connects_after_the_answer_to_a_reload_meets_it(env):
    """Also where the workers have much to do, signatures that take long here, and connections wait to be accepted."""
    for name in ("one", "two"):
        env.backend(name)
    authority = SigningAuthority()
    authority.write_pair(env.directory / "tls", "slow", "slow.example",
                         key=rsa.generate_private_key(public_exponent=65537, key_size=4096))
    config = {"entryPoints": {name: {"address": env.endpoint(name)} for name in ("websecure", "plain")},
              "tcp": {"routers": {"all": {"entryPoints": ["plain"], "rule": "HostSNI(`*`)", "service": "now"},
                                  "slow": {"entryPoints": ["websecure"], "rule": rule("slow.example"),
                                           "service": "now", "tls": {}}}},
              "tls": {"certificates": [{"certFile": "tls/slow.crt", "keyFile": "tls/slow.key"}]}}

    def switch(turn: int) -> str:
        name = ("one", "two")[turn % 2]
        config["tcp"]["services"] = {"now": service(env.endpoint(f"backend-{name}"))}
        return name

    switch(0)
    mesh = env.mesh(config)
    hello = client_hello("slow.example")
    with control(mesh) as client:
        for turn in range(1, 11):
            name = switch(turn)
            mesh.write_config(config)
            with ExitStack() as busy:
                for _ in range(60):
                    busy.enter_context(env.tcp("websecure")).send(hello)
                    busy.enter_context(env.tcp("plain"))
                assert client.ask("reload")["applied"] is True
                with env.tcp("plain") as first, env.tcp("plain") as second:
                    assert [first.receive_line(), second.receive_line()] == [name, name], f"after {turn} reloads"


def test_a_refused_reload_leaves_everything_as_it_was(env):
    env.backend("app")
    config = configuration(env, {"shop": certified_router("shop.example")})
    mesh = env.mesh(config)
    mesh.wait_for("cert_live", seconds=60)
    applied = mesh.json("status")["configuration"]
    assert applied["refused_reload"] is None and len(applied["sha256"]) == 64

    broken = copy.deepcopy(config)
    broken["tcp"]["routers"]["shop"]["rule"] = "HostSNI(`other.example`) |"
    broken["tcp"]["routers"]["new"] = certified_router("new.example")
    mesh.write_config(broken)
    out = mesh.command("reload", expect=1).stdout
    assert "error" in out and "tcp.routers.shop.rule" in out and "not applied" in out
    mesh.wait_for("reload_refused")

    moved = copy.deepcopy(config)
    moved["entryPoints"]["websecure"]["address"] = env.endpoint("elsewhere")
    moved["workers"] = 7
    moved["certificatesResolvers"]["le"]["acme"]["storage"] = "other.db"
    moved["tcp"]["routers"]["new"] = certified_router("new.example")
    # The socket is looked for beside the store the file names.
    mesh.write_config(moved)
    with control(mesh) as client:
        answer = client.ask("reload")
    assert answer["applied"] is False
    errors = [finding for finding in answer["findings"] if finding["severity"] == "error"]
    assert {finding["code"] for finding in errors} == {"needs-restart"}
    assert {finding["path"] for finding in errors} == {"workers", "certificatesResolvers.le.acme.storage"}

    mesh.write_config(config)
    now = mesh.json("status")["configuration"]
    assert now["sha256"] == applied["sha256"] and now["applied"] == applied["applied"]
    assert "2 options need a restart" in now["refused_reload"]["summary"]
    with env.tls("shop.example") as client:
        assert client.receive_line() == "app"

    # A signal says the same as the command.
    mesh.signal(signal.SIGHUP)
    mesh.wait_for("reload_applied")
    assert not mesh.events("order_started", names="new.example")
    assert mesh.json("status")["configuration"]["refused_reload"] is None
    mesh.config_file.write_text("tcp: [")
    refused = len(mesh.events("reload_refused"))
    mesh.signal(signal.SIGHUP)
    mesh.wait_for("reload_refused", count=refused + 1)
    # Such a file does not even say where its store is; what is wrong with it is said all the same.
    assert "error" in mesh.command("reload", expect=1).stdout


def test_fifty_reloads_while_orders_run_start_none_anew(env):
    names = [f"n{i}.example" for i in range(6)]
    env.pebble(retry_after_authz=2, retry_after_order=2)
    env.backend("app")
    config = configuration(env, {f"r{i}": certified_router(name) for i, name in enumerate(names)})
    mesh = env.mesh(config)
    mesh.wait_for("order_started", count=len(names), seconds=30)
    with control(mesh) as client:
        for turn in range(50):
            config["tcp"]["routers"]["extra"] = {"rule": rule(f"extra{turn}.example"), "service": "app",
                                                 "tls": {"passthrough": True}}
            mesh.write_config(config)
            assert client.ask("reload")["applied"] is True
    mesh.wait_for("cert_live", count=len(names), seconds=60)
    assert len(mesh.events("order_started")) == len(names)
    assert not mesh.events("order_failed")


def test_names_that_change_during_an_order_leave_the_old_certificate_serving(env):
    env.pebble(retry_after_authz=2, retry_after_order=2)
    env.backend("app")
    config = configuration(env, {"shop": certified_router("shop.example")})
    mesh = env.mesh(config)
    mesh.wait_for("cert_live", seconds=60)
    authority = env.trust()
    with Hammer(env.at(), ["shop.example"], lambda: authority) as hammer:
        wait_until(lambda: hammer.serials("shop.example"), 30, "a handshake")
        for more in (["www.shop.example"], ["www.shop.example", "shop2.example"]):
            config["tcp"]["routers"]["shop"] = certified_router("shop.example", *more)
            mesh.write_config(config)
            mesh.command("reload")
            mesh.wait_for("order_started", names=", ".join(["shop.example", *more]))
        mesh.wait_for("cert_live", names="shop.example, www.shop.example, shop2.example", seconds=60)
        # On a busy machine the order between may have come to its end as well.
        wait_until(lambda: len(hammer.serials("shop.example")) >= 2, 30, "the new certificate in handshakes")
    assert not hammer.failures, hammer.failures[:3]
    with env.tls("shop2.example", authority) as client:
        assert client.names == {"shop.example", "www.shop.example", "shop2.example"}


def test_certificates_from_files_and_tls_options_follow(env):
    env.backend("app")
    authority = SigningAuthority()
    first = authority.write_pair(env.directory / "tls", "first", "own.example")
    second = authority.write_pair(env.directory / "tls", "second", "own.example", days=200)
    config = {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "tcp": {"routers": {"own": {"rule": rule("own.example"), "service": "app", "tls": {}}},
                "services": {"app": service(env.endpoint("backend-app"))}},
        "tls": {"certificates": [{"certFile": str(first[0]), "keyFile": str(first[1])}]},
    }
    mesh = env.mesh(config)
    trust = Authority(authority.pem)
    with env.tls("own.example", trust) as client:
        before = client.serial
    with Hammer(env.at(), ["own.example"], lambda: trust) as hammer:
        wait_until(lambda: hammer.handshakes > 3, 30, "handshakes")
        config["tls"] = {"certificates": [{"certFile": str(second[0]), "keyFile": str(second[1])}],
                         "options": {"default": {"minVersion": "VersionTLS13"}}}
        mesh.write_config(config)
        mesh.command("reload")
        wait_until(lambda: len(hammer.serials("own.example")) == 2, 30, "the other certificate")
        # The files under the same names.
        authority.write_pair(env.directory / "tls", "second", "own.example", days=300)
        mesh.command("reload")
        wait_until(lambda: len(hammer.serials("own.example")) == 3, 30, "the third certificate")
    assert not hammer.failures, hammer.failures[:3]
    assert hammer.serials("own.example")[0] == before
    # The same leaf with another chain behind it: one that ends in its root is sent without that.
    assert chain_length(env, "own.example") == 1
    second[0].write_text(second[0].read_text() + first[0].read_text())
    mesh.command("reload")
    wait_until(lambda: chain_length(env, "own.example") > 1, 30, "the longer chain")
    # Keys that do not fit are refused, and what is served stays.
    second[1].write_text(first[1].read_text())
    assert "certificate" in mesh.command("reload", expect=1).stdout
    with env.tls("own.example", trust) as client:
        assert client.serial == hammer.serials("own.example")[2]
    old_client = Authority(authority.pem, maximum=ssl.TLSVersion.TLSv1_2)
    assert refusal(env.at(), "own.example", old_client) == "protocol_version"


def test_entry_points_come_and_go_and_move(env):
    env.backend("app")
    config = {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "tcp": {"routers": {"plain": {"rule": "HostSNI(`*`)", "service": "app"}},
                "services": {"app": service(env.endpoint("backend-app"))}},
    }
    mesh = env.mesh(config)
    old = env.tcp()
    assert old.receive_line() == "app"

    config["entryPoints"]["more"] = {"address": env.endpoint("more"), "onRemove": "close"}
    mesh.write_config(config)
    mesh.command("reload")
    added = env.tcp("more")
    assert added.receive_line() == "app"

    # What cannot be bound is refused with its place, and nothing changes.
    taken = env.backend("taken")
    broken = copy.deepcopy(config)
    broken["entryPoints"]["more"]["address"] = env.endpoint("backend-taken")
    broken["entryPoints"]["third"] = {"address": env.endpoint("third")}
    mesh.write_config(broken)
    refused = json.loads(mesh.command("reload", "--json", expect=1).stdout)
    assert [finding["code"] for finding in refused["findings"]] == ["cannot-bind"]
    assert "already in use" in refused["findings"][0]["message"]
    taken.stop()
    with env.tcp("more") as client:
        assert client.receive_line() == "app"
    assert not takes_connections(env, "third")

    config["entryPoints"]["websecure"]["address"] = env.endpoint("moved")
    del config["entryPoints"]["more"]
    mesh.write_config(config)
    mesh.command("reload")
    with env.tcp("moved") as client:
        assert client.receive_line() == "app"
    for gone in ("websecure", "more"):
        wait_until(lambda: not takes_connections(env, gone), 15, f"nobody listening on {gone}")
    with pytest.raises(AssertionError, match="fin"):  # onRemove: close
        added.receive_line()
    old.send(b"still here\n")
    assert old.receive_line() == "still here"
    old.close()


def test_the_first_resolver_the_last_one_and_the_log_follow(env):
    env.backend("app")
    config = {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "tcp": {"routers": {"shop": {"rule": rule("shop.example"), "service": "app", "tls": {}}},
                "services": {"app": service(env.endpoint("backend-app"))}},
    }
    mesh = env.mesh(config)
    assert mesh.json("status")["store"] is None
    with control(mesh) as client:
        config["certificatesResolvers"] = {"le": {"acme": {**env.resolver()["acme"], "storage": "certs.db"}}}
        config["tcp"]["routers"]["shop"] = certified_router("shop.example")
        mesh.write_config(config)
        assert client.ask("reload")["applied"] is True
    mesh.wait_for("cert_live", seconds=60)
    with env.tls("shop.example") as client:
        assert client.receive_line() == "app"
    # Commands look beside the store that the file names now.
    assert mesh.json("status")["store"]["path"] == str(mesh.directory / "certs.db")

    config["log"] = {"level": "DEBUG", "format": "json", "filePath": "other.log"}
    mesh.write_config(config)
    mesh.command("reload")
    other = mesh.directory / "other.log"
    wait_until(lambda: other.exists() and '"reload_applied"' in other.read_text(), 15, "the other log")
    config["log"]["filePath"] = "nowhere/other.log"
    mesh.write_config(config)
    assert "log-file" in mesh.command("reload", "--json", expect=1).stdout
    del config["log"]
    config["tcp"]["routers"]["shop"] = {"rule": rule("shop.example"), "service": "app", "tls": {}}
    del config["certificatesResolvers"]
    mesh.write_config(config)
    mesh.command("reload")
    mesh.wait_for("reload_applied", count=2)
    # The certificate is stored, and presented where the router names no resolver as well.
    with env.tls("shop.example") as client:
        assert client.receive_line() == "app"


def test_a_start_on_the_last_good_configuration(env):
    env.backend("app")
    config = configuration(env, {"shop": certified_router("shop.example")})
    config["certificatesResolvers"]["le"]["acme"]["email"] = "${MESH_TEST_EMAIL}"
    email = {"MESH_TEST_EMAIL": "admin@example.com"}
    mesh = env.mesh(config, env=email)
    mesh.wait_for("cert_live", seconds=60)
    mesh.stop()
    # What a substitution stands for is not kept.
    with sqlite3.connect(mesh.directory / "mesh.db") as database:
        [(text,)] = database.execute("SELECT text FROM configuration_file")
    assert "${MESH_TEST_EMAIL}" in text and "admin@example.com" not in text

    mesh.write_config("tcp: [")
    mesh.start(ready=False, env=email)
    assert mesh.wait_exit() == 1
    mesh.start("--last-good", env=email)
    assert mesh.wait_for("last_good").level == "ERROR"
    with env.tls("shop.example") as client:
        assert client.receive_line() == "app"
    with control(mesh) as client:
        assert client.ask("status")["configuration"]["last_good"] is True
        assert client.ask("reload")["applied"] is False
        mesh.write_config(config)
        assert client.ask("reload")["applied"] is True
        assert client.ask("status")["configuration"]["last_good"] is False
