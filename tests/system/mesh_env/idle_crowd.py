"""Many idle connections, in a process of their own: a process has only so many descriptors."""

from __future__ import annotations

import subprocess
import sys

from .waiting import scaled

_PROGRAM = r"""
import resource, socket, ssl, sys

resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
host, port, count, name = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
crowd = []
for i in range(count):
    client = socket.socket()
    # 127.0.0.1 alone has 28,000 ports for one destination; others may be using them.
    client.connect((host, port))
    if name: client = context.wrap_socket(client, server_hostname=name)
    client.sendall(b"hello\n")
    crowd.append(client)
for client in crowd:
    if not client.recv(64): raise SystemExit("a connection was refused")
print("open", flush=True)
for line in sys.stdin:
    bad = 0
    if line == "check\n":
        for client in crowd:
            client.sendall(b"still\n")
        for client in crowd:
            client.settimeout(60)
            try: bad += not client.recv(64)
            except OSError: bad += 1
    print(bad, flush=True)
"""


class IdleCrowd:
    """`count` connections to a backend that answers every line; plain ones, or TLS for `server_name`."""

    def __init__(self, address: tuple[str, int], count: int, server_name: str = ""):
        self._child = subprocess.Popen([sys.executable, "-c", _PROGRAM, address[0], str(address[1]), str(count),
                                        server_name],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        answer = self._child.stdout.readline()
        assert answer == "open\n", f"the crowd could not connect: {answer!r}"

    def __enter__(self) -> IdleCrowd:
        return self

    def __exit__(self, *_) -> None:
        self._child.stdin.close()
        self._child.wait(scaled(30))

    def broken(self) -> int:
        """How many do not answer any more."""
        self._child.stdin.write("check\n")
        self._child.stdin.flush()
        return int(self._child.stdout.readline())
