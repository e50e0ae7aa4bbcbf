# ctest: timeout=180 sanitize
"""PROXY headers with Debian's HAProxy on both sides: in front of mesh as one that sends them, behind it as one that
must get them."""

import pytest
from mesh_env import Authority, HandshakeRefused, TcpClient, TlsClient
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service

TRUSTED = "127.0.0.9"
STRANGER = "127.0.0.10"
CLIENT = "127.200.3.4"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def serving(version: int | None, *addresses: str) -> dict:
    out = service(*addresses)
    if version is not None:
        out["loadBalancer"]["proxyProtocol"] = {"version": version}
    return out


def site(env, proxy_protocol: dict, version: int | None = 2):
    """mesh between HAProxys: what it is told at 'plain' and 'websecure', the server at 'who' is told."""
    authority = SigningAuthority()
    authority.write_pair(env.directory / "tls", "shop", "shop.example")
    env.haproxy("behind").answers(env.at("who"), "accept-proxy" if version else "").start()
    mesh = env.mesh({
        "entryPoints": {
            "websecure": {"address": env.endpoint(), "proxyProtocol": proxy_protocol},
            "plain": {"address": env.endpoint("plain"), "proxyProtocol": proxy_protocol},
        },
        "tcp": {
            "routers": {
                "plain": {"entryPoints": ["plain"], "rule": "HostSNI(`*`)", "service": "who"},
                "office": {"entryPoints": ["plain"], "rule": f"ClientIP(`{CLIENT}`)", "service": "who"},
                "shop": {"entryPoints": ["websecure"], "rule": rule("shop.example"), "service": "who", "tls": {}},
            },
            "services": {"who": serving(version, env.endpoint("who"))},
        },
        "tls": {"certificates": [{"certFile": "tls/shop.crt", "keyFile": "tls/shop.key"}]},
        "log": {"level": "DEBUG"},
    })
    return mesh, Authority(authority.pem)


def in_front(env, options: str, source: str = TRUSTED) -> None:
    front = env.haproxy(f"front-{source}-{options.replace(' ', '-')}")
    for name in ("plain", "websecure"):
        front.forwards(env.at(f"front-{name}-{source}-{options}"), env.at(name), options, source)
    front.start()


def answer(client) -> str:
    client.send(REQUEST)
    return client.receive_to_end().decode().splitlines()[-1]


def expected(client, env, at: tuple[str, int]) -> str:
    """What the server has to say: who the client is, and where it went."""
    source = "%s:%d" % client.socket.getsockname()
    return f"{source} to {at[0]}:{at[1]}"


SENT = {"send-proxy": "v1", "send-proxy-v2": "v2", "send-proxy-v2 proxy-v2-options crc32c": "v2 with a checksum"}


@pytest.mark.parametrize("version", [1, 2])
def test_who_the_client_is_passes_from_haproxy_to_haproxy(env, version):
    _, trust = site(env, {"trustedIPs": [TRUSTED]}, version)
    for options in SENT:
        in_front(env, options)
        at = env.at(f"front-plain-{TRUSTED}-{options}")
        with TcpClient(at, source=CLIENT) as client:
            assert answer(client) == expected(client, env, at)
        at = env.at(f"front-websecure-{TRUSTED}-{options}")
        with TlsClient(at, "shop.example", trust, source=CLIENT) as client:
            assert answer(client) == expected(client, env, at)


def test_without_a_header_the_client_is_the_one_who_connects(env):
    _, trust = site(env, {"trustedIPs": [TRUSTED]})
    for source in (TRUSTED, CLIENT):
        with env.tcp("plain", source=source) as client:
            assert answer(client) == expected(client, env, env.at("plain"))
        with env.tls("shop.example", trust, source=source) as client:
            assert answer(client) == expected(client, env, env.at())


def test_a_strangers_header_is_payload(env):
    _, trust = site(env, {"trustedIPs": [TRUSTED]}, version=None)
    for options in SENT:
        in_front(env, options, STRANGER)
        with TcpClient(env.at(f"front-plain-{STRANGER}-{options}")) as client:
            # The server was sent the header. A request behind it would meet a closed socket, whose reset may be first.
            assert b" 400 " in client.receive_to_end().splitlines()[0]
        with pytest.raises(HandshakeRefused):
            TlsClient(env.at(f"front-websecure-{STRANGER}-{options}"), "shop.example", trust)


def test_insecure_believes_everybody(env):
    site(env, {"insecure": True})
    in_front(env, "send-proxy-v2", STRANGER)
    at = env.at(f"front-plain-{STRANGER}-send-proxy-v2")
    with TcpClient(at, source=CLIENT) as client:
        assert answer(client) == expected(client, env, at)
    with env.tcp("plain") as liar:
        liar.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
        assert answer(liar) == "192.0.2.1:1 to 192.0.2.2:2"


def test_a_malformed_header_of_a_trusted_proxy_closes(env):
    mesh, _ = site(env, {"trustedIPs": [TRUSTED]})
    for header in (b"PROXY TCP4 nobody nobody 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0"):
        with env.tcp("plain", source=TRUSTED) as proxy:
            proxy.send(header + REQUEST)
            assert proxy.receive_to_end() == b""
    explained = mesh.command("check", "--explain", "shop.example").stdout
    assert f"PROXY headers are taken from {TRUSTED}" in explained
    assert f"who: PROXY v2 to {env.endpoint('who')}" in explained
