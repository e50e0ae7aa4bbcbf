"""Servers to put behind mesh, one thread per connection, with a hand on every connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from .sockets import reset
from .waiting import wait_until


class Peer:
    """The backend's end of one connection."""

    def __init__(self, connection: socket.socket, address: tuple):
        self.socket = connection
        self.address = address
        self.received = 0
        self.end = ""
        """How the other side ended its sending: '' (not yet), 'fin' or 'reset'."""

    def receive(self, size: int = 65536) -> bytes:
        """b'' at the end; `end` then says which."""
        try:
            data = self.socket.recv(size)
        except ConnectionResetError:
            self.end = "reset"
            return b""
        except OSError:  # closed by the test or by stop()
            return b""
        self.received += len(data)
        if not data:
            self.end = "fin"
        return data

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def half_close(self) -> None:
        """No more bytes from here (FIN); receiving goes on."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """RST instead of FIN, even while another thread reads."""
        reset(self.socket)

    def close(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


Handler = Callable[["Backend", Peer], None]


def echo(backend: Backend, peer: Peer) -> None:
    """Sends back what comes, and ends its sending when the other side has."""
    while data := peer.receive():
        peer.send(data)


def ident(backend: Backend, peer: Peer) -> None:
    """Says the backend's name and a newline first, then echoes."""
    peer.send(f"{backend.name}\n".encode())
    echo(backend, peer)


def sink(backend: Backend, peer: Peer) -> None:
    """Reads to the end and sends nothing."""
    while peer.receive():
        pass


def silent(backend: Backend, peer: Peer) -> None:
    """Neither reads nor writes: the test does, through `backend.peers`."""
    backend.stopping.wait()


class Backend:
    """A server on `address` (host, port). A handler that returns ends the connection, unless it is
    `silent`; what a handler raises on a broken connection is no failure, anything else fails stop()."""

    def __init__(self, address: tuple[str, int], handler: Handler = ident, name: str = "backend"):
        self.name = name
        self.handler = handler
        self.stopping = threading.Event()
        self._address = address
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self._peers: list[Peer] = []
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    def start(self, backlog: int = 512) -> Backend:
        self.stopping.clear()
        self._listener = socket.create_server(self._address, backlog=backlog)
        self._spawn(self._accept, self._listener)
        return self

    def stop(self) -> None:
        """Connections are closed, the port refuses."""
        self.refuse()
        self.stopping.set()
        for peer in self.peers:
            peer.close()
        for thread in self._threads:
            thread.join(5)
        assert not self._failures, f"backend {self.name} failed: {self._failures[0]!r}"

    def refuse(self) -> None:
        """New connections are refused; those that are there live on."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            try:
                listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            except OSError:
                pass
            listener.close()

    @property
    def peers(self) -> list[Peer]:
        """Every connection so far, oldest first."""
        with self._lock:
            return list(self._peers)

    @property
    def accepted(self) -> int:
        return len(self.peers)

    def wait_peer(self, number: int = 0, seconds: float = 10.0) -> Peer:
        """The `number`-th connection, when it is there."""
        return wait_until(lambda: self.peers[number:number + 1], seconds, f"connection {number} at {self.name}")[0]

    def _accept(self, listener: socket.socket) -> None:
        while not self.stopping.is_set():
            try:
                connection, address = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(connection, address)
            with self._lock:
                self._peers.append(peer)
            self._spawn(self._serve, peer)

    def _serve(self, peer: Peer) -> None:
        try:
            self.handler(self, peer)
            if peer.socket.fileno() != -1:
                peer.half_close()
                while peer.receive():
                    pass
        except OSError:
            pass
        except BaseException as failure:  # noqa: BLE001: reported by stop()
            with self._lock:
                self._failures.append(failure)
        finally:
            peer.socket.close()

    def _spawn(self, body: Callable, *arguments) -> None:
        thread = threading.Thread(target=body, args=arguments, daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()
