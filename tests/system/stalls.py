"""Connections that go wrong, many at a time: in each phase, from either end, in each way."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Callable

from mesh_env import Authority, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service
from mesh_env.sockets import reset

HANDSHAKE_TIMEOUT = 1.0
IDLE_TIMEOUT = 1.0
BATCH = 200
PROXY = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"


def hello(name: str) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = Authority(None, verify=False).context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake without a peer")


HELLO = hello("shop.example")


@dataclass(frozen=True)
class Phase:
    """How far a client goes before it misbehaves, and what it would send next."""

    entry_point: str
    sent: bytes
    rest: bytes
    answer: bool = False
    """mesh says something before the fault."""

    def sent_from(self, client: int) -> bytes:
        """The header counts for the limits: no more of one source than of the connections' own addresses."""
        return self.sent.replace(b"192.0.2.1 ", b"10.1.%d.1 " % (100 + client // 50))

    @property
    def is_handshake(self) -> bool:
        """One of those that handshakeTimeout bounds, whatever is sent meanwhile."""
        return self.entry_point == "websecure"


PHASES = {
    "PROXY header": Phase("websecure", PROXY[:9], PROXY[9:]),
    "hello": Phase("websecure", PROXY + HELLO[:40], HELLO[40:]),
    "handshake": Phase("websecure", PROXY + HELLO, b"\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x60" + bytes(96), True),
    "dial": Phase("far", b"x", b"x" * 64),
    "relay": Phase("plain", b"x", b"x" * 64, True),
}


def stall(client: socket.socket, rest: bytes) -> None:
    """Nothing more, for as long as mesh waits."""


def leave_with_a_reset(client: socket.socket, rest: bytes) -> None:
    reset(client)


def half_close(client: socket.socket, rest: bytes) -> None:
    with contextlib.suppress(OSError):  # mesh was first
        client.shutdown(socket.SHUT_WR)


FAULTS: dict[str, Callable[[socket.socket, bytes], None]] = {
    "stall": stall, "reset": leave_with_a_reset, "half-close": half_close,
}


class Bench:
    """A mesh, and servers that answer, that never accept, and that misbehave themselves."""

    def __init__(self, env):
        SigningAuthority().write_pair(env.directory / "tls", "shop", "shop.example")
        self.env = env
        self.app = env.backend("app", _answers_once)
        self.full = FullBacklog(env.at("backend-far"))
        entry_points = {name: {"address": env.endpoint(name), "transport": {"respondingTimeouts": {
            "handshakeTimeout": HANDSHAKE_TIMEOUT, "idleTimeout": IDLE_TIMEOUT}}}
            for name in ("websecure", "plain", "far", "bad")}
        entry_points["websecure"]["proxyProtocol"] = {"insecure": True}
        self.mesh = env.mesh({
            "entryPoints": entry_points,
            "tcp": {
                "routers": {
                    "shop": {"entryPoints": ["websecure"], "rule": rule("shop.example"), "service": "app", "tls": {}},
                    **{name: {"entryPoints": [name], "rule": "HostSNI(`*`)", "service": to}
                       for name, to in (("plain", "app"), ("far", "far"), ("bad", "bad"))},
                },
                "services": {name: service(env.endpoint(f"backend-{name}")) for name in ("app", "far", "bad")},
            },
            "tls": {"certificates": [{"certFile": "tls/shop.crt", "keyFile": "tls/shop.key"}]},
        })

    def close(self) -> None:
        self.full.close()

    def open(self) -> int:
        return self.mesh.json("status")["connections"]["open"]

    def wait_until_empty(self, seconds: float) -> None:
        wait_until(lambda: self.open() == 0, seconds, "every connection to end")

    def clients(self, entry_point: str, count: int) -> list[socket.socket]:
        out = []
        for i in range(count):
            client = socket.socket()
            client.bind((f"127.1.{i // 50}.{1 + i % 50}", 0))  # not all of one source
            with contextlib.suppress(ConnectionResetError):  # out of time before connect() has looked
                client.connect(self.env.at(entry_point))
            out.append(client)
        return out

    def client_faults(self, phase: Phase, fault, count: int) -> None:
        begun = time.monotonic()
        clients = self.clients(phase.entry_point, count)
        for i, client in enumerate(clients):
            _send(client, phase.sent_from(i))
        if phase.answer:
            answered = [_is_answered(client) for client in clients]
            # Where the processor was away for so long, a client is out of time before its fault.
            assert all(answered) or time.monotonic() - begun > min(HANDSHAKE_TIMEOUT, IDLE_TIMEOUT)
        for client in clients:
            fault(client, phase.rest)
        wait_for_ends(clients)

    def one_byte_feed(self, phase: Phase, count: int) -> None:
        """As slowly as it can be without a break: progress must not buy time, until bytes are relayed."""
        clients = self.clients(phase.entry_point, count)
        for i, client in enumerate(clients):
            _send(client, phase.sent_from(i))
            client.setblocking(False)
        # All of a handshake's bytes, where it lives on: they last for several times what it has.
        pause, longest = (0.3, 15.0) if phase.is_handshake else (0.1, 2 * HANDSHAKE_TIMEOUT)
        begun, fed, open_ones = time.monotonic(), 0, list(clients)
        while fed < len(phase.rest) - 1 and open_ones and time.monotonic() - begun < longest:
            open_ones = [client for client in open_ones if _feed(client, phase.rest[fed:fed + 1])]
            fed += 1
            time.sleep(pause)
        if phase.is_handshake:
            assert not open_ones, f"{len(open_ones)} connections live on by being fed for {fed * pause:.0f} s"
        wait_for_ends(clients)

    def server_faults(self, fault: str, count: int) -> None:
        bad = self.env.backend("bad", SERVER_FAULTS[fault])
        clients = self.clients("bad", count)
        for client in clients:
            _send(client, b"x")
        wait_for_ends(clients)
        bad.stop()


def _send(client: socket.socket, data: bytes) -> None:
    """To one that mesh may have ended."""
    with contextlib.suppress(ConnectionError):
        client.sendall(data)


def _is_answered(client: socket.socket) -> bool:
    try:
        return bool(client.recv(1))
    except OSError:
        return False


def _feed(client: socket.socket, byte: bytes) -> bool:
    """False once mesh has ended the connection."""
    try:
        client.send(byte)
        while client.recv(4096):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def wait_for_ends(clients: list[socket.socket], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    for client in clients:
        if client.fileno() == -1:
            continue
        client.settimeout(max(0.1, deadline - time.monotonic()))
        try:
            while client.recv(4096):
                pass
        except TimeoutError:
            raise
        except OSError:  # a reset, one that connect() has met too
            pass
        client.close()


class FullBacklog:
    """A server whose queue is full: it answers nobody who connects."""

    def __init__(self, address: tuple[str, int]):
        self._listener = socket.socket()
        self._listener.bind(address)
        self._listener.listen(0)
        self._fill = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            self._fill.append(filler)

    def close(self) -> None:
        for one in [*self._fill, self._listener]:
            one.close()


def _answers_once(backend, peer) -> None:
    if peer.receive():
        peer.send(b"y")
    while peer.receive():
        pass


def _stalls(backend, peer) -> None:
    while peer.receive():
        pass


def _resets(backend, peer) -> None:
    peer.receive()
    peer.reset()


def _half_closes(backend, peer) -> None:
    peer.receive()
    peer.half_close()
    while peer.receive():
        pass


def _dribbles(backend, peer) -> None:
    peer.receive()
    for _ in range(20):
        peer.send(b"y")
        time.sleep(0.05)
    while peer.receive():
        pass


SERVER_FAULTS = {"stall": _stalls, "reset": _resets, "half-close": _half_closes, "one-byte feed": _dribbles}


def sweep(bench: Bench, each: int) -> int:
    """Every combination with `each` connections, in batches. Returns how many connections that were."""
    done = 0
    for begin in range(0, each, BATCH):
        count = min(BATCH, each - begin)
        for phase in PHASES.values():
            for fault in FAULTS.values():
                bench.client_faults(phase, fault, count)
            bench.one_byte_feed(phase, count)
            done += (len(FAULTS) + 1) * count
        for fault in SERVER_FAULTS:
            bench.server_faults(fault, count)
            done += count
        bench.wait_until_empty(15)
    return done
