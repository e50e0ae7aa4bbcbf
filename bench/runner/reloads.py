"""Ten thousand routers of which one changes: how long a reload takes, and what handshakes notice of it."""

import statistics
import subprocess
import threading
import time
from pathlib import Path

from . import report, windows
from .certificates import NAME as CERTIFIED
from .measuring import PORT, Bench
from .peers import Mesh, Wanted
from .processes import Backend, Failed, Server, start_server
from .running_mesh import ControlSocket, WorkerClock

NAME = "reload"
ROUTERS, FEW = 10_000, 10
TIMES, TIMES_QUICK = 10, 3
HEADING = f"reload: {ROUTERS} routers, of which one has changed"


class Routers:
    """mesh with so many routers, whose configuration differs in one of them each time it is written."""

    def __init__(self, bench: Bench, count: int, address: str):
        self.folder = bench.folder / NAME / str(count)
        self.folder.mkdir(parents=True)
        self.mesh = next(peer for peer in bench.peers if isinstance(peer, Mesh))
        self.wanted = Wanted("tls", address, Backend.at("echo"), bench.certificate, self.folder)
        command = self.mesh.command(self.wanted)
        self.file = Path(command[-1])
        before, routers, after = self.file.read_text().partition("  routers:\n")
        self.before, self.after, self.turn = before + routers, after, 0
        self.routers = [self.router(f"r{i}", f"r{i:06}.routers.example") for i in range(count)]
        self.change()
        self.server = start_server("mesh", address, command, self.folder, bench.placement)

    @staticmethod
    def router(name: str, host: str) -> str:
        return f"    {name}: {{ rule: \"HostSNI(`{host}`)\", service: bench, tls: {{ passthrough: true }} }}\n"

    def change(self) -> None:
        self.turn += 1
        self.routers[len(self.routers) // 2] = self.router("changed", f"turn{self.turn}.routers.example")
        new = self.file.with_suffix(".new")
        new.write_text(self.before + "".join(self.routers) + self.after)
        new.replace(self.file)

    def command(self, name: str) -> float:
        """How long one takes that has to end well."""
        begun = time.monotonic()
        done = subprocess.run([self.mesh.program(), name, "--config", str(self.file)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"mesh {name} ended with {done.returncode}: {(done.stdout + done.stderr)[-300:]}")
        return time.monotonic() - begun

    def control(self) -> ControlSocket:
        return ControlSocket(self.folder / "mesh.db.sock")


class Reloading:
    """One reload after the other while the context is open."""

    def __init__(self, routers: Routers):
        self.routers, self.happened = routers, 0

    def __enter__(self):
        self.stop, self.trouble, self.happened = threading.Event(), None, 0
        self.thread = threading.Thread(target=self._reload)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        if self.trouble:
            raise Failed(f"a reload beside handshakes: {self.trouble}")

    def _reload(self) -> None:
        try:
            with self.routers.control() as control:
                while not self.stop.is_set():
                    self.routers.change()
                    answer = control.ask("reload")
                    if not answer["applied"]:
                        raise Failed(answer["summary"])
                    self.happened += 1
        except (Failed, OSError) as error:
            self.trouble = error


def measure(bench: Bench, _store: Path, quick: bool) -> dict:
    servers: list[Server] = []
    with Backend(bench.load):
        try:
            many = Routers(bench, ROUTERS, f"127.0.77.202:{PORT}")
            servers.append(many.server)
            few = Routers(bench, FEW, f"127.0.77.203:{PORT}")
            servers.append(few.server)
            times = [measure_once(many, few) for _ in range(TIMES_QUICK if quick else TIMES)]
            load = windows.arguments(many.server, "--name", CERTIFIED)
            paired = windows.pairs(bench, load, windows.a_third_of_what_it_can(bench, load), lambda _: Reloading(many))
        finally:
            for server in servers:
                server.stop()
    return {"scenario": NAME, "routers": ROUTERS, "few": FEW, "times": times, **paired,
            **{key: statistics.median(one[key] for one in times) for key in times[0]},
            "targets": windows.verdicts(paired)}


def measure_once(many: Routers, few: Routers) -> dict:
    """Reading a file is what `mesh check` does, too: a reload is told as a multiple of that."""
    many.change()
    few.change()
    check = many.command("check")
    workers = WorkerClock(many.server.process.pid)
    before = workers.settled()
    changed = many.command("reload")
    worker = workers.settled() - before
    same = many.command("reload")
    return {"check_s": check, "reload_s": changed, "nothing_changed_s": same, "few_s": few.command("reload"),
            "of_check": changed / check, "worker_ms": worker / 1e6}


def table(document: dict) -> str:
    text = (f"  mesh reload {document['reload_s']:.2f} s ({document['of_check']:.2f} x mesh check of the same file;"
            f" nothing changed {document['nothing_changed_s']:.2f} s; {FEW} routers {document['few_s']:.2f} s),"
            f" of which the worker's {document['worker_ms']:.2f} ms\n"
            f"  {document['happened']} reloads, one after the other: {windows.line(document)}"
            f"  {'  '.join(map(report.verdict_text, document['targets']))}")
    return text + "".join(f"\n  does not count: {trouble}" for trouble in document["troubles"])
