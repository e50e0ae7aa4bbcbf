"""Addresses nobody else uses: every environment gets its own address in 127.0.0.0/8."""

from __future__ import annotations

import os
import random
import socket


class Loopback:
    """One loopback address and its ports. Ports are remembered by name: the same name, the same port."""

    def __init__(self):
        # Outgoing connections on loopback come from 127.0.0.1, so nothing but our own servers can
        # take a port of another address; its random parts keep parallel test programs apart.
        source = random.Random(os.urandom(8))
        self.address = f"127.{source.randint(16, 254)}.{source.randint(0, 255)}.{source.randint(1, 254)}"
        self._ports: dict[str, int] = {}

    def port(self, name: str) -> int:
        if name not in self._ports:
            self._ports[name] = self._free_port()
        return self._ports[name]

    def endpoint(self, name: str) -> str:
        return f"{self.address}:{self.port(name)}"

    def _free_port(self) -> int:
        while True:
            with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
                stream.bind((self.address, 0))
                port = stream.getsockname()[1]
                try:
                    datagram.bind((self.address, port))
                except OSError:
                    continue
            if port not in self._ports.values():
                return port
