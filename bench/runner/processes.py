"""Starting servers and load on their cores, and what they cost: memory from /proc."""

import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = 1


class Failed(Exception):
    """Something that ends the run, in words for whoever started it."""


@dataclass
class Placement:
    """Where processes run. Real-time round robin keeps whatever else the machine does out of the way; so, nearly, does
    favour (nice -20), which lets a process's own threads share a core as they would without."""

    real_time: bool
    favoured: bool = False

    def on(self, *cores: int):
        def place():
            os.sched_setaffinity(0, cores)
            if self.real_time:
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            if self.favoured:
                os.setpriority(os.PRIO_PROCESS, 0, -20)
        return place


def may_use_real_time() -> bool:
    probe = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
    return subprocess.run(["/usr/bin/python3", "-c", probe], capture_output=True).returncode == 0


def descendants(pid: int) -> list[int]:
    """The process and all that came from it, parents first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        parent = int(stat.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(entry))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def pss_bytes(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        for line in Path("/proc", str(pid), "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def cpu_ticks(pids: list[int]) -> tuple[int, int]:
    """User and system time of all threads, in clock ticks."""
    user = system = 0
    for pid in pids:
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
        user, system = user + int(fields[11]), system + int(fields[12])
    return user, system


def answers(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        return True
    except OSError:
        return False


@dataclass
class Server:
    """A process under test, with those it started."""

    name: str
    address: str
    process: subprocess.Popen
    log: Path

    @property
    def pids(self) -> list[int]:
        """As of now: a master may listen before it has a worker."""
        return descendants(self.process.pid)

    def wait_until_listening(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}: {self.last_words()}")
            if answers(self.address):
                break
            time.sleep(0.005)
        else:
            raise Failed(f"{self.name} does not listen at {self.address} after {seconds} s: {self.last_words()}")

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "(it says nothing)"

    def stop(self) -> None:
        # The master first, or it would start another worker in place of the one that is gone.
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


def start_server(name: str, address: str, command: list[str], folder: Path, placement: Placement,
                 patience: float = 20, cores: tuple[int, ...] = (SERVER_CORE,)) -> Server:
    if answers(address):
        raise Failed(f"{address} is taken, where {name} should listen: does another run go on?")
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
                                   preexec_fn=placement.on(*cores))
    server = Server(name, address, process, log)
    try:
        server.wait_until_listening(patience)
    except Failed:
        server.stop()
        raise
    return server


@dataclass
class Load:
    """The generator."""

    program: Path
    placement: Placement

    def start(self, *arguments) -> subprocess.Popen:
        return subprocess.Popen([str(self.program), *map(str, arguments)], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True, preexec_fn=self.placement.on(LOAD_CORE))

    def run(self, *arguments) -> dict:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=700)
        if process.returncode != 0:
            raise Failed(f"mesh_load {' '.join(map(str, arguments))} ended with {process.returncode}")
        return json.loads(output)


class Backend:
    """What stands behind every server; bytes that come to the sink are compared when it verifies.

    It has several addresses, one for each server: the ports that a server's closed connections keep for a
    minute are then no other server's trouble.
    """

    ADDRESSES = 9
    PORTS = {"echo": 9001, "source": 9002, "sink": 9003}

    def __init__(self, load: Load, verify: bool = False):
        listen = [part for kind in self.PORTS
                  for part in (f"--{kind}", ",".join(self.at(kind, number) for number in range(self.ADDRESSES)))]
        self.process = load.start("backend", *listen, *(["--verify"] if verify else []))
        if not self.process.stdout.readline():
            raise Failed("the backend cannot listen at 127.0.77.x: does another run go on?")

    @classmethod
    def at(cls, kind: str, number: int = 0) -> str:
        return f"127.0.77.{1 + number % cls.ADDRESSES}:{cls.PORTS[kind]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
