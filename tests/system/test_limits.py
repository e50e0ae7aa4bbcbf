# ctest: timeout=240 sanitize
"""What an entry point may hold, and for how long: each limit, and that mesh goes on beside it."""

import signal
import ssl
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from mesh_env import Authority, TcpClient, scaled, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service


def site(env, limits: dict | None = None, key=None):
    """Entry points 'websecure' and 'plain' with these limits, and 'free' without."""
    authority = SigningAuthority()
    authority.write_pair(env.directory / "tls", "shop", "shop.example", **({"key": key} if key else {}))
    env.backend("app")
    config = {
        "entryPoints": {
            "websecure": {"address": env.endpoint(), **(limits or {})},
            "plain": {"address": env.endpoint("plain"), **(limits or {})},
            "free": {"address": env.endpoint("free")},
        },
        "tcp": {
            "routers": {
                "shop": {"entryPoints": ["websecure"], "rule": rule("shop.example"), "service": "app", "tls": {}},
                "plain": {"entryPoints": ["plain", "free"], "rule": "HostSNI(`*`)", "service": "app"},
            },
            "services": {"app": service(env.endpoint("backend-app"))},
        },
        "tls": {"certificates": [{"certFile": "tls/shop.crt", "keyFile": "tls/shop.key"}]},
        "log": {"level": "DEBUG"},
        "workers": 2,
    }
    return env.mesh(config), config, Authority(authority.pem)


def times(**responding) -> dict:
    return {"transport": {"respondingTimeouts": responding}}


def life(**cycle) -> dict:
    return {"transport": {"lifeCycle": cycle}}


def welcomed(client) -> bool:
    return client.receive_line() == "app"


def says(mesh, message: str) -> bool:
    return any(message in line.text for line in mesh.lines)


def test_more_connections_than_an_entry_point_may_have_wait(env):
    mesh, _, _ = site(env, {"maxConnections": 2})
    with env.tcp("plain") as first, env.tcp("plain") as second:
        assert welcomed(first) and welcomed(second)
        with env.tcp("plain") as third:
            wait_until(lambda: says(mesh, "not accepting connections for a moment"), 10, "the pause in the log")
            with env.tcp("free") as elsewhere:
                assert welcomed(elsewhere)
            third.socket.settimeout(0.3)
            with pytest.raises(TimeoutError):
                third.receive()
            third.socket.settimeout(scaled(10))
            first.close()
            assert welcomed(third)


def test_more_connections_than_a_client_may_have_are_closed(env):
    crowded = "one source has as many open as it may"
    mesh, config, trust = site(env, {"maxConnectionsPerIP": 2})
    with env.tcp("plain") as first, env.tcp("plain") as second:
        assert welcomed(first) and welcomed(second)
        for _ in range(5):
            with env.tcp("plain") as third:
                assert third.receive_to_end() == b""
        with env.tcp("plain", source="127.200.3.4") as other, env.tls("shop.example", trust) as elsewhere:
            assert welcomed(other) and welcomed(elsewhere)
        wait_until(lambda: says(mesh, crowded), 10, "the line in the log")
        # A reload knows who is there.
        config["entryPoints"]["plain"]["maxConnectionsPerIP"] = 3
        mesh.write_config(config)
        mesh.command("reload")
        with env.tcp("plain") as third:
            assert welcomed(third)
            with env.tcp("plain") as fourth:  # not sooner: another worker might have it first
                assert fourth.receive_to_end() == b""
    def again() -> bool:
        with env.tcp("plain") as client:
            return client.receive() == b"app\n"
    wait_until(again, 10, "the places that were given back")
    mesh.stop()
    assert sum(crowded in line.text for line in mesh.lines) <= 2  # once for each worker


def test_more_handshakes_than_allowed_wait(env):
    # Long enough for a client that gets no processor for a while.
    mesh, _, trust = site(env, {"maxHandshakes": 1, **times(handshakeTimeout="5s")})
    begun = time.monotonic()
    with env.tcp() as pending:
        pending.send(b"\x16")
        # Accepted, not open: it may be out of time before the answer is here.
        wait_until(lambda: mesh.json("status")["connections"]["accepted"] == 1, 10, "the pending one")
        with env.tls("shop.example", trust) as second:  # once the first is out of time
            assert welcomed(second)
        assert pending.receive_to_end() == b""
    assert time.monotonic() - begun >= 4.8


def test_idle_connections_end_and_busy_ones_go_on(env):
    # Long enough for the busy one where this process gets no processor for a while.
    _, _, trust = site(env, times(idleTimeout="5s"))
    begun = time.monotonic()  # not later than the last byte of the idle ones
    with env.tcp("plain") as idle, env.tls("shop.example", trust) as secure, env.tcp("plain") as busy, \
            env.tcp("free") as free:
        for client in (idle, secure, busy, free):
            assert welcomed(client)
        busy_since = time.monotonic()
        ended = None
        while ended is None or time.monotonic() - busy_since < 7:
            busy.send(b"x")
            assert busy.receive_exactly(1) == b"x"
            if ended is None and is_readable(idle):
                ended = time.monotonic() - begun
            assert ended is not None or time.monotonic() - busy_since < scaled(15), "the idle one goes on"
            time.sleep(0.05)
        assert 4.7 < ended
        assert idle.receive_to_end() == b"" and idle.end == "fin"
        assert secure.receive_to_end() == b"" and secure.end == "close_notify"
        free.send(b"y")
        assert free.receive_exactly(1) == b"y"


def is_readable(client) -> bool:
    client.socket.settimeout(0)
    try:
        return client.socket.recv(1) == b""
    except BlockingIOError:
        return False
    finally:
        client.socket.settimeout(scaled(10))


def test_going_down_takes_what_each_entry_point_says(env):
    # Long enough for the late one where this process gets no processor for a while.
    mesh, _, _ = site(env, life(requestAcceptGraceTimeout="5s", graceTimeOut="1s"))
    with env.tcp("plain") as before, env.tcp("free") as other:
        assert welcomed(before) and welcomed(other)
        begun = time.monotonic()
        mesh.signal(signal.SIGTERM)
        mesh.wait_for("draining")
        with env.tcp("plain") as late:  # still accepted there
            assert welcomed(late)
            wait_until(lambda: refuses(env, "free"), 10, "the entry point without a grace time to close")
            for client in (before, late):
                client.socket.settimeout(scaled(20))
                assert client.receive_to_end() == b""
            assert 5.7 < time.monotonic() - begun
        assert refuses(env, "plain")
        other.send(b"x")
        assert other.receive_exactly(1) == b"x"  # it has the usual 30 s
    assert mesh.wait_exit() == 0
    assert mesh.wait_for("stopped")["cut"] == "2"


def refuses(env, entry_point: str) -> bool:
    try:
        env.tcp(entry_point).close()
        return False
    except ConnectionRefusedError:
        return True


def hello(name: str) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = Authority(None, verify=False).context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_a_client_that_has_left_costs_no_signature(env):
    """With a key whose signatures are slow, so that they show."""
    mesh, _, _ = site(env, key=rsa.generate_private_key(65537, 4096))
    greeting, count = hello("shop.example"), 60

    def cost(leave) -> float:
        before = mesh.cpu_seconds()
        mesh.signal(signal.SIGSTOP)
        clients = [env.tcp() for _ in range(count)]
        for client in clients:
            client.send(greeting)
            leave(client)
        mesh.signal(signal.SIGCONT)
        for client in clients:
            if client.socket.fileno() != -1:
                assert client.receive(1)
                client.close()
        wait_until(lambda: mesh.json("status")["connections"]["open"] == 0, 30, "all to end")
        return mesh.cpu_seconds() - before

    staying = cost(lambda client: None)
    left = cost(TcpClient.reset)
    assert left < staying / 4, f"{left:.2f} s for {count} that had left, {staying:.2f} s for as many that stayed"
