"""A door between the CA and mesh: validations wait until a test opens it, or until a condition holds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable


class Gate:
    """Listens on `address`; connections wait for open(), or until `may_pass` says so, and are then
    relayed to `target`."""

    def __init__(self, address: tuple[str, int], target: tuple[str, int],
                 may_pass: Callable[[], bool] | None = None):
        self._target = target
        self._may_pass = may_pass
        self._opened = threading.Event()
        self._listener = socket.create_server(address, backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self) -> None:
        self._opened.set()

    def close(self) -> None:
        self._opened.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which would keep the port
        except OSError:
            pass
        self._listener.close()

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                outside, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(outside,), daemon=True).start()

    def _relay(self, outside: socket.socket) -> None:
        while not self._opened.wait(0.02 if self._may_pass else None):
            if self._may_pass():
                break
        try:
            inside = socket.create_connection(self._target, 10)
        except OSError:
            outside.close()
            return
        threading.Thread(target=_pump, args=(inside, outside), daemon=True).start()
        _pump(outside, inside)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        sink.close()
