"""Black-box tests of the real mesh binary: real Pebble, real TLS clients, real backends.

A test takes the `env` fixture (see environment.py) and asks it for what it needs; everything
listens on a loopback address of its own, so tests run side by side. `README.md` shows one.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "pebble-testenv"))

from pebble_env import EnvironmentFailure, PebbleOptions, TestCa, require_tool  # noqa: E402

from .backends import Backend, Peer, echo, ident, silent, sink  # noqa: E402
from .environment import Environment  # noqa: E402
from .hammer import Hammer  # noqa: E402
from .log_lines import LogLine, parse_line  # noqa: E402
from .mesh import Mesh  # noqa: E402
from .tls_client import (  # noqa: E402
    Authority,
    HandshakeRefused,
    TcpClient,
    TlsClient,
    client_hello,
    refusal,
    s_client,
)
from .waiting import SLOWNESS, scaled, wait_until  # noqa: E402

__all__ = [
    "Authority", "Backend", "Environment", "EnvironmentFailure", "Hammer", "HandshakeRefused", "LogLine", "Mesh",
    "PebbleOptions", "Peer", "SLOWNESS", "TcpClient", "TestCa", "TlsClient", "client_hello", "echo", "ident",
    "parse_line", "refusal", "require_tool", "s_client", "scaled", "silent", "sink", "wait_until",
]
