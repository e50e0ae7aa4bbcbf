"""Certificates that are replaced again and again: whether memory stays what it was, and what replacing one of very
many costs the thread that serves connections.

They are replaced as `mesh certs import` does it: checked, stored, served. Each has to be valid for longer than the one
before.
"""

import random
import socket
import ssl
import statistics
from contextlib import ExitStack
from pathlib import Path

from . import many_names, ratios, report
from .measuring import PORT, SOURCES, Bench
from .peers import Mesh, Wanted
from .processes import Backend, Failed, Server, start_server
from .running_mesh import ControlSocket, WorkerClock, private_bytes

MEMORY, REPLACED = "swaps", "replaced"
MEMORY_HEADING = "swaps: certificates replaced again and again, each shown to a client now and then"
REPLACED_HEADING = "replaced: one certificate among many"
BATCH = 500  # what one request may bring
SWAPS, SWAPS_QUICK = 100_000, 10_000
MANY, MANY_QUICK, FEW = 50_000, 2000, 10
TURNS, TURNS_QUICK = 100, 20
FLAT = 1.05
WORKER_MS = 1.0
WORKER_MULTIPLE = 2.0
"""A copy of the index would be thousands."""


def successors_of(root: Path):
    try:
        from .successors import Successors
    except ImportError:
        raise Failed("certificates cannot be made (apt-get install python3-cryptography)")
    return Successors(root)


class Stored:
    """mesh with so many certificates in its store."""

    def __init__(self, bench: Bench, store: Path, count: int, folder: Path, address: str):
        folder.mkdir(parents=True)
        self.names = many_names.make(store / f"names-{count}", count)
        mesh = next(peer for peer in bench.peers if isinstance(peer, Mesh))
        wanted = Wanted("tls", address, Backend.at("echo"), bench.certificate, folder)
        command = many_names.mesh_command(mesh, wanted, self.names)
        self.server: Server = start_server("mesh", address, command, folder, bench.placement, 60)
        self.socket = folder / "mesh.db.sock"

    def stop(self) -> None:
        self.server.stop()

    def take(self, items: list[dict]) -> None:
        with ControlSocket(self.socket) as control:
            answer = control.ask("import", resolver="none", items=[
                {key: item[key] for key in ("label", "chain", "key")} for item in items])
        for line in answer["items"]:
            if line["outcome"] != "imported":
                raise Failed(f"mesh takes {line['source']} not in: {line}")

    def serial_of(self, name: str, root: Path) -> int:
        """Of the certificate that a client is shown, and that is right for it."""
        host, port = self.server.address.rsplit(":", 1)
        context = ssl.create_default_context(cafile=str(root))
        with socket.create_connection((host, int(port)), 10) as plain, \
                context.wrap_socket(plain, server_hostname=name) as client:
            return int(client.getpeercert()["serialNumber"], 16)


def measure_memory(bench: Bench, store: Path, quick: bool) -> dict:
    batches = (SWAPS_QUICK if quick else SWAPS) // BATCH
    folder = bench.folder / MEMORY
    with Backend(bench.load), ExitStack() as stack:
        stored = Stored(bench, store, BATCH, folder, f"127.0.77.204:{PORT}")
        stack.callback(stored.stop)
        successors = successors_of(bench.folder / "successors.pem")
        memory, troubles = [], []
        for batch in range(batches):
            stored.take(successors.of(stored.names.all()))
            memory.append(private_bytes(stored.server.process.pid))
            if (batch + 1) % (batches // 10) == 0:
                troubles += handshakes_with_all(bench, stored, successors)
    growth = grown(memory)
    return {"scenario": MEMORY, "swaps": batches * BATCH, "memory": memory, "troubles": sorted(set(troubles)), **growth,
            "targets": [{"of": "memory", "unit": " x", "target": FLAT, "value": growth["ratio"],
                         "met": not troubles and growth["ratio"] <= FLAT}]}


def handshakes_with_all(bench: Bench, stored: Stored, successors) -> list[str]:
    """Each name once: what is new is shown."""
    result = bench.load.run("connect", "--to", stored.server.address, "--from", SOURCES, "--names", stored.names.file,
                            "--in-turn", "--operations", stored.names.count, "--window", 60_000,
                            "--ca", successors.root)
    return [f"{count} x {what}" for what, count in result["errors"].items()]


def grown(memory: list[int]) -> dict:
    """From the second tenth, when all caches are full, to the last: the most of each."""
    tenth = len(memory) // 10
    first, last = max(memory[tenth:2 * tenth]), max(memory[-tenth:])
    between = (len(memory) - 2 * tenth) * BATCH
    return {"first_mb": first / 1e6, "last_mb": last / 1e6, "ratio": last / first,
            "bytes_for_each_swap": (last - first) / between}


def memory_table(document: dict) -> str:
    return (f"  {document['swaps']} swaps: private memory {document['first_mb']:.1f} MB in the second tenth,"
            f" {document['last_mb']:.1f} MB in the last: {document['ratio']:.3f} x"
            f" ({document['bytes_for_each_swap']:.1f} bytes for each swap)"
            f"  {'  '.join(map(report.verdict_text, document['targets']))}"
            + "".join(f"\n  does not count: {trouble}" for trouble in document["troubles"]))


def measure_replaced(bench: Bench, store: Path, quick: bool) -> dict:
    count, turns = (MANY_QUICK, TURNS_QUICK) if quick else (MANY, TURNS)
    with Backend(bench.load), ExitStack() as stack:
        servers = {}
        for number, amount in enumerate((FEW, count)):
            servers[amount] = Stored(bench, store, amount, bench.folder / REPLACED / str(amount),
                                     f"127.0.77.{205 + number}:{PORT}")
            stack.callback(servers[amount].stop)
        successors = successors_of(bench.folder / "replaced.pem")
        rounds = [{amount: replace_one(servers[amount], successors, turn)
                   for amount in random.Random(turn).sample(sorted(servers), len(servers))}
                  for turn in range(turns)]
    return {"scenario": REPLACED, "certificates": count, "rounds": rounds, **told(rounds, FEW, count)}


def replace_one(stored: Stored, successors, turn: int) -> dict:
    names = stored.names.all()
    name = names[turn * 7919 % len(names)]
    items = successors.of([name])
    workers = WorkerClock(stored.server.process.pid)
    before = workers.settled()
    stored.take(items)
    spent = workers.settled() - before
    shown = stored.serial_of(name, successors.root)
    return {"worker_us": spent / 1e3, "trouble": None if shown == items[0]["serial"] else f"{name} shows another"}


def told(rounds: list[dict], few: int, many: int) -> dict:
    costs = {amount: [one[amount]["worker_us"] for one in rounds] for amount in (few, many)}
    troubles = sorted({one[amount]["trouble"] for one in rounds for amount in (few, many)} - {None})
    ratio = ratios.paired(costs[many], costs[few])
    most = max(costs[many]) / 1e3
    met = not troubles
    return {"worker_us": statistics.median(costs[many]), "worker_us_of_few": statistics.median(costs[few]),
            "worker_most_ms": most, "ratio": ratio and ratio.as_json(), "troubles": troubles, "targets": [
                {"of": "worker", "unit": " ms at most", "target": WORKER_MS, "value": most,
                 "met": met and most <= WORKER_MS},
                {"of": "worker", "unit": f" x of {few}", "target": WORKER_MULTIPLE, "value": ratio and ratio.median,
                 "met": ratio and met and ratio.median <= WORKER_MULTIPLE}]}


def replaced_table(document: dict) -> str:
    ratio = document["ratio"]
    return (f"  {document['certificates']} certificates: {document['worker_us']:.0f} us of the worker's time, at most"
            f" {document['worker_most_ms']:.2f} ms; {ratio['median']:.2f} x that of {FEW} certificates"
            f" ({ratio['low']:.2f}..{ratio['high']:.2f})"
            f"  {'  '.join(map(report.verdict_text, document['targets']))}"
            + "".join(f"\n  does not count: {trouble}" for trouble in document["troubles"]))
