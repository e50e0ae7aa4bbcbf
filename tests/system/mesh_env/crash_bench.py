"""Meshes that die in the middle of an order, and what is found after the next start.

One CA serves many small meshes side by side: each has an address, a name, a folder and a store of
its own, so that what they wait for costs its time only once."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from .ca_books import CaBooks, CaOrder
from .certificates import SigningAuthority
from .configuration import certified_router, service
from .environment import Environment
from .gate import Gate
from .loopback import Loopback
from .mesh import Mesh
from .store_file import Stored, read_store
from .tls_client import Authority, HandshakeRefused, TlsClient
from .waiting import scaled, wait_until

AT_ONCE = 16
OLD_AUTHORITY = "The authority before"


@dataclass
class Life:
    """What a killed process left behind."""

    stored: Stored
    at_the_point: bool
    """It died at the crash point it was sent to, not somewhere else."""


@dataclass
class Story:
    """One certificate, from its first process to the one that was left alone."""

    what: str
    name: str
    renewal: bool
    more_names: tuple[str, ...] = ()
    lives: list[Life] = field(default_factory=list)
    end: Stored = Stored()
    served_serial: int = 0
    orders: list[CaOrder] = field(default_factory=list)
    new_account: list[str] = field(default_factory=list)
    """What the CA said to newAccount in the last life: 201 made, 200 found."""
    trouble: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return self.name, *self.more_names

    @property
    def extra_orders(self) -> int:
        return len(self.orders) - 1

    @property
    def needless_orders(self) -> int:
        """Without those that the CA gave up, having found nobody when it validated."""
        return sum(order.status != "invalid" for order in self.orders) - 1

    def urls_seen(self) -> set[str]:
        """Of the orders that its processes left in the store."""
        return {order.url for life in self.lives for order in life.stored.orders if order.url}


class Bench:
    def __init__(self, env: Environment):
        self.env = env
        self.pebble = env.pebble()
        env.backend("app")
        self.old_authority = SigningAuthority(OLD_AUTHORITY)
        self.from_ca = env.trust()
        """Verifies what the CA issued."""
        self.from_either = Authority(self.pebble.root_pem() + self.old_authority.pem)
        self._template: Path | None = None

    def template(self) -> Path:
        """A store as an order leaves it: with an account and a certificate."""
        if self._template is None:
            first = Trial(self, Story("template", "template.example", False))
            first.start()
            first.mesh.wait_for("cert_live", seconds=40)
            first.mesh.stop()
            first.close()
            self._template = first.store
        return self._template

    def run_all(self, trials: list, work) -> None:
        """`work(trial)` for each, `AT_ONCE` at a time. What goes wrong with one is its story's trouble."""
        def one(trial: Trial) -> None:
            try:
                work(trial)
            except Exception as error:  # noqa: BLE001: told by the test, with all the others
                trial.story.trouble = f"{type(error).__name__}: {error}"
            finally:
                trial.close()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, trials))

    def orders_made(self) -> int:
        """How many orders the CA has made so far, for anybody."""
        return self.pebble.requests(r"Added order ")

    def audit(self, stories: list[Story], made: int) -> int:
        """Fills in what the CA has on file. Returns how many of the orders `made` are nobody's: 0, where
        every story came to its end."""
        by_account: dict = {}
        for story in stories:
            if story.end.account is not None:
                by_account.setdefault(story.end.account, []).append(story)
        for account, holders in by_account.items():
            books = CaBooks(self.pebble, account)
            orders = books.orders()
            for story in holders:
                story.orders = [order for order in orders if order.names == set(story.names)]
                listed = {order.url for order in story.orders}
                story.orders += [books.order(url) for url in sorted(story.urls_seen() - listed)]
        counted = sum(len(story.orders) for story in stories)
        return made - counted


class Trial:
    """One story's folder, address and mesh.

    A CA that validates at the moment mesh is dead finds nobody; then the order is lost by no fault of
    mesh, and the next one is a minute away. With `patient` the CA's connections wait for a mesh that
    was told that the CA is at it, so that every death leaves an order which can be saved."""

    def __init__(self, bench: Bench, story: Story, patient: bool = True):
        self.bench = bench
        self.story = story
        self.folder = bench.env.directory / story.name
        self.folder.mkdir()
        self.store = self.folder / "mesh.db"
        self.address = (Loopback().address, bench.env.port("websecure"))
        self.since = 0
        self._doomed = False
        self._gate: Gate | None = None
        validated_at = self.address
        if patient:
            validated_at = (Loopback().address, self.address[1])
            self._gate = Gate(validated_at, self.address, self._answers_for_its_name)
        for name in story.names:
            bench.env.dns().add_a(name, validated_at[0])
        resolver = bench.env.resolver(bench.pebble)
        self.mesh = Mesh(self.folder, {
            "entryPoints": {"websecure": {"address": f"{self.address[0]}:{self.address[1]}"}},
            "certificatesResolvers": {"le": resolver},
            "workers": 2,
            "log": {"level": "DEBUG"},
            "tcp": {"routers": {"one": certified_router(*story.names)},
                    "services": {"app": service(bench.env.endpoint("backend-app"))}},
        })

    # --- before ---

    def put_due_certificate(self) -> None:
        """The store of a name whose certificate (of another authority) is due: a day old at four fifths."""
        shutil.copyfile(self.bench.template(), self.store)
        self.store.chmod(0o600)
        certificate, key = self.bench.old_authority.write_pair(
            self.folder, "old", *self.story.names, days=4 / 24, age_hours=20)
        self.mesh.command("certs", "import", "--cert", str(certificate), "--key", str(key))
        with sqlite3.connect(self.store) as database:  # as if it had come when its life began
            database.execute("UPDATE version SET created = not_before WHERE source = 'import'")
        database.close()

    def start(self, **environment: str) -> None:
        self.since = self.mesh.mark()
        self._doomed = "MESH_TEST_CRASH_AT" in environment
        self.mesh.start(ready=False, env=environment)

    def close(self) -> None:
        self.mesh.kill()
        if self._gate is not None:
            self._gate.close()

    def _answers_for_its_name(self) -> bool:
        """Whether this process has published its challenge, and, if it is to die, has got beyond telling the CA."""
        if not self.mesh.running:
            return False
        asked = [line.fields.get("request") for line in self.mesh.events("acme_request", since=self.since)]
        if self._doomed:
            return "challenge" in asked and "authorization" in asked[asked.index("challenge"):]
        return "challenge" in asked or "authorization" in asked

    # --- a life that ends early ---

    def wait_killed(self, seconds: float = 40) -> None:
        """The process kills itself at its crash point. Which of several polls that is differs from run
        to run: an order that ends before it is reached is killed at its end."""
        deadline = time.monotonic() + scaled(seconds)
        while not self.mesh.ends_within(0.05):
            assert time.monotonic() < deadline, f"neither killed nor done\n{self.mesh.log_tail(20)}"
            if self.mesh.events("cert_live", since=self.since) and not self.mesh.ends_within(0.5):
                break
        reached = self.mesh.exit_code is not None
        self.mesh.kill()
        assert self.mesh.exit_code == -signal.SIGKILL, f"ended with {self.mesh.exit_code}\n{self.mesh.log_tail(20)}"
        self.story.lives.append(Life(read_store(self.store), reached))

    def kill_after(self, seconds: float) -> None:
        assert not self.mesh.ends_within(seconds), f"ended before it was killed\n{self.mesh.log_tail(20)}"
        self.mesh.kill()
        self.story.lives.append(Life(read_store(self.store), False))

    # --- the life that is left alone ---

    def finish(self, seconds: float = 100) -> None:
        """Starts once more and waits until a certificate of the CA is served; then ends in order."""
        self.start()
        self.mesh.wait_for("ready", since=self.since)
        if self.story.renewal or self._has_new():
            with TlsClient(self.address, self.story.name, self.bench.from_either):
                pass  # what is stored is served at once
        if not self._has_new():
            self.mesh.wait_for("cert_live", since=self.since, seconds=seconds)
        self.story.served_serial = wait_until(self._serial_from_ca, 10, "a certificate of the CA is served")
        self.mesh.stop()
        asked = self.mesh.events("acme_request", since=self.since, request="newAccount")
        self.story.new_account = [line["status"] for line in asked]
        self.story.end = read_store(self.store)

    def _has_new(self) -> bool:
        """Whether the last killed process had committed what it was to get."""
        return bool(self.story.lives) and has_new(self.story.lives[-1].stored, self.story.name)

    def _serial_from_ca(self) -> int | None:
        try:
            with TlsClient(self.address, self.story.name, self.bench.from_ca) as client:
                assert client.receive_line() == "app"
                return client.certificate.serial_number
        except (HandshakeRefused, OSError):
            return None


def version_of(stored: Stored, name: str):
    """The stored current version of `name`, or None."""
    for version in stored.current:
        leaf = x509.load_pem_x509_certificate(version.chain.encode())
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if name in names.get_values_for_type(x509.DNSName):
            return version
    return None


def certificate_of(stored: Stored, name: str) -> x509.Certificate | None:
    version = version_of(stored, name)
    return x509.load_pem_x509_certificate(version.chain.encode()) if version else None


def has_new(stored: Stored, name: str) -> bool:
    """Whether the store has what the CA issued for the name, and not only what was there before."""
    leaf = certificate_of(stored, name)
    return leaf is not None and OLD_AUTHORITY not in leaf.issuer.rfc4514_string()


def is_pair(chain: str, key: str) -> bool:
    leaf = x509.load_pem_x509_certificate(chain.encode()).public_key()
    ours = load_pem_private_key(key.encode(), None).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return leaf.public_bytes(*form) == ours.public_bytes(*form)


def complaints(story: Story) -> list[str]:
    """What is wrong with how a story ended; the promises of docs/certificates.md, one by one."""
    if story.trouble:
        return [story.trouble]
    found = []

    def want(holds: bool, otherwise: str) -> None:
        if not holds:
            found.append(otherwise)

    # A valid pair is served and stored.
    version = version_of(story.end, story.name)
    if version is None:
        return ["no certificate is stored"]
    leaf = x509.load_pem_x509_certificate(version.chain.encode())
    want(leaf.serial_number == story.served_serial, "another certificate is served than is stored")
    want(is_pair(version.chain, version.key), "the stored key is not that of the stored certificate")
    want(story.end.order is None, "an order is still open")

    # The CA was not asked more often than it must be.
    issued = [order for order in story.orders if order.issued]
    want(len(issued) == 1, f"{len(issued)} certificates were issued")
    # A process that dies with an order's URL in its store, or with what it led to, costs no other order,
    # unless the CA itself gives that order up: it found nobody when it validated.
    given_up = {order.url for order in story.orders if order.status == "invalid"}
    may_cost_one = [life for life in story.lives if not has_new(life.stored, story.name) and not (
        life.stored.order and life.stored.order.url and life.stored.order.url not in given_up)]
    want(story.extra_orders <= len(may_cost_one),
         f"{story.extra_orders} extra orders, {len(may_cost_one)} of {len(story.lives)} deaths may cost one each")

    for life in story.lives:
        found += _complaints_about_a_life(story, life, version.key)
    return found


def _complaints_about_a_life(story: Story, life: Life, final_key: str) -> list[str]:
    found = []
    before, after = life.stored, story.end
    if before.account is not None:
        if len(after.accounts) != 1 or after.account.key != before.account.key:
            found.append("the account key was made again")
        if before.account.url and after.account.url != before.account.url:
            found.append("the account is another one")
    order = before.order
    if order is not None and order.url:
        same = [one for one in story.orders if one.url == order.url]
        if not same:
            found.append(f"the CA does not know the stored order {order.url}")
        elif not same[0].issued and same[0].status != "invalid":
            found.append("an order whose URL was stored was not the one that was finished")
    if order is not None and order.key and order.key != final_key:
        found.append("the key that was stored with the order is not the certificate's")
    return found
