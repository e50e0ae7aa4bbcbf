"""What mesh's costs are counted over: connections one after the other, and bytes through open ones.

Nobody says anything to a mesh that is still at work, so that it is woken as often in each run, however busy the
machine is.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

from .backends import Peer, sink
from .callgrind import Callgrind, Counts
from .certificates import SigningAuthority
from .configuration import service
from .tls_client import Authority, TcpClient, TlsClient, client_hello
from .waiting import wait_until

CONNECTIONS = 25
MIB = 1 << 20
RELAYED = 8  # MiB


class JoiningClient(TlsClient):
    """The end of its handshake goes with its first bytes, and its close_notify with its FIN: mesh is woken once for
    both, not once or twice. `greeted` is called when the ClientHello is sent, `heard` when it is being answered."""

    def __init__(self, greeted: Callable[[], None], heard: Callable[[], None], *where, **how):
        self._greeted: Callable[[], None] | None = greeted
        self._heard = heard
        super().__init__(*where, **how)

    def _fill(self) -> None:
        if self._greeted is not None:
            self._greeted()
            self._greeted = None
        super()._fill()
        self._hold(True)
        if self._tls.version() is None:
            self._heard()

    def send(self, data: bytes) -> None:
        super().send(data)
        self._hold(False)

    def half_close(self) -> None:
        self._hold(True)
        super().half_close()

    def _hold(self, wanted: bool) -> None:
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, wanted)


def source(_backend, peer: Peer) -> None:
    """Sends the bytes to relay once it is asked with a '!' by itself."""
    while (data := peer.receive()) and data != b"!":
        pass
    peer.send(bytes(RELAYED * MIB))


NAMES = ("echo", "source", "sink")


class CostBench:
    """A mesh under callgrind with one worker, and a TLS and a passthrough route to each of three backends."""

    def __init__(self, env):
        self._env = env
        authority = SigningAuthority()
        authority.write_pair(env.directory / "tls", "all", *(f"{name}.tls.example" for name in NAMES))
        self._authority = Authority(authority.pem)
        handlers = (self._echo, source, sink)
        self._backends = {name: env.backend(name, handler) for name, handler in zip(NAMES, handlers)}
        self._session = None
        self._mesh = env.mesh(self._configuration(), start=False)
        self._callgrind = Callgrind(self._mesh)
        for connect in (self._full, self._resumed, self._passed):
            connect()  # what only the first connection needs
        self._callgrind.count()

    def _configuration(self) -> dict:
        kinds = {"tls": {}, "pass": {"passthrough": True}}
        return {
            "workers": 1,
            "entryPoints": {"websecure": {"address": self._env.endpoint()}},
            "tcp": {
                "routers": {f"{name}-{kind}": {"rule": f"HostSNI(`{name}.{kind}.example`)", "service": name, "tls": tls}
                            for name in NAMES for kind, tls in kinds.items()},
                "services": {name: service(self._env.endpoint(f"backend-{name}")) for name in NAMES},
            },
            "tls": {"certificates": [{"certFile": "tls/all.crt", "keyFile": "tls/all.key"}]},
        }

    def costs(self) -> dict[str, Counts]:
        return {
            "full handshake": self._of_connections(self._full),
            "resumed handshake": self._of_connections(self._resumed),
            "passed-through connection": self._of_connections(self._passed),
            "MiB out through TLS": self._of_relay("source", self._tls),
            "MiB in through TLS": self._of_relay("sink", self._tls),
            "MiB out, passed through": self._of_relay("source", self._plain),
            "MiB in, passed through": self._of_relay("sink", self._plain),
        }

    # --- connections: one byte or more there and back, then the end ---

    def _of_connections(self, connect: Callable[[], None]) -> Counts:
        for _ in range(CONNECTIONS):
            connect()
        return self._callgrind.count().each(CONNECTIONS)

    def _full(self) -> None:
        client = self._tls("echo")
        assert client.receive_exactly(1) == b"x"
        self._session = client.session
        self._end(client)

    def _resumed(self) -> None:
        client = self._tls("echo", self._session)
        assert client.resumed and client.receive_exactly(1) == b"x"
        self._session = client.session
        self._end(client)

    def _passed(self) -> None:
        client = self._plain("echo")
        client.receive_exactly(len(self._hello("echo")))
        self._end(client)

    def _echo(self, _backend, peer: Peer) -> None:
        while data := peer.receive():
            self._let_it_sleep()
            peer.send(data)
        self._let_it_sleep()

    def _end(self, client: TcpClient | JoiningClient) -> None:
        self._let_it_sleep()
        client.half_close()
        assert client.receive_to_end() == b""
        client.socket.close()

    def _tls(self, name: str, session=None) -> JoiningClient:
        self._halt()
        client = JoiningClient(self._go_on, self._let_it_sleep, self._env.at(), f"{name}.tls.example", self._authority,
                               session=session)
        client.send(b"x")
        return client

    def _plain(self, name: str) -> TcpClient:
        self._halt()
        client = TcpClient(self._env.at())
        client.send(self._hello(name))
        self._go_on()
        return client

    def _halt(self) -> None:
        """Until _go_on(), mesh sees nothing: then a connection and its first bytes, at once."""
        self._let_it_sleep()
        self._mesh.signal(signal.SIGSTOP)
        wait_until(lambda: self._mesh.all_threads_are("T"), what="mesh stopped by a signal", interval=0.0005)

    def _go_on(self) -> None:
        self._mesh.signal(signal.SIGCONT)

    def _let_it_sleep(self) -> None:
        wait_until(lambda: self._mesh.all_threads_are("S"), what="mesh with nothing to do", interval=0.0005)

    @staticmethod
    def _hello(name: str) -> bytes:
        return client_hello(f"{name}.pass.example")

    # --- bytes ---

    def _of_relay(self, name: str, connect: Callable[[str], TcpClient | JoiningClient]) -> Counts:
        backend = self._backends[name]
        number = backend.accepted
        with connect(name) as client:
            peer = backend.wait_peer(number)
            wait_until(lambda: peer.received, what="what opens the connection")
            self._callgrind.count()
            before = peer.received
            if name == "source":
                client.send(b"!")
                client.receive_exactly(RELAYED * MIB)
            else:
                client.send(bytes(RELAYED * MIB))
                wait_until(lambda: peer.received == before + RELAYED * MIB, 60, "all bytes at the backend")
            return self._callgrind.count().each(RELAYED)
