# ctest: timeout=300
"""Bytes through mesh: all of them, in order, at any speed, and every way a connection can end."""

import hashlib
import os
import threading
import time

import pytest

from mesh_env import wait_until
from mesh_env.backends import silent
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import service
from mesh_env.tls_client import Authority

MIB = 1 << 20
BLOCK = hashlib.shake_128(b"mesh").digest(MIB)
"""One MiB without a pattern; the blocks of a long stream are this one, turned."""


def block(number: int) -> bytes:
    turn = number * 4099 % MIB
    return BLOCK[turn:] + BLOCK[:turn]


def send_all(stream, mib: int) -> str:
    digest = hashlib.sha256()
    for number in range(mib):
        data = block(number)
        digest.update(data)
        stream.send(data)
    return digest.hexdigest()


def receive_all(stream) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    while data := stream.receive(262144):
        count += len(data)
        digest.update(data)
    return count, digest.hexdigest()


class Relay:
    """mesh with a TLS route, a passthrough route and a plain entry point to the same silent backend."""

    def __init__(self, env):
        self.env = env
        authority = SigningAuthority()
        authority.write_pair(env.directory / "tls", "shop", "shop.example")
        self.authority = Authority(authority.pem)
        self.backend = env.backend("app", silent)
        self.mesh = env.mesh({
            "entryPoints": {"websecure": {"address": env.endpoint()}, "plain": {"address": env.endpoint("plain")}},
            "tcp": {
                "routers": {
                    "shop": {"entryPoints": ["websecure"], "rule": "HostSNI(`shop.example`)", "service": "app",
                             "tls": {}},
                    "plain": {"entryPoints": ["plain"], "rule": "HostSNI(`*`)", "service": "app"},
                },
                "services": {"app": service(env.endpoint("backend-app"))},
            },
            "tls": {"certificates": [{"certFile": "tls/shop.crt", "keyFile": "tls/shop.key"}]},
        })


@pytest.fixture
def relay(env):
    relay = Relay(env)
    yield relay
    # The backend keeps its end open until told; nothing is left for mesh to drain.
    for peer in relay.backend.peers:
        peer.close()


def pair(relay: Relay, kind: str, **how) -> tuple:
    """A client and the backend's end of its connection."""
    before = relay.backend.accepted
    client = relay.env.tls("shop.example", relay.authority, **how) if kind == "tls" \
        else relay.env.tcp("plain", **how)
    return client, relay.backend.wait_peer(before)


@pytest.mark.parametrize("kind", ["tls", "plain"])
def test_a_gigabyte_each_way(relay, kind):
    client, peer = pair(relay, kind)
    started, cpu = time.monotonic(), relay.mesh.cpu_seconds()
    results = {}
    up = threading.Thread(target=lambda: results.update(received=receive_all(peer)))
    up.start()
    sent = send_all(client, 1024)
    client.half_close()
    up.join(120)
    assert results["received"] == (1 << 30, sent)

    down = threading.Thread(target=lambda: (results.update(sent=send_all(peer, 1024)), peer.half_close()))
    down.start()
    received = receive_all(client)
    down.join(120)
    assert received == (1 << 30, results["sent"])
    took, cpu = time.monotonic() - started, relay.mesh.cpu_seconds() - cpu
    print(f"{kind}: 2 GiB in {took:.1f} s, {cpu / (2 << 30) * 1e9:.2f} ns of CPU per byte")
    assert client.end == ("close_notify" if kind == "tls" else "fin")
    client.close()


@pytest.mark.parametrize("kind", ["tls", "plain"])
@pytest.mark.parametrize("first", ["client", "backend"])
def test_the_side_that_closes_first_still_gets_everything(relay, kind, first):
    """Half-close with 10 MB in flight the other way: every byte arrives."""
    client, peer = pair(relay, kind)
    closer, other = (client, peer) if first == "client" else (peer, client)
    closer.send(b"the end of this side\n")
    closer.half_close()
    assert receive_all(other)[0] == len(b"the end of this side\n")
    if kind == "tls" and first == "backend":
        assert client.end == "close_notify"
    results = {}
    sender = threading.Thread(target=lambda: (results.update(sent=send_all(other, 10)), other.half_close()))
    sender.start()
    received = receive_all(closer)
    sender.join(60)
    assert received == (10 * MIB, results["sent"])
    assert closer.end == ("close_notify" if closer is client and kind == "tls" else "fin")


def test_fin_without_close_notify_reaches_the_backend_as_reset(relay):
    client, peer = pair(relay, "tls")
    client.send(b"half a message")
    assert peer.receive() == b"half a message"
    client.cut()
    assert peer.receive() == b"" and peer.end == "reset"


@pytest.mark.parametrize("kind", ["tls", "plain"])
def test_reset_reaches_the_other_side_as_reset(relay, kind):
    client, peer = pair(relay, kind)
    client.send(b"x")
    assert peer.receive() == b"x"
    client.reset()
    assert peer.receive() == b"" and peer.end == "reset"

    client, peer = pair(relay, kind)
    peer.send(b"x")
    assert client.receive_exactly(1) == b"x"
    peer.reset()
    assert client.receive() == b"" and client.end == "reset"


@pytest.mark.parametrize("kind", ["tls", "plain"])
def test_memory_does_not_grow_under_a_slow_reader(relay, kind):
    """8 MB at 64 kB/s while the sender always has more: what is not taken waits in the sender."""
    client, peer = pair(relay, kind, receive_buffer=16384)
    stop = threading.Event()

    def send_for_ever():
        try:
            while not stop.is_set():
                peer.send(BLOCK)
        except OSError:
            pass

    sender = threading.Thread(target=send_for_ever, daemon=True)
    sender.start()
    try:
        client.receive_exactly(MIB)  # everything that is made once is made
        before = relay.mesh.heap_kib()
        received, worst, started = 0, 0, time.monotonic()
        while received < 8 * MIB // 16:  # 8 s of it
            client.receive_exactly(16384)
            received += 16384
            worst = max(worst, relay.mesh.heap_kib() - before)
            ahead = received / 65536 - (time.monotonic() - started)
            if ahead > 0:
                stop.wait(ahead)  # the reader's own pace
    finally:
        stop.set()
        client.reset()
        sender.join(10)
    print(f"{kind}: at most {worst} KiB more")
    assert worst <= 256


def test_idle_connections_cost_little(relay):
    """Upper bound from outside, whole process: the exact figures are in unit.proxy."""
    with pair(relay, "plain")[0]:
        pass
    before = relay.mesh.heap_kib()
    clients = [pair(relay, "plain")[0] for _ in range(200)]
    grown = relay.mesh.heap_kib() - before
    print(f"{grown * 1024 // 200} bytes of memory per idle plain pair, everything included")
    assert grown <= 200 * 2 + 512
    for client in clients:
        client.close()
    for peer in relay.backend.peers:
        peer.close()
    wait_until(lambda: relay.mesh.open_files() < 100, 10, "descriptors come back")


def test_no_backend_is_dialled_before_the_handshake_is_complete(relay):
    """A client that stops after its hello costs a backend nothing."""
    before = relay.backend.accepted
    with relay.env.tcp("websecure") as client:
        client.send(os.urandom(3))
    with relay.env.tls("shop.example", relay.authority):
        wait_until(lambda: relay.backend.accepted > before, 5, "the complete one")
    assert relay.backend.accepted == before + 1
