"""An echo server for thousands of connections, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = r"""
import resource, selectors, socket, sys

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setblocking(False)
watched = selectors.DefaultSelector()
watched.register(listener, selectors.EVENT_READ)
print("up", flush=True)
while True:
    for key, _ in watched.select():
        if key.fileobj is listener:
            try: peer, _ = listener.accept()
            except OSError: continue
            watched.register(peer, selectors.EVENT_READ)
            continue
        try:
            data = key.fileobj.recv(4096)
            key.fileobj.sendall(data)
        except OSError: data = b""
        if not data:
            watched.unregister(key.fileobj)
            key.fileobj.close()
"""


class EchoProcess:
    def __init__(self, address: tuple[str, int]):
        self._child = subprocess.Popen([sys.executable, "-c", _PROGRAM, address[0], str(address[1])],
                                       stdout=subprocess.PIPE, text=True)
        assert self._child.stdout.readline() == "up\n"

    def __enter__(self) -> EchoProcess:
        return self

    def __exit__(self, *_) -> None:
        self._child.kill()
        self._child.wait()
