"""A client that never stops connecting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .tls_client import Authority, HandshakeRefused, TlsClient


@dataclass(frozen=True)
class Failure:
    at: float
    """time.time()"""
    why: str


class Hammer:
    """Threads that each open a verified connection, exchange one line if `talk`, close it and start
    again. Any failure is kept; an expired certificate is one, because clients verify."""

    def __init__(self, address: tuple[str, int], names: list[str], authority: Callable[[], Authority] | Authority,
                 threads: int = 2, talk: bool = False):
        self._address = address
        self._names = names
        self._authority = authority if callable(authority) else lambda: authority
        self._talk = talk
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._handshakes = 0
        self._serials: dict[str, list[int]] = {name: [] for name in names}
        self._failures: list[Failure] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Hammer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(15)

    @property
    def handshakes(self) -> int:
        with self._lock:
            return self._handshakes

    @property
    def failures(self) -> list[Failure]:
        with self._lock:
            return list(self._failures)

    def serials(self, name: str) -> list[int]:
        """The distinct serials seen for a name, in order of first sight."""
        with self._lock:
            return list(self._serials[name])

    def _run(self) -> None:
        turn = 0
        while not self._stop.is_set():
            name = self._names[turn % len(self._names)]
            turn += 1
            try:
                with TlsClient(self._address, name, self._authority()) as client:
                    if self._talk:
                        client.send(b"ping\n")
                        client.receive_line()
                    serial = client.serial
                with self._lock:
                    self._handshakes += 1
                    if serial not in self._serials[name]:
                        self._serials[name].append(serial)
            except (HandshakeRefused, OSError, AssertionError) as error:
                with self._lock:
                    self._failures.append(Failure(time.time(), f"{name}: {error}"))
