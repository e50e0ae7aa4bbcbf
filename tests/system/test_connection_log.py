# ctest: timeout=120 sanitize
"""The log of connections: one line each, in a file or on stdout, switched on and off while mesh runs."""

import json
import os
import signal

from mesh_env import Authority, refusal, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service


def site(env, access_log):
    authority = SigningAuthority()
    authority.write_pair(env.directory / "tls", "shop", "shop.example")
    env.backend("app")
    config = {
        "entryPoints": {"websecure": {"address": env.endpoint()}, "plain": {"address": env.endpoint("plain")}},
        "tcp": {
            "routers": {
                "shop": {"entryPoints": ["websecure"], "rule": rule("shop.example"), "service": "app", "tls": {}},
                "plain": {"entryPoints": ["plain"], "rule": "HostSNI(`*`)", "service": "app"},
            },
            "services": {"app": service(env.endpoint("backend-app"))},
        },
        "tls": {"certificates": [{"certFile": "tls/shop.crt", "keyFile": "tls/shop.key"}]},
    }
    if access_log is not None:
        config["accessLog"] = access_log
    return config, Authority(authority.pem)


def told(path, count):
    """The lines of the file, once it has so many."""
    def lines():
        whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
        return [json.loads(line) for line in whole.splitlines()]

    wait_until(lambda: len(lines()) >= count, 10, f"{count} lines in {path}")
    assert len(lines()) == count, lines()
    return lines()


def test_one_line_for_each_connection(env):
    config, trust = site(env, {"format": "json", "filePath": "access.log"})
    mesh = env.mesh(config)
    path = env.directory / "access.log"
    with env.tls("shop.example", trust) as client:
        assert client.receive_line() == "app"
        client.send(b"12345\n")
        assert client.receive_line() == "12345"
    line, = told(path, 1)
    assert line["event"] == "connection" and line["time"].endswith("Z")
    assert {key: line[key] for key in ("entry_point", "sni", "router", "service", "tls", "resumed", "bytes_down")} == {
        "entry_point": "websecure", "sni": "shop.example", "router": "shop", "service": "app", "tls": "TLSv1.3",
        "resumed": False, "bytes_down": 10}
    assert line["server"] == env.endpoint("backend-app")
    assert path.stat().st_mode & 0o777 == 0o600

    assert refusal(env.at(), "other\u00fc.example".encode("idna").decode(), trust) == "unrecognized_name"
    assert told(path, 2)[1]["cause"] == "client"

    # A rotation: the old file is finished, the new one gets what comes after.
    path.rename(env.directory / "access.log.1")
    mesh.signal(signal.SIGUSR1)
    wait_until(path.exists, 10, "the new file")
    with env.tcp("plain") as client:
        assert client.receive_line() == "app"
    assert told(path, 1)[0]["router"] == "plain"

    # Off, and on again elsewhere.
    del config["accessLog"]
    mesh.write_config(config)
    mesh.command("reload")
    with env.tcp("plain") as client:
        assert client.receive_line() == "app"
    config["accessLog"] = {"format": "json", "filePath": "other.log"}
    mesh.write_config(config)
    mesh.command("reload")
    with env.tcp("plain") as client:
        assert client.receive_line() == "app"
    assert len(told(env.directory / "other.log", 1)) == 1
    told(path, 1)

    config["accessLog"] = {"filePath": "nowhere/access.log"}
    mesh.write_config(config)
    refused = mesh.command("reload", expect=1)
    assert "accessLog.filePath: cannot open log file" in refused.stdout + refused.stderr

    def counted() -> dict:
        return mesh.json("status")["connections"]

    # Counted when the client has them already.
    wait_until(lambda: counted()["bytes_down"] >= 22, 10, "the last bytes are counted")
    counts = counted()
    assert counts["established"] == 4 and counts["ended"]["client"] >= 1
    assert counts["bytes_down"] == 22


def test_a_reader_that_has_left_keeps_nobody_waiting(env):
    """stdout is a pipe whose reader leaves: connections go on."""
    config, trust = site(env, {})
    reader, writer = os.pipe()
    mesh = env.mesh(config, start=False)
    mesh.start(stdout=writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        with env.tls("shop.example", trust) as client:
            assert client.receive_line() == "app"
        assert b"event=connection client=127.0.0.1:" in lines.readline()
    for _ in range(20):
        with env.tls("shop.example", trust) as client:
            assert client.receive_line() == "app"
