"""Debian's HAProxy, in front of mesh or behind it: the reference of the PROXY protocol."""

from __future__ import annotations

import socket
from pathlib import Path

from pebble_env import Process, require_tool

from .waiting import scaled

_HEAD = """\
defaults
  timeout connect 10s
  timeout client 60s
  timeout server 60s
"""

_SAYS_WHO = 'http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] to %[dst]:%[dst_port]\\n"'


class Haproxy:
    """Takes its parts one by one, then starts."""

    def __init__(self, directory: Path, name: str):
        self._config = directory / f"{name}.cfg"
        self._parts = [_HEAD]
        self._addresses: list[tuple[str, int]] = []
        self.process = Process(name, directory / f"{name}.log")

    def forwards(self, at: tuple[str, int], to: tuple[str, int], options: str, source: str) -> Haproxy:
        """Passes connections on, from `source`; `options` as on a `server` line: "send-proxy-v2"."""
        self._addresses.append(at)
        name = f"forwards-{at[1]}"
        self._parts.append(f"listen {name}\n  mode tcp\n  bind {at[0]}:{at[1]}\n"
                           f"  server mesh {to[0]}:{to[1]} source {source} {options}\n")
        return self

    def answers(self, at: tuple[str, int], bind: str = "accept-proxy") -> Haproxy:
        """Answers HTTP requests with the addresses it believes the connection is between."""
        self._addresses.append(at)
        self._parts.append(f"frontend answers-{at[1]}\n  mode http\n  bind {at[0]}:{at[1]} {bind}\n  {_SAYS_WHO}\n")
        return self

    def start(self) -> Haproxy:
        program = require_tool("haproxy", "haproxy")
        self._config.write_text("".join(self._parts))
        self.process.start([program, "-db", "-f", str(self._config)])
        self.process.wait_until_answering(self._answers, scaled(15))
        return self

    def _answers(self) -> bool:
        for address in self._addresses:
            socket.create_connection(address, timeout=5).close()
        return True

    def stop(self) -> None:
        self.process.stop()
