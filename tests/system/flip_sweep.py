"""Bytes of the store's files change under a running mesh, one at a time, while clients connect."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from contextlib import closing

from mesh_env.certified import config_of, copied, orders_at, started
from mesh_env.control import ControlSocket
from mesh_env.flipped_bytes import FlippedByte
from mesh_env.hammer import Hammer
from mesh_env.waiting import wait_until

WARM = ["warm0.example", "warm1.example"]
COLD = [f"cold{i}.example" for i in range(10)]
"""One is read for the first time while each byte is changed."""
SPARE = "spare.example"
"""Wanted and not wanted by turns, which the store is told."""
NAMES = [*WARM, *COLD, SPARE]
TOLD_ONCE = ("certificate_unreadable", "store_damaged", "store_refused", "store_copy_failed")


class Sweep:
    """Rounds of as many bytes as there are cold names. The last byte of a round stays changed, and
    mesh is started on it."""

    def __init__(self, env, rounds: int, seed: int):
        self.env = env
        self.random = random.Random(seed)
        self.flips = rounds * len(COLD)
        self.noticed: Counter[str] = Counter()
        self.done = self.in_log = self.from_copy = self.handshakes = self.not_put_back = 0
        self.mesh = started(env, NAMES)
        wait_until(lambda: copied(env, NAMES), 20, "the online copy")
        self.mesh.stop()
        self.orders = orders_at(env)
        self.trust = env.trust()
        self.sound = env.directory / "sound"
        self.sound.mkdir()
        for file in env.state.glob("mesh.db*"):
            if file.is_file() and not file.name.endswith((".lock", ".sock")):
                shutil.copy(file, self.sound)
        self.material = self._material()

    def run(self) -> None:
        for turn in range(self.flips // len(COLD)):
            self._lay_out()
            self._start()
            last = self._flip_all()
            self._restart_on(last, killed=turn % 2 == 1)
            self.mesh.stop()
        print(f"{self.done} bytes, {self.in_log} of them in the log; {self.handshakes} handshakes, none failed; "
              f"{self.from_copy} certificates read from the copy; said: {dict(self.noticed)}; "
              f"{self.not_put_back} could not be put back")

    # --- one round ---

    def _lay_out(self) -> None:
        for file in self.env.state.glob("mesh.db*"):
            if file.is_file():
                file.unlink()
        for file in self.sound.iterdir():
            placed = self.env.state / file.name
            shutil.copy(file, placed)
            placed.chmod(0o600)
            if self.env.is_root:
                shutil.chown(placed, 65534, 65534)

    def _start(self) -> int:
        since = self.mesh.mark()
        self.mesh.write_config(config_of(self.env, NAMES))
        self.mesh.start(wrapper=self.env.wrapper)
        return since

    def _flip_all(self) -> FlippedByte:
        since = self.mesh.mark()
        for name in WARM:
            self._serves(name)
        self.watch = sqlite3.connect(f"file:{self.env.store}?mode=ro", uri=True)
        with closing(self.watch), Hammer(self.env.at(), WARM, self.trust) as hammer:
            for i, name in enumerate(COLD):
                commits = self._commits()  # before the byte may be one this look needs
                flip, its_own = self._flip(name)
                self._look_at(flip, its_own, name, commits, spare=i % 2 == 1, hammer=hammer)
                if i + 1 < len(COLD) and not flip.put_back():
                    self.not_put_back += 1
            self.handshakes += hammer.handshakes
        assert not self.mesh.events("order_started", since=since)
        for event in TOLD_ONCE:
            told = self.mesh.events(event, since=since)
            assert len(told) <= len(COLD), f"more than one line for a byte: {[line.text for line in told]}"
            self.noticed[event] += len(told)
        return flip

    def _look_at(self, flip: FlippedByte, its_own: bool, name: str, commits: int, spare: bool, hammer: Hammer) -> None:
        since, before = self.mesh.mark(), hammer.handshakes
        with ControlSocket(self.env.state / "mesh.db.sock") as control:
            self.mesh.write_config(config_of(self.env, NAMES if spare else NAMES[:-1]))
            assert control.ask("reload")["applied"] is True, flip
            assert control.ask("status"), flip
        # After a commit nobody reads a page from SQLite's cache.
        wait_until(lambda: self._commits() != commits or self.mesh.events("store_refused", since=since), 20, "a commit")
        self._serves(name)
        wait_until(lambda: hammer.handshakes > before + 2 or hammer.failures, 20, "handshakes meanwhile")
        assert not hammer.failures, f"{flip}: {hammer.failures[:5]}"
        assert self.mesh.running and orders_at(self.env) == self.orders, flip
        told = self.mesh.events("certificate_unreadable", since=since, certificate=name)
        assert len(told) <= 1, f"{flip}: {[line.text for line in told]}"
        if its_own:
            line = self.mesh.wait_for("certificate_unreadable", since=since, level="ERROR", certificate=name, seconds=5)
            assert "copy" in line.text
            self.from_copy += 1

    def _restart_on(self, flip: FlippedByte, killed: bool) -> None:
        """Whatever the byte did: everything is served, and nothing that is valid is ordered."""
        if killed:
            self.mesh.kill()
        else:
            self.mesh.stop()
        since = self._start()
        for name in NAMES:
            self._serves(name)
        states = {tuple(line["names"]): line["state"] for line in self.mesh.json("plan")["certificates"]}
        assert set(states.values()) == {"valid"}, f"{flip}: {states}"
        assert not self.mesh.events("order_started", since=since) and orders_at(self.env) == self.orders, flip
        for event in ("store_restored", "store_mended", "store_damaged_row", "store_begun_anew", "certificate_lost"):
            self.noticed[event] += len(self.mesh.events(event, since=since))

    def _commits(self) -> int:
        """Changes with every commit of mesh; 0 while the header cannot be read."""
        try:
            return self.watch.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.DatabaseError:
            return 0

    def _serves(self, name: str) -> None:
        with self.env.tls(name, self.trust) as client:
            assert client.names == {name}

    # --- where ---

    def _flip(self, name: str) -> tuple[FlippedByte, bool]:
        """The next byte, and whether it is one of the certificate of `name`."""
        place = self.done
        self.done += 1
        bit = self.random.randrange(8)
        log = self.env.store.with_name("mesh.db-wal")
        if place % 8 == 7 and log.exists() and log.stat().st_size:
            self.in_log += 1
            return FlippedByte(log, self.random.randrange(log.stat().st_size), bit), False
        if place % 4 == 2:
            return FlippedByte(self.env.store, self.material[name] + self.random.randrange(20), bit), True
        # Every part of the file has its turn.
        size = self.env.store.stat().st_size
        part = size / self.flips
        return FlippedByte(self.env.store, min(size - 1, int((place + self.random.random()) * part)), bit), False

    def _material(self) -> dict[str, int]:
        """Where in the file a part of each cold name's leaf lies."""
        content = self.env.store.read_bytes()
        database = sqlite3.connect(f"file:{self.env.store}?mode=ro&immutable=1", uri=True)
        chains = dict(database.execute("SELECT names, chain FROM version_material JOIN certificate "
                                       "ON version_id = current_version"))
        database.close()

        def place(name: str) -> int:
            lines = [line.encode() for line in chains[name].split("-----END")[0].splitlines()[3:]]
            # Lines of a leaf are in the file once, and whole unless they cross from one page to the next.
            return next(content.index(line) for line in lines if len(line) > 30 and content.count(line) == 1)

        return {name: place(name) for name in COLD}
