"""The rows of a store, read beside mesh or after its end without changing a byte of it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    url: str
    key: str


@dataclass(frozen=True)
class Order:
    url: str
    status: str
    finalized: bool
    key: str


@dataclass(frozen=True)
class Version:
    serial: str
    chain: str
    key: str


@dataclass(frozen=True)
class Stored:
    """What one moment of a store holds. A store that does not exist yet holds nothing."""

    accounts: tuple[Account, ...] = ()
    orders: tuple[Order, ...] = ()
    current: tuple[Version, ...] = ()
    """The current version of every certificate that has one."""

    @property
    def account(self) -> Account | None:
        return self.accounts[0] if self.accounts else None

    @property
    def order(self) -> Order | None:
        return self.orders[0] if self.orders else None


def read_store(path: Path) -> Stored:
    """Reads a copy of the database and its log: SQLite would make files beside the real one. Only for
    a store nobody writes at the moment."""
    if not path.exists():
        return Stored()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        for suffix in ("", "-wal"):
            source = path.with_name(path.name + suffix)
            if source.exists():
                shutil.copyfile(source, copy.with_name(copy.name + suffix))
        database = sqlite3.connect(copy)
        try:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",), path
            if not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                return Stored()
            return _rows(database)
        finally:
            database.close()


def _rows(database: sqlite3.Connection) -> Stored:
    return Stored(
        tuple(Account(url, bytes(key).decode()) for url, key in database.execute("SELECT url, key FROM account")),
        tuple(Order(url, status, bool(finalized), bytes(key).decode()) for url, status, finalized, key in
              database.execute("SELECT url, status, finalized, key FROM acme_order")),
        tuple(Version(serial, chain, bytes(key).decode()) for serial, chain, key in database.execute(
            "SELECT serial, chain, key FROM certificate JOIN version ON version.id = current_version "
            "JOIN version_material ON version_id = version.id")))
