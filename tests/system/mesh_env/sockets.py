"""What the socket module has no word for."""

from __future__ import annotations

import ctypes
import socket

_libc = ctypes.CDLL(None, use_errno=True)


def reset(sock: socket.socket) -> None:
    """Ends a TCP connection with RST and closes the socket. Closing with SO_LINGER 0 would do nothing
    while another thread is in recv(); dissolving the association (connect to AF_UNSPEC) always works."""
    if sock.fileno() == -1:
        return
    unspecified = (ctypes.c_char * 16)()
    _libc.connect(sock.fileno(), unspecified, 16)
    sock.close()
