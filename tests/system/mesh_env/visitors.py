"""Clients without TLS that never stop coming."""

from __future__ import annotations

import threading

from .tls_client import TcpClient
from .waiting import scaled


class Visitors:
    """Threads that connect without TLS, exchange a line, and see the connection end as it should."""

    def __init__(self, address: tuple[str, int], threads: int = 3):
        self.failures: list[str] = []
        self.closing = False
        """Set when the doors may close: who comes from then on, and is not let in, goes home and is no failure."""
        self.turned_away = 0
        self.count = 0
        self._address = address
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(scaled(20))

    def _run(self) -> None:
        while not self._stop.is_set():
            came_late, let_in = None, False
            try:
                with TcpClient(self._address) as client:
                    came_late = self.closing
                    assert client.receive_line() == "app"
                    let_in = True
                    client.send(b"hello\n")
                    assert client.receive_line() == "hello"
                    client.half_close()
                    assert client.receive() == b"" and client.end == "fin", client.end
                with self._lock:
                    self.count += 1
            except Exception as error:  # whatever it is, a user would have met it
                if came_late is None:
                    came_late = self.closing
                with self._lock:
                    if came_late and not let_in:
                        self.turned_away += 1
                        return
                    self.failures.append(f"{type(error).__name__}: {error}")
