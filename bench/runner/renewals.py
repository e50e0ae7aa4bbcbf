"""A thousand renewals due in the same minute, while handshakes run: what those notice.

The minute is asked for piece by piece: beside each window the CA's certificates are renewed at that rate, beginning
early enough that orders of every age are under way in it; before a window without, all of them have come to an end.
"""

import random
import subprocess
import threading
import time
from pathlib import Path

from . import many_names, report, windows
from .authority import PORT, VALIDATED, Authority
from .issuance import mesh_yaml
from .measuring import Bench
from .peers import Mesh, Wanted
from .processes import Backend, Failed, Server, start_server
from .running_mesh import ControlSocket, LogCount

NAME = "renewals"
NAMES, NAMES_QUICK = 1000, 300
A_MINUTE = 1000
HEADING = f"renewals: {A_MINUTE} in a minute, from Pebble, beside full handshakes for the names that are renewed"
LEAD = 3.0  # seconds: an order that has to wait for the CA twice takes that long
EVERY = 0.3  # seconds between requests for some more
WINDOW_MS = 3000


class Renewing:
    """Renewals that go on while the context is open, and have come to an end when it is left."""

    def __init__(self, control: Path, server: Server, names: list[str]):
        self.control, self.server, self.names = control, server, list(names)
        random.Random(7).shuffle(self.names)
        self.live = LogCount(server.log, "event=cert_live")
        self.failed = LogCount(server.log, "event=order_failed")
        self.asked = self.happened = 0

    def __enter__(self):
        self.stop = threading.Event()
        self.trouble: Exception | None = None
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()
        time.sleep(LEAD)
        self.before = self.live.count()
        return self

    def __exit__(self, *_):
        self.happened = self.live.count() - self.before
        self.stop.set()
        self.thread.join()
        if self.trouble:
            raise Failed(f"renewals cannot be asked for: {self.trouble}")
        if not self.live.wait_for(self.asked, 120):
            raise Failed(f"{self.live.seen} of {self.asked} renewals came about, {self.failed.count()} orders failed: "
                         f"{self.server.last_words()}")

    def _ask(self) -> None:
        at_a_time = round(A_MINUTE / 60 * EVERY)
        try:
            while not self.stop.is_set():
                some = [self.names[(self.asked + i) % len(self.names)] for i in range(at_a_time)]
                with ControlSocket(self.control) as control:
                    answer = control.ask("renew", names=some)
                refused = [line for line in answer["certificates"] if line["outcome"] != "asked"]
                if refused:
                    raise Failed(f"{refused[0]}")
                self.asked += at_a_time
                self.stop.wait(EVERY)
        except (Failed, OSError) as error:
            self.trouble = error


def measure(bench: Bench, store: Path, quick: bool) -> dict:
    names = many_names.make(store / f"names-{NAMES_QUICK if quick else NAMES}", NAMES_QUICK if quick else NAMES)
    folder = bench.folder / NAME
    with Authority(folder / "ca") as authority, Backend(bench.load):
        server = start(bench, folder, names, authority)
        try:
            return measure_at(bench, server, names, authority)
        finally:
            server.stop()


def start(bench: Bench, folder: Path, names: many_names.Names, authority: Authority) -> Server:
    """What is renewed is imported first, which is quicker than another thousand orders."""
    mesh = next(peer for peer in bench.peers if isinstance(peer, Mesh))
    wanted = Wanted("tls", f"{VALIDATED}:{PORT}", Backend.at("echo"), bench.certificate, folder)
    file = wanted.write("mesh.yaml", mesh_yaml(wanted, names.all(), authority))
    done = subprocess.run([mesh.program(), "certs", "import", "--config", str(file), "--dir", str(names.pairs)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"mesh certs import ended with {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
    return start_server("mesh", wanted.address, [mesh.program(), "run", "--config", str(file)], folder,
                        bench.placement)


def measure_at(bench: Bench, server: Server, names: many_names.Names, authority: Authority) -> dict:
    load = windows.arguments(server, "--names", names.file)
    bench.load.run(*load, "--in-turn", "--operations", names.count, "--window", 600_000)
    rate = windows.a_third_of_what_it_can(bench, load)
    renewing = Renewing(bench.folder / NAME / "mesh.db.sock", server, names.all())
    before = authority.requests()
    paired = windows.pairs(bench.with_window(WINDOW_MS), load, rate, lambda _: renewing)
    seconds = WINDOW_MS / 1000 + bench.effort.warmup_ms / 1000
    good = sum(not both["trouble"] for both in paired["rounds"])
    return {"scenario": NAME, **paired, "asked": renewing.asked,
            "in_a_minute": good and paired["happened"] / good / seconds * 60,
            "requests_each": sum((authority.requests() - before).values()) / max(renewing.asked, 1),
            "targets": windows.verdicts(paired)}


def table(document: dict) -> str:
    return (f"  {windows.line(document)}\n  {document['asked']} renewals, {document['in_a_minute']:.0f} a minute beside"
            f" the windows, {document['requests_each']:.2f} requests each"
            f"  {'  '.join(map(report.verdict_text, document['targets']))}"
            + "".join(f"\n  does not count: {trouble}" for trouble in document["troubles"]))
