"""What a running mesh tells: by its control socket, its log, and /proc."""

import json
import socket
import time
from pathlib import Path

from .processes import Failed


def connected(path: Path, seconds: float = 10) -> socket.socket:
    """mesh listens there a moment after it has begun to serve."""
    end = time.monotonic() + seconds
    while True:
        trial = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            trial.connect(str(path))
            return trial
        except OSError as error:
            trial.close()
            if time.monotonic() > end:
                raise Failed(f"no mesh answers at {path}: {error}")
        time.sleep(0.01)


class ControlSocket:
    """One connection; docs/commands.md has the protocol."""

    def __init__(self, path: Path, patience: float = 300):
        self.socket = connected(path)
        self.socket.settimeout(patience)
        self.answers = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answers.close()
        self.socket.close()

    def ask(self, command: str, **more) -> dict:
        self.socket.sendall(json.dumps({"version": 1, "command": command, **more}).encode() + b"\n")
        answer = json.loads(self.answers.readline() or '{"error": "closed"}')
        if "error" in answer:
            raise Failed(f"mesh answers {command} with {answer['error']}")
        return answer


class LogCount:
    """How many lines of a growing log have a text."""

    def __init__(self, path: Path, text: str):
        self.path, self.text, self.seen, self.at = path, text.encode(), 0, 0

    def count(self) -> int:
        with self.path.open("rb") as log:
            log.seek(self.at)
            new = log.read()
        whole = new[:new.rfind(b"\n") + 1]
        self.at += len(whole)
        self.seen += sum(self.text in line for line in whole.splitlines())
        return self.seen

    def wait_for(self, count: int, seconds: float, ended=lambda: False) -> bool:
        end = time.monotonic() + seconds
        while self.count() < count:
            if time.monotonic() > end or ended():
                return False
            time.sleep(0.05)
        return True


def private_bytes(pid: int) -> int:
    """Memory that is nobody else's and no file's."""
    for line in Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise Failed(f"/proc/{pid}/status does not tell RssAnon")


class WorkerClock:
    """CPU time of the threads that serve connections, to the nanosecond while they sleep."""

    def __init__(self, pid: int):
        self.threads = [task for task in Path("/proc", str(pid), "task").iterdir()
                        if (task / "comm").read_text().strip() == "mesh-worker"]
        if not self.threads:
            raise Failed("mesh has no thread called mesh-worker")

    def read(self) -> int:
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in self.threads)

    def settled(self) -> int:
        """Once they have nothing more to do."""
        before = self.read()
        while True:
            time.sleep(0.005)
            now = self.read()
            if now == before:
                return now
            before = now
