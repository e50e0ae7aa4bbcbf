"""A client of the control socket that speaks its protocol by hand, well or badly."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

from .waiting import scaled


class ControlSocket:
    """One connection. The path may be longer than a socket address: it is named through its folder."""

    def __init__(self, path: Path):
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(scaled(30))
            self.socket.connect(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
        self._rest = b""

    def __enter__(self) -> ControlSocket:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> bytes:
        """b'' when the other side closed."""
        while b"\n" not in self._rest:
            piece = self.socket.recv(65536)
            if not piece:
                return b""
            self._rest += piece
        line, self._rest = self._rest.split(b"\n", 1)
        return line

    def ask(self, command: str, **more) -> dict:
        self.send(json.dumps({"version": 1, "command": command, **more}).encode() + b"\n")
        return json.loads(self.line())
