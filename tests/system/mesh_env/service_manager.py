"""What systemd does at its end: a socket for sd_notify, a user without rights."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

from pebble_env import require_tool

from .waiting import scaled

NOBODY = 65534


class NotifySocket:
    """Receives the datagrams of sd_notify(3). `address` is a path, or '@name' for an abstract one."""

    def __init__(self, address: str):
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        if not address.startswith("@"):
            os.chmod(address, 0o666)
        self._changed = threading.Condition()
        self._words: list[tuple[float, dict[str, str]]] = []
        threading.Thread(target=self._receive, daemon=True).start()

    def environment(self, **more: str) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, **more}

    def wait_for(self, key: str, count: int = 1, seconds: float = 15) -> dict[str, str]:
        """The `count`-th message with `key`, as a dict of its lines."""
        deadline = time.monotonic() + scaled(seconds)
        with self._changed:
            while True:
                found = [words for _, words in self._words if key in words]
                if len(found) >= count:
                    return found[count - 1]
                left = deadline - time.monotonic()
                assert left > 0, f"no {key} ({len(found)} of {count}): {self._words}"
                self._changed.wait(left)

    def times(self, key: str) -> list[float]:
        """When messages with `key` came, on the monotonic clock."""
        with self._changed:
            return [at for at, words in self._words if key in words]

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> None:
        while True:
            try:
                text = self._socket.recv(4096).decode()
            except OSError:
                return
            words = dict(line.split("=", 1) for line in text.splitlines())
            with self._changed:
                self._words.append((time.monotonic(), words))
                self._changed.notify_all()


def as_nobody(*capabilities: str) -> tuple[str, ...]:
    """A command to put before another, which then runs as nobody with these capabilities alone, as the
    service unit does. Without root, whoever runs the tests is as good: it has no capabilities."""
    if os.geteuid() != 0:
        return ()
    setpriv = require_tool("setpriv", "util-linux")
    bound = ",".join(["-all", *(f"+{one}" for one in capabilities)])
    return (setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs",
            f"--bounding-set={bound}", f"--inh-caps={bound}", f"--ambient-caps={bound}")


def give_to_nobody(folder: Path) -> None:
    """The folder and what is in it, when there is a choice."""
    if os.geteuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
