# ctest: timeout=240 sanitize
"""Client certificates with clients that everybody has: who gets in, and every way round that they offer."""

import ssl
import subprocess

import pytest
from pebble_env import require_tool

from mesh_env import Authority, refusal, s_client
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import certified_router, configuration, rule, service
from mesh_env.tls_client import HandshakeRefused
from mesh_env.waiting import scaled

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
TYPES = {
    # clientAuthType: who gets in of (nobody's certificate, a known CA's, a stranger's)
    "NoClientCert": (True, True, True),
    "RequestClientCert": (True, True, True),
    "RequireAnyClientCert": (False, True, True),
    "VerifyClientCertIfGiven": (True, True, False),
    "RequireAndVerifyClientCert": (False, True, False),
}


def greet(backend, peer) -> None:
    """Says its name, and that is all."""
    peer.send(f"{backend.name}\n".encode())


class Site:
    """A name per clientAuthType, 'byfiles' with CA files alone, and 'open', which asks for nothing."""

    def __init__(self, env):
        self.env = env
        self.servers = SigningAuthority("Servers")
        self.known = SigningAuthority("Known clients")
        self.strangers = SigningAuthority("Known clients")  # by name, but not by key
        folder = env.directory / "tls"
        self.pairs = {None: None,
                      "known": self.known.write_pair(folder, "known", "client.example"),
                      "stranger": self.strangers.write_pair(folder, "stranger", "client.example")}
        self.ca_file = folder / "clients.pem"
        self.ca_file.write_text(self.known.pem)
        self.names = {kind: f"{kind.lower()}.example" for kind in TYPES} | {
            "byfiles": "byfiles.example", "open": "open.example"}
        self.servers.write_pair(folder, "servers", *self.names.values())
        for backend in ("open", "guarded"):
            env.backend(backend, greet)
        options = {}
        for kind in TYPES:
            options[kind] = {"clientAuth": {"clientAuthType": kind}}
            if "Verify" in kind:
                options[kind]["clientAuth"]["caFiles"] = ["tls/clients.pem"]
        options["byfiles"] = {"clientAuth": {"caFiles": "tls/clients.pem"}}
        options["open"] = {}
        self.config = {
            "entryPoints": {"websecure": {"address": env.endpoint()}},
            "tcp": {
                "routers": {kind: {"rule": rule(name), "service": "open" if kind == "open" else "guarded",
                                   "tls": {"options": kind}} for kind, name in self.names.items()},
                "services": {name: service(env.endpoint(f"backend-{name}")) for name in ("open", "guarded")},
            },
            "tls": {"options": options,
                    "certificates": [{"certFile": "tls/servers.crt", "keyFile": "tls/servers.key"}]},
        }
        self.mesh = env.mesh(self.config)

    def trust(self, who: str | None = None, version: ssl.TLSVersion | None = None) -> Authority:
        return Authority(self.servers.pem, certificate=self.pairs[who], minimum=version, maximum=version)

    def gets_in(self, kind: str, who: str | None, version: ssl.TLSVersion) -> bool:
        try:
            with self.env.tls(self.names[kind], self.trust(who, version)) as client:
                return client.receive_line() in ("guarded", "open")
        except (HandshakeRefused, ssl.SSLError, AssertionError):
            return False


@pytest.fixture
def site(env):
    return Site(env)


def test_each_type_lets_in_whom_it_says(site):
    for kind, expected in {**TYPES, "byfiles": TYPES["RequireAndVerifyClientCert"]}.items():
        for version in (TLS12, TLS13):
            got = tuple(site.gets_in(kind, who, version) for who in site.pairs)
            assert got == expected, (kind, version)


def test_gnutls_without_and_with_a_certificate(site):
    def run(*arguments: str) -> subprocess.CompletedProcess:
        host, port = site.env.at()
        return subprocess.run([require_tool("gnutls-cli", "gnutls-bin"), "--no-ca-verification",
                               "--sni-hostname=byfiles.example", f"--port={port}", *arguments, host],
                              input=b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=scaled(20))
    certificate, key = site.pairs["known"]
    for priority in ("NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"):
        assert b"guarded" in run(f"--priority={priority}", f"--x509certfile={certificate}",
                                 f"--x509keyfile={key}").stdout
        assert b"guarded" not in run(f"--priority={priority}").stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_cannot_carry_a_session_to_a_guarded_name(site, version, tmp_path):
    """`s_client` keeps the ticket of one name and shows it at another."""
    session = tmp_path / "session.pem"

    def visit(name: str, *arguments: str) -> bytes:
        return answered(site.env.at(), name, version, *arguments)

    certificate, key = map(str, site.pairs["known"])
    assert b"open" in visit("open.example", "-sess_out", str(session))
    returning = visit("open.example", "-sess_in", str(session))
    assert b"Reused, TLS" in returning and b"open" in returning
    sneaking = visit("byfiles.example", "-sess_in", str(session))
    assert b"Reused, TLS" not in sneaking and b"guarded" not in sneaking
    entitled = visit("byfiles.example", "-sess_in", str(session), "-cert", certificate, "-key", key)
    assert b"Reused, TLS" not in entitled and b"guarded" in entitled


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_ends_with_the_ca_that_allowed_it(site, version, tmp_path):
    """The CA file changes under the same name: what was granted before is worth nothing."""
    session = tmp_path / "session.pem"
    certificate, key = map(str, site.pairs["known"])

    def visit(*arguments: str) -> bytes:
        return answered(site.env.at(), "byfiles.example", version, *arguments, "-cert", certificate, "-key", key)

    assert b"guarded" in visit("-sess_out", str(session))
    returning = visit("-sess_in", str(session))
    assert b"Reused, TLS" in returning and b"guarded" in returning

    site.ca_file.write_text(site.known.pem + site.strangers.pem)
    site.mesh.command("reload")
    beside = visit("-sess_in", str(session))
    assert b"Reused, TLS" not in beside and b"guarded" in beside
    site.ca_file.write_text(site.strangers.pem)
    site.mesh.command("reload")
    assert b"guarded" not in visit("-sess_in", str(session))
    assert b"guarded" not in visit()


def test_names_are_one_name_however_they_are_written(site):
    for name in ("BYFILES.example", "byfiles.example.", "ByFiles.Example."):
        for version in (TLS12, TLS13):
            stranger = Authority(None, verify=False, minimum=version, maximum=version)
            assert refusal(site.env.at(), name, stranger) in ("handshake_failure", "certificate_required"), name


def test_a_ca_file_that_cannot_be_used_lets_nobody_in(site):
    """Neither a start nor a reload goes on without it, and what ran goes on as strict as it was."""
    for content in ("", "no PEM", "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"):
        site.ca_file.write_text(content)
        assert "tls/clients.pem" in site.mesh.command("reload", expect=1).stdout
        assert not site.gets_in("byfiles", None, TLS13)
        assert not site.gets_in("byfiles", "stranger", TLS13)
        assert site.gets_in("byfiles", "known", TLS13)
    site.ca_file.unlink()
    assert "tls/clients.pem" in site.mesh.command("reload", expect=1).stdout
    assert not site.gets_in("byfiles", None, TLS13)
    site.mesh.stop()
    site.mesh.start(ready=False)
    assert site.mesh.wait_exit() == 1


def test_the_ca_needs_no_certificate_to_validate(env):
    env.backend("app")
    clients = SigningAuthority("Clients")
    pair = clients.write_pair(env.directory / "tls", "client", "client.example")
    (env.directory / "tls" / "clients.pem").write_text(clients.pem)
    mesh = env.mesh(configuration(
        env, {"shop": certified_router("shop.example", options="mutual")},
        tls={"options": {"mutual": {"minVersion": "VersionTLS13", "clientAuth": {"caFiles": ["tls/clients.pem"]}}}}))
    mesh.wait_for("cert_live", seconds=60)
    assert refusal(env.at(), "shop.example", env.trust()) == "certificate_required"
    with env.tls("shop.example", env.trust(certificate=pair)) as client:
        assert client.receive_line() == "app"


def answered(at, name: str, *arguments: str) -> bytes:
    """What `openssl s_client` says until the server has greeted it and ended. By then TLS 1.3 has sent its ticket."""
    return s_client(at, name, *arguments, "-ign_eof").stdout
