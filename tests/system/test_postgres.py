# ctest: timeout=240
"""A real PostgreSQL behind mesh, and psql before it: every sslmode against every kind of router."""

import signal
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from mesh_env import wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service
from mesh_env.postgres import Postgres, psql
from mesh_env.waiting import scaled

NAME = "db.example"
ENCRYPTED, CLEAR = "encrypted", "clear"
WANTS_TLS = "TLS required: use sslmode=require"
NO_TLS_ON_SERVER = "server does not support SSL"
CUT = "cut"
"""The connection ends in the middle of TLS, because the server has none."""

MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
#         entry point         disable    allow      prefer     require    verify-ca  verify-full
EXPECTED = {
    "terminate":              [WANTS_TLS, ENCRYPTED, ENCRYPTED, ENCRYPTED, ENCRYPTED, ENCRYPTED],
    "passthrough":            [WANTS_TLS, ENCRYPTED, ENCRYPTED, ENCRYPTED, ENCRYPTED, ENCRYPTED],
    "passthrough-no-tls":     [WANTS_TLS, WANTS_TLS, WANTS_TLS, CUT, CUT, CUT],
    "plain":                  [CLEAR, CLEAR, ENCRYPTED, ENCRYPTED, ENCRYPTED, ENCRYPTED],
    "plain-no-tls":           [CLEAR, CLEAR, CLEAR, NO_TLS_ON_SERVER, NO_TLS_ON_SERVER, NO_TLS_ON_SERVER],
    "mixed":                  [CLEAR, CLEAR, ENCRYPTED, ENCRYPTED, ENCRYPTED, ENCRYPTED],
}


class Bench:
    """A PostgreSQL with TLS and one without, and an entry point of each kind before them."""

    def __init__(self, env, folder: Path):
        self.env = env
        self.authority = SigningAuthority()
        self.root = folder / "root.pem"
        self.root.write_text(self.authority.pem)
        self.authority.write_pair(env.directory / "tls", "db", NAME)
        address = env.loopback.address
        self.secure = Postgres(folder, address, env.port("secure"), self.authority.issue(NAME)).start()
        self.open = Postgres(folder, address, env.port("open")).start()
        kinds = {  # entry point: routers, as (kind, service)
            "terminate": [("terminate", "open")], "passthrough": [("passthrough", "secure")],
            "passthrough-no-tls": [("passthrough", "open")], "plain": [("plain", "secure")],
            "plain-no-tls": [("plain", "open")], "mixed": [("terminate", "open"), ("plain", "open")]}
        tls = {"terminate": {"tls": {}}, "passthrough": {"tls": {"passthrough": True}}, "plain": {}}
        self.mesh = env.mesh({
            "entryPoints": {kind: {"address": env.endpoint(kind)} for kind in kinds},
            "tcp": {
                "routers": {f"{entry}-{kind}": {
                    "entryPoints": [entry], "service": to, "rule": rule("*") if kind == "plain" else rule(NAME),
                    **tls[kind]} for entry, routers in kinds.items() for kind, to in routers},
                "services": {"secure": service(env.endpoint("secure")), "open": service(env.endpoint("open"))},
            },
            "tls": {"certificates": [{"certFile": "tls/db.crt", "keyFile": "tls/db.key"}]},
            "log": {"level": "DEBUG"},
        })

    def command(self, entry: str, query: str, **options: str) -> list[str]:
        more = {"sslrootcert": str(self.root)} if options.get("sslmode", "").startswith("verify") else {}
        return psql(NAME, self.env.loopback.address, self.env.port(entry), query, **more, **options)

    def ask(self, entry: str, **options: str) -> tuple[int, str]:
        done = subprocess.run(self.command(entry, "select 'answered'", **options), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=scaled(30))
        return done.returncode, done.stdout

    def outcome(self, entry: str, mode: str) -> str:
        # \conninfo says what psql itself knows of the connection.
        done = subprocess.run([*self.command(entry, "select 'answered'", sslmode=mode, gssencmode="disable"),
                               "-c", "\\conninfo"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=scaled(30))
        if done.returncode == 0:
            assert "answered" in done.stdout
            return ENCRYPTED if "SSL connection" in done.stdout else CLEAR
        for known in (WANTS_TLS, NO_TLS_ON_SERVER):
            if known in done.stdout:
                return known
        for cut in ("Connection reset by peer", "SSL SYSCALL error", "closed the connection unexpectedly"):
            if cut in done.stdout:
                return CUT
        return done.stdout


@pytest.fixture
def bench(env):
    with tempfile.TemporaryDirectory(prefix="mesh-postgres-") as folder:
        Path(folder).chmod(0o755)
        bench = Bench(env, Path(folder))
        yield bench
        bench.secure.stop()
        bench.open.stop()


def test_every_sslmode_against_every_kind_of_router(bench):
    actual = {entry: [bench.outcome(entry, mode) for mode in MODES] for entry in EXPECTED}
    for entry, row in actual.items():
        print(f"{entry:20} " + "  ".join(f"{mode}={cell}" for mode, cell in zip(MODES, row)))
    assert actual == EXPECTED
    wait_until(lambda: "has no TLS (ssl=off?)" in bench.mesh.log_tail(2000), 10, "the reason in the log")


def test_psql_interrupted_during_a_query_cancels_it(bench):
    for entry in ("terminate", "passthrough", "plain", "mixed"):
        server = bench.secure if entry in ("passthrough", "plain") else bench.open
        sleeping = subprocess.Popen(bench.command(entry, f"select pg_sleep(60) /* {entry} */"), text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        def runs() -> bool:
            done = subprocess.run(psql(NAME, server.address, server.port,
                                       "select count(*) from pg_stat_activity where state = 'active' and query like "
                                       f"'select pg_sleep(60) /* {entry}%'"), capture_output=True, text=True)
            return done.stdout.strip() == "1"

        wait_until(runs, 20, f"the query through {entry}")
        sleeping.send_signal(signal.SIGINT)
        output, _ = sleeping.communicate(timeout=scaled(20))
        assert "canceling statement due to user request" in output, f"{entry}: {output}"


def test_a_server_that_is_down_closes_the_client_in_time(bench):
    bench.open.stop()
    for entry in ("terminate", "passthrough-no-tls", "plain-no-tls"):
        code, output = bench.ask(entry, sslmode="disable" if entry.startswith("plain") else "require")
        assert code != 0, f"{entry}: {output}"
    bench.open.start()
    assert bench.outcome("terminate", "verify-full") == ENCRYPTED


def test_direct_negotiation_is_tls_with_postgresql_as_protocol(bench):
    """As sslnegotiation=direct of libpq 17, then a StartupMessage that the server answers."""
    context = ssl.create_default_context(cadata=bench.authority.pem)
    context.set_alpn_protocols(["postgresql"])
    parameters = b"user\0mesh\0database\0postgres\0\0"
    with socket.create_connection(bench.env.at("terminate"), timeout=scaled(10)) as plain:
        with context.wrap_socket(plain, server_hostname=NAME) as secure:
            assert secure.selected_alpn_protocol() == "postgresql"
            secure.sendall((8 + len(parameters)).to_bytes(4, "big") + b"\0\3\0\0" + parameters)
            assert secure.recv(9) == b"R\0\0\0\x08\0\0\0\0"  # AuthenticationOk
