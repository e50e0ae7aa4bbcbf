# ctest: timeout=180 sanitize
"""TLS-ALPN-01 on the listener, seen by validators that are stricter than Pebble."""

import ssl
import threading

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from mesh_env import TlsClient, client_hello, refusal, s_client, scaled, wait_until
from mesh_env.certificates import make_authority
from mesh_env.configuration import certified_router, configuration, rule
from mesh_env.gate import Gate
from mesh_env.tls_client import Authority
from tls_alpn_rules import violations

CHALLENGE = ["acme-tls/1"]


def validator(**how) -> Authority:
    return Authority(None, alpn=CHALLENGE, verify=False, **how)


def fetch(env, name: str, **how) -> bytes:
    """The certificate a validator sees, as DER; fails unless acme-tls/1 was agreed on."""
    with TlsClient(env.at(), name, validator(**how)) as client:
        assert client.alpn == "acme-tls/1"
        der = client.certificate.public_bytes(Encoding.DER)
        assert client.receive() == b"", "nothing is said after the handshake"
        return der


def gate(env) -> Gate:
    """The CA finds every name at a gate, so that challenges stay open while a test looks."""
    elsewhere = env.at()[0].rpartition(".")[0] + ".255"  # no environment has this last part
    env.dns().set_default_ipv4(elsewhere)
    return Gate((elsewhere, env.port()), env.at())


@pytest.mark.parametrize("kind, tls", [("plain", {}), ("mtls", {"options": "mtls"}), ("modern", {"options": "modern"}),
                                       ("through", {"passthrough": True})])
def test_strict_validators(env, kind, tls):
    """One name at a time: Pebble gives up a validation that has waited at the gate for 15 s."""
    ca = make_authority(env.directory / "client-ca")
    env.backend("app")
    name = f"{kind}.example"
    with gate(env) as closed:
        mesh = env.mesh(configuration(
            env, {kind: certified_router(name, **tls)},
            tls={"options": {"mtls": {"clientAuth": {"caFiles": [str(ca)],
                                                     "clientAuthType": "RequireAndVerifyClientCert"}},
                             "modern": {"minVersion": "VersionTLS13"}}}))
        wait_until(lambda: refusal(env.at(), name, validator()) == "", 40, f"challenge for {name}")
        look_from_eight_clients(env, name)

        # Upper case is the same name; anything else is no validator.
        assert violations(fetch(env, name.replace(kind, kind.upper())), name) == []
        if kind != "through":
            two = Authority(None, alpn=["h2", "acme-tls/1"], verify=False)
            assert refusal(env.at(), name, two) == "unrecognized_name", "beside others acme-tls/1 is ignored"
        assert refusal(env.at(), "other.example", validator()) == "unrecognized_name"
        closed.open()
        mesh.wait_for("cert_live", seconds=60)
    if kind != "through":
        # Python has no name for this alert; openssl prints its number (RFC 7301 section 3.2).
        told = s_client(env.at(), name, "-alpn", "acme-tls/1").stdout
        assert b"alert number 120" in told, "a finished challenge is gone"


def look_from_eight_clients(env, name: str) -> None:
    """Several perspectives at the same moment, of both TLS versions, whatever the router asks of others."""
    wrong, served, lock = [], [], threading.Lock()

    def look(version: ssl.TLSVersion) -> None:
        try:
            found = violations(fetch(env, name, maximum=version), name)
        except Exception as error:  # noqa: BLE001: any failure of a validator is one of ours
            found = [repr(error)]
        with lock:
            served.append(version)
            wrong.extend(f"{name} {version.name}: {text}" for text in found)

    validators = [threading.Thread(target=look, args=(version,))
                  for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) for _ in range(4)]
    for thread in validators:
        thread.start()
    for thread in validators:
        thread.join(scaled(30))
    assert len(served) == 8 and not wrong, wrong


def test_a_backends_own_acme_client_behind_passthrough(env):
    """acme-tls/1 for a name that mesh is not validating goes to the backend of a passthrough router."""
    seen = env.backend("app")
    env.mesh(configuration(
        env, {"through": {"rule": rule("own.example"), "service": "app", "tls": {"passthrough": True}}},
        resolvers={}))
    with env.tcp() as client:
        hello = client_hello("own.example", CHALLENGE)
        client.send(hello)
        peer = seen.wait_peer()
        assert client.receive_line() == "app"
        assert client.receive_exactly(len(hello)) == hello
        assert peer.received == len(hello)


def test_services_are_not_reached_by_a_validator(env):
    backend = env.backend("app")
    mesh = env.mesh(configuration(env, {"plain": certified_router("plain.example")}))
    mesh.wait_for("cert_live", seconds=60)
    assert backend.accepted == 0
