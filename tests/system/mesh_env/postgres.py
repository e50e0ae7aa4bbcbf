"""A PostgreSQL of the test's own, from Debian's packages, and psql."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from pebble_env import EnvironmentFailure, Process

from .unprivileged import NOBODY
from .waiting import scaled


def _program(name: str) -> str:
    """Server programs are not on Debian's PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found:
        raise EnvironmentFailure(f"no {name}: apt-get install postgresql-15 (Debian 13: postgresql-17)")
    return str(found[-1])


def psql_program() -> str:
    found = shutil.which("psql")
    if found is None:
        raise EnvironmentFailure("no psql: apt-get install postgresql-client")
    return found


class Postgres:
    """A cluster in `directory`, which its user (nobody, if the test is root's) can enter; user and database are
    `mesh`, everybody is trusted. With `pair` (certificate, key) it speaks TLS."""

    def __init__(self, directory: Path, address: str, port: int, pair: tuple[str, str] | None = None):
        self.address, self.port = address, port
        self.data = directory / f"postgres-{port}"
        self.process = Process("postgres", directory / f"postgres-{port}.log")
        self._pair = pair
        self._as_root = os.geteuid() == 0

    def _as_nobody(self, *command: str) -> list[str]:
        """PostgreSQL does not run as root."""
        if not self._as_root:
            return list(command)
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]

    def _initialize(self) -> None:
        self.data.mkdir(mode=0o700)
        if self._as_root:
            os.chown(self.data, NOBODY, NOBODY)
        done = subprocess.run(self._as_nobody(_program("initdb"), "-D", str(self.data), "-U", "mesh", "-A", "trust",
                                              "--no-sync", "--no-locale", "-E", "UTF8"),
                              capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise EnvironmentFailure(f"initdb: {done.stderr}")
        settings = [f"listen_addresses = '{self.address}'", f"port = {self.port}", "unix_socket_directories = ''",
                    "fsync = off", "max_connections = 30", "shared_buffers = 16MB"]
        if self._pair:
            settings += ["ssl = on"]
            for name, text in zip(("server.crt", "server.key"), self._pair):
                (self.data / name).write_text(text)
                (self.data / name).chmod(0o600)
                if self._as_root:
                    os.chown(self.data / name, NOBODY, NOBODY)
        with open(self.data / "postgresql.conf", "a") as file:
            file.write("\n".join(settings) + "\n")
        with open(self.data / "pg_hba.conf", "w") as file:
            file.write("host all all all trust\n")

    def start(self) -> Postgres:
        if not self.data.exists():
            self._initialize()
        self.process.start(self._as_nobody(_program("postgres"), "-D", str(self.data)), cwd=Path("/"))
        self.process.wait_until_answering(
            lambda: subprocess.run([_program("pg_isready"), "-q", "-h", self.address, "-p", str(self.port)]).returncode
            == 0, scaled(30))
        return self

    def stop(self) -> None:
        self.process.stop(15)


def psql(host: str, address: str, port: int, query: str, **options: str) -> list[str]:
    """The command that asks `query` at `address`, as if DNS had said so of `host`."""
    more = {"host": host, "hostaddr": address, "port": str(port), "user": "mesh", "dbname": "postgres",
            "connect_timeout": "20", **options}
    return [psql_program(), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", query,
            " ".join(f"{name}={value}" for name, value in more.items())]
