# ctest: timeout=120 sanitize
"""The rule language as clients meet it: openssl s_client, curl and Python's ssl, by name, address and protocol."""

import re
import subprocess

import pytest

from mesh_env import Authority, TlsClient, refusal, require_tool, s_client, scaled
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import service

OFFICE, HOME = "127.0.0.2", "127.0.0.1"
NAMES = ("www.shop.example", "shop7.example", "api.example", "xn--bcher-kva.example")


def answer(backend, peer):
    """A whole HTTP/1.1 response, for curl; others read the backend's name in its last line."""
    body = f"{backend.name}\n".encode()
    peer.receive()
    peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    peer.half_close()


class Site:
    """Routers that only their matchers tell apart, each with a backend of its own name."""

    RULES = {
        "shops": r"HostSNIRegexp(`^shop[0-9]+\.example$`)",
        "wildcard": "HostSNI(`*.shop.example`)",
        "office": "HostSNI(`*.shop.example`) && ClientIP(`127.0.0.2/32`)",
        "h2": "HostSNI(`api.example`) && ALPN(`h2`)",
        "http1": "HostSNI(`api.example`) && ALPN(`http/1.1`) && !ALPN(`h2`)",
        "mqtt": "HostSNI(`api.example`) && (ALPN(`mqtt`) || ALPN(`mqtt5`))",
        "books": "Host(`bücher.example`)",
    }

    def __init__(self, env):
        self.env = env
        authority = SigningAuthority()
        authority.write_pair(env.directory / "tls", "all", *NAMES)
        self.root = env.directory / "root.pem"
        self.root.write_text(authority.pem)
        self.pem = authority.pem
        names = [*self.RULES, "plain", "plain-office"]
        self.backends = {name: env.backend(name, answer) for name in names}
        routers = {name: {"entryPoints": ["websecure"], "rule": text, "service": name, "tls": {}}
                   for name, text in self.RULES.items()}
        routers["plain"] = {"entryPoints": ["plain"], "rule": "HostSNI(`*`)", "service": "plain"}
        routers["plain-office"] = {"entryPoints": ["plain"], "rule": "ClientIP(`127.0.0.2`)", "service": "plain-office"}
        self.mesh = env.mesh({
            "entryPoints": {"websecure": {"address": env.endpoint()}, "plain": {"address": env.endpoint("plain")}},
            "tcp": {"routers": routers,
                    "services": {name: service(env.endpoint(f"backend-{name}")) for name in names}},
            "tls": {"certificates": [{"certFile": "tls/all.crt", "keyFile": "tls/all.key"}]},
        })

    def backend_for(self, name: str, alpn: list[str] | None = None, source: str = HOME) -> tuple[str, str | None]:
        """Which backend answers, and the protocol that was selected."""
        with TlsClient(self.env.at(), name, Authority(self.pem, alpn=alpn), source=source) as client:
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            return client.receive_to_end().decode().split()[-1], client.alpn

    def curl(self, name: str, *arguments: str) -> subprocess.CompletedProcess:
        host, port = self.env.at()
        return subprocess.run(
            [require_tool("curl", "curl"), "--silent", "--show-error", "--http1.1", "--cacert", str(self.root),
             "--resolve", f"{name}:{port}:{host}", "--max-time", str(int(scaled(10))), *arguments,
             f"https://{name}:{port}/"], capture_output=True, text=True, timeout=scaled(20))


@pytest.fixture
def site(env):
    return Site(env)


def test_a_regular_expression_routes_the_names_it_describes(site):
    assert site.backend_for("shop7.example") == ("shops", None)
    assert refusal(site.env.at(), "myshop7.example.test", Authority(None, verify=False)) == "unrecognized_name"


def test_an_international_name_is_found_by_what_clients_send(site):
    assert site.backend_for("xn--bcher-kva.example") == ("books", None)


def test_the_clients_address_decides(site):
    assert site.backend_for("www.shop.example", source=HOME)[0] == "wildcard"
    assert site.backend_for("www.shop.example", source=OFFICE)[0] == "office"


def test_curl_is_routed_by_its_address_and_protocol(site):
    assert site.curl("www.shop.example", "--interface", OFFICE).stdout == "office\n"
    assert site.curl("www.shop.example").stdout == "wildcard\n"
    assert site.curl("api.example").stdout == "http1\n"


def test_plain_connections_are_routed_by_address(site):
    for source, expected in ((HOME, "plain"), (OFFICE, "plain-office")):
        with site.env.tcp("plain", source=source) as client:
            client.send(b"hello\n")
            assert client.receive_to_end().decode().split()[-1] == expected


def test_the_protocol_decides_and_is_selected(site):
    assert site.backend_for("api.example", ["h2"]) == ("h2", "h2")
    assert site.backend_for("api.example", ["http/1.1"]) == ("http1", "http/1.1")
    assert site.backend_for("api.example", ["mqtt5", "mqtt"]) == ("mqtt", "mqtt")
    assert refusal(site.env.at(), "api.example", Authority(site.pem, alpn=["spdy/1"])) == "unrecognized_name"
    assert refusal(site.env.at(), "api.example", Authority(site.pem)) == "unrecognized_name"


@pytest.mark.parametrize("offer, selected, backend", [("h2,http/1.1", "h2", "h2"), ("mqtt5,mqtt", "mqtt", "mqtt")])
def test_openssl_sees_the_protocol_selected(site, offer, selected, backend):
    # It stays until it has its answer: one that goes after the handshake may be gone before mesh has dialled.
    done = s_client(site.env.at(), "api.example", "-alpn", offer, "-CAfile", str(site.root), "-verify_return_error",
                    "-bind", f"{OFFICE}:0", "-ign_eof", input=b"GET / HTTP/1.1\r\n\r\n")
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0, text
    assert re.search(rf"^ALPN protocol: {re.escape(selected)}$", text, re.MULTILINE), text
    site.backends[backend].wait_peer()


def test_check_says_what_is_odd(site):
    done = site.mesh.command("check")
    assert "Host means HostSNI here" in done.stdout, done.stdout
    assert "priority" not in done.stdout, done.stdout
