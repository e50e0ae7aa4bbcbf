# ctest: timeout=240
"""TLS from mesh to servers: whom it trusts, what it shows, what passes through, and PostgreSQL that is asked first."""

import os
import signal
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from mesh_env import wait_until
from mesh_env.backends import sink
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule
from mesh_env.postgres import Postgres, psql
from mesh_env.tls_client import Authority
from mesh_env.waiting import scaled

SHOP, DB = "shop.example", "db.internal"


class TlsServer:
    """Says its name in TLS, then echoes; remembers what clients sent in their hello and what they showed."""

    def __init__(self, env, name: str, authority: SigningAuthority, *names: str, client_ca: str | None = None, **how):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = authority.write_pair(env.directory / "servers", name, *names, **how)
        self.context.load_cert_chain(certificate, key)
        if client_ca:
            self.context.load_verify_locations(cadata=client_ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.sni_callback = lambda connection, sni, context: self.hellos.append(sni)
        self.hellos, self.shown, self.refusals, self.closed = [], [], [], []
        self.backend = env.backend(name, self.serve)

    def serve(self, backend, peer):
        try:
            peer.socket = secure = self.context.wrap_socket(peer.socket, server_side=True)
        except (ssl.SSLError, OSError) as error:
            self.refusals.append(str(error))
            return
        self.shown.append(secure.getpeercert())
        try:
            secure.sendall(f"{backend.name}\n".encode())
            while data := secure.recv(65536):
                secure.sendall(data)
            self.closed.append("close_notify")
            secure.unwrap()
        except (ssl.SSLError, OSError) as error:
            self.closed.append(str(error))


class Bench:
    """An entry point for plain clients and one that ends TLS, and whatever servers a test wants behind them."""

    def __init__(self, env):
        self.env = env
        self.authority = SigningAuthority()
        (env.directory / "servers-ca.pem").write_text(self.authority.pem)
        self.clients = SigningAuthority("Clients' authority")
        self.clients.write_pair(env.directory / "tls", "shop", SHOP)

    def server(self, name: str, *names: str, authority: SigningAuthority | None = None, **how) -> TlsServer:
        return TlsServer(self.env, name, authority or self.authority, *names, **how)

    def config(self, servers: list[dict], tls: dict | None = None, **transport) -> dict:
        return {
            "entryPoints": {"plain": {"address": self.env.endpoint("plain")},
                            "websecure": {"address": self.env.endpoint()}},
            "tcp": {
                "routers": {
                    "plain": {"entryPoints": ["plain"], "rule": rule("*"), "service": "app"},
                    "ended": {"entryPoints": ["websecure"], "rule": rule(SHOP), "service": "app", "tls": {}}},
                "services": {"app": {"loadBalancer": {"serversTransport": "servers", "servers": servers}}},
                "serversTransports": {"servers": {"tls": {"rootCAs": ["servers-ca.pem"], "serverName": DB,
                                                          **(tls or {})}, **transport}},
            },
            "tls": {"certificates": [{"certFile": "tls/shop.crt", "keyFile": "tls/shop.key"}]},
            "log": {"level": "DEBUG"},
            "workers": 2,
        }

    def mesh(self, servers: list[str], tls: dict | None = None, **transport):
        entries = [{"address": self.env.endpoint(f"backend-{name}"), "tls": True} for name in servers]
        return self.env.mesh(self.config(entries, tls, **transport))

    def ended(self):
        return self.env.tls(SHOP, Authority(self.clients.pem))

    def plain(self):
        return self.env.tcp("plain")


@pytest.fixture
def bench(env):
    return Bench(env)


def test_bytes_pass_both_ways_whole_and_so_do_half_closes(bench):
    server = bench.server("one", DB)
    bench.mesh(["one"])
    blob = os.urandom(100_000)
    for client in (bench.plain(), bench.ended()):
        with client:
            assert client.receive_line() == "one"
            for _ in range(20):
                client.send(blob)
                assert client.receive_exactly(len(blob)) == blob
            client.send(b"last words")
            client.half_close()
            assert client.receive_to_end() == b"last words"
            assert client.end == ("close_notify" if client.__class__.__name__ == "TlsClient" else "fin")
    assert server.hellos == [DB, DB]
    wait_until(lambda: server.closed == ["close_notify"] * 2, 10, "both ends in good order")


def test_whose_certificate_is_not_right_is_passed_over_and_said_once(bench):
    other = SigningAuthority("Somebody else")
    wrong = {
        "wrong-name": (bench.server("wrong-name", "other.internal"), "hostname mismatch"),
        "expired": (bench.server("expired", DB, days=-1, age_hours=72), "certificate has expired"),
    }
    unknown = bench.server("unknown", DB, authority=other)
    bench.env.backend("no-tls")
    bench.server("right", DB)
    mesh = bench.mesh([*wrong, "right"])
    for _ in range(6):
        with bench.plain() as client:
            assert client.receive_line() == "right"
    for server, _ in wrong.values():
        wait_until(lambda server=server: server.refusals, 10, "the server has heard that it is refused")
        assert not server.shown

    mesh.stop()
    for name, (_, reason) in wrong.items():
        said = [line for line in mesh.lines if line.get("msg") == "no TLS with a server" and
                line.get("server") == bench.env.endpoint(f"backend-{name}")]
        assert 1 <= len(said) <= 2, mesh.log_tail()  # once a minute for each worker
        assert said[0].get("expected") == DB and reason in said[0].get("reason")
    assert not unknown.shown


def test_without_a_server_that_is_right_the_client_is_reset(bench):
    other = SigningAuthority("Somebody else")
    bench.server("unknown", DB, authority=other)
    bench.env.backend("no-tls")
    mesh = bench.mesh(["unknown", "no-tls"])
    with bench.plain() as client:
        assert client.receive_to_end() == b""
        assert client.end == "reset"
    for said in ("self-signed certificate in certificate chain", "does it speak TLS?", "cause=server"):
        wait_until(lambda: said in mesh.log_tail(400), 10, said)


def test_a_server_that_demands_a_certificate_gets_the_one_that_is_configured(bench):
    members = SigningAuthority("Members")
    members.write_pair(bench.env.directory / "tls", "member", "mesh.internal")
    server = bench.server("one", DB, client_ca=members.pem)
    mesh = bench.mesh(["one"], {"certificates": [{"certFile": "tls/member.crt", "keyFile": "tls/member.key"}]})
    with bench.ended() as client:
        assert client.receive_line() == "one"
    assert dict(server.shown[0]["subjectAltName"]) == {"DNS": "mesh.internal"}

    mesh.write_config(bench.config([{"address": bench.env.endpoint("backend-one"), "tls": True}]))
    mesh.command("reload")
    with bench.plain() as client:
        assert client.receive_to_end() == b""
    assert len(server.shown) == 1


def test_without_serverName_the_address_must_be_in_the_certificate(bench):
    server = bench.server("one", bench.env.loopback.address)
    bench.server("two", DB)
    bench.mesh(["one", "two"], {"serverName": ""})
    for _ in range(4):
        with bench.plain() as client:
            assert client.receive_line() == "one"
    assert set(server.hellos) == {None}  # an address is no SNI


def test_insecureSkipVerify_takes_any_certificate_and_check_warns(bench):
    bench.server("unknown", "other.internal", authority=SigningAuthority("Somebody else"))
    mesh = bench.mesh(["unknown"], {"rootCAs": ["servers-ca.pem"]})
    mesh.stop()
    config = bench.config([{"address": bench.env.endpoint("backend-unknown"), "tls": True}])
    config["tcp"]["serversTransports"]["servers"]["tls"] = {"insecureSkipVerify": True}
    mesh.write_config(config)
    assert "insecureSkipVerify takes any certificate" in mesh.command("check").stdout
    mesh.start()
    with bench.plain() as client:
        assert client.receive_line() == "unknown"


def test_another_ca_file_counts_from_the_reload_on(bench):
    bench.server("one", DB)
    mesh = bench.mesh(["one"])
    with bench.plain() as before:
        assert before.receive_line() == "one"
        (bench.env.directory / "servers-ca.pem").write_text(SigningAuthority("Somebody else").pem)
        mesh.command("reload")
        with bench.plain() as client:
            assert client.receive_to_end() == b""
        before.send(b"still here")
        assert before.receive_exactly(10) == b"still here"
    (bench.env.directory / "servers-ca.pem").write_text("no certificate at all")
    done = mesh.command("reload", expect=1)
    assert "servers-ca.pem: no PEM certificate in it" in done.stdout + done.stderr
    assert "tcp.serversTransports.servers" in done.stdout + done.stderr


def test_a_server_that_says_nothing_has_the_time_of_a_dial(bench):
    silent = bench.env.backend("silent", sink)
    bench.server("right", DB)
    bench.mesh(["silent", "right"], dialTimeout="5s")
    took = []
    for _ in range(2):
        began = time.monotonic()
        with bench.plain() as client:
            client.socket.settimeout(scaled(20))
            assert client.receive_line() == "right"
        took.append(time.monotonic() - began)
    assert silent.accepted >= 1
    assert max(took) > 4.8  # not the 3 s of a dial that is not configured


def test_terminationDelay_ends_what_only_one_side_has_ended(bench):
    bench.env.backend("quiet", lambda backend, peer: backend.stopping.wait())
    bench.env.mesh(bench.config([{"address": bench.env.endpoint("backend-quiet")}], terminationDelay="200ms"))
    with bench.plain() as client:
        client.send(b"hello")
        client.half_close()
        client.socket.settimeout(scaled(30))  # not the 60 s of one that is not configured
        assert client.receive_to_end() == b""


def test_the_proxy_header_comes_ahead_of_tls(bench):
    certificate, key = bench.authority.write_pair(bench.env.directory / "servers", "haproxy", DB)
    both = bench.env.directory / "servers" / "haproxy.pem"
    both.write_text(certificate.read_text() + key.read_text())
    at = bench.env.at("backend-haproxy")
    haproxy = bench.env.haproxy("answers").answers(at, f"accept-proxy ssl crt {both}").start()
    for version in (1, 2):
        bench.env.mesh(bench.config([{"address": bench.env.endpoint("backend-haproxy"), "tls": True}],
                                    proxyProtocol={"version": version}), name=f"mesh-{version}")
        with bench.plain() as client:
            mine = client.socket.getsockname()
            client.send(b"GET / HTTP/1.0\r\n\r\n")
            answer = client.receive_to_end().decode()
            assert f"{mine[0]}:{mine[1]} to " in answer, answer
        bench.env._meshes[-1].stop()
    haproxy.stop()


class DatabaseBench(Bench):
    """A PostgreSQL with TLS, one without, and routers of which mesh speaks TLS to the former."""

    def __init__(self, env, folder: Path):
        super().__init__(env)
        address = env.loopback.address
        self.secure = Postgres(folder, address, env.port("secure"), self.authority.issue(DB)).start()
        self.open = Postgres(folder, address, env.port("open")).start()
        config = self.config([{"address": env.endpoint("secure"), "startTLS": "postgres"}])
        config["entryPoints"]["without"] = {"address": env.endpoint("without")}
        config["tcp"]["routers"]["without"] = {"entryPoints": ["without"], "rule": rule("*"), "service": "without"}
        config["tcp"]["services"]["without"] = {"loadBalancer": {
            "serversTransport": "servers", "servers": [{"address": env.endpoint("open"), "startTLS": "postgres"}]}}
        self.mesh = env.mesh(config)

    def command(self, entry: str, query: str, **options: str) -> list[str]:
        return psql(SHOP, self.env.loopback.address, self.env.port(entry), query, gssencmode="disable", **options)

    def ask(self, entry: str, query: str, **options: str) -> tuple[int, str]:
        done = subprocess.run(self.command(entry, query, **options), text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=scaled(30))
        return done.returncode, done.stdout.strip()


@pytest.fixture
def databases(env):
    with tempfile.TemporaryDirectory(prefix="mesh-postgres-") as folder:
        Path(folder).chmod(0o755)
        bench = DatabaseBench(env, Path(folder))
        yield bench
        bench.secure.stop()
        bench.open.stop()


OVER_TLS = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
TLS_REQUIRED = "TLS required: use sslmode=require"


def test_postgres_is_asked_for_tls_whatever_its_client_speaks(databases):
    """The client's sslmode says how it speaks to mesh; the server sees TLS each time it is reached."""
    for mode in ("allow", "prefer", "require"):
        assert databases.ask("websecure", OVER_TLS, sslmode=mode) == (0, "t"), mode
    code, output = databases.ask("websecure", OVER_TLS, sslmode="disable")
    assert code != 0 and TLS_REQUIRED in output
    assert databases.ask("plain", OVER_TLS, sslmode="disable") == (0, "t")
    assert databases.ask("plain", OVER_TLS, sslmode="allow") == (0, "t")
    for mode in ("prefer", "require"):  # the server is asked once more, within TLS
        code, output = databases.ask("plain", OVER_TLS, sslmode=mode)
        assert code != 0 and "during SSL exchange" in output, f"{mode}: {output}"


def test_a_postgres_without_tls_is_not_spoken_to_in_the_clear(databases):
    code, output = databases.ask("without", "select 1", sslmode="disable")
    assert code != 0, output
    wait_until(lambda: "has no TLS (ssl=off?)" in databases.mesh.log_tail(400), 10, "the reason in the log")


def test_interrupting_psql_cancels_its_query_over_tls(databases):
    query = "select pg_sleep(60) /* cancelled */"
    sleeping = subprocess.Popen(databases.command("websecure", query, sslmode="require"), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    active = ("select count(*) from pg_stat_activity where state = 'active' and query like "
              "'select pg_sleep(60)%'")

    def runs() -> bool:
        done = subprocess.run(psql(DB, databases.secure.address, databases.secure.port, active),
                              capture_output=True, text=True)
        return done.stdout.strip() == "1"

    wait_until(runs, 20, "the query")
    sleeping.send_signal(signal.SIGINT)
    output, _ = sleeping.communicate(timeout=scaled(20))
    assert "canceling statement due to user request" in output
