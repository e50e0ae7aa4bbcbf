# ctest: timeout=900 labels=long
"""Debian's testssl.sh finds nothing in what mesh offers by itself: protocols, ciphers, forward secrecy, server
defaults, vulnerabilities. Its whole output is in the test's log."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service
from mesh_env.testssl_report import run_testssl

EXCEPTED: dict[str, str] = {
    "cert_chain_of_trust": "the CA is this test's own, and no system trusts it",
    "cert_revocation": "the certificate names neither CRL nor OCSP, as those of Let's Encrypt name no OCSP",
    "DNS_CAArecord": "the names of this test are in no DNS",
    "cipher_order": "the client's order counts, as in Mozilla's profile, for all suites are strong; INFO since 3.2",
    "engine_problem": "about the scanning openssl, which has no GOST",
    "sessionresumption_ticket": "WARN when the client leaves before TLS 1.3's ticket has come, else INFO",
}
"""Findings that are no fault of mesh: their ids and why. No other is let through."""

SECTIONS = ("--protocols", "--standard", "--server-preference", "--server-defaults", "--fs", "--vulnerable")
FOUND = {
    "SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered",
    "TLS1_2": "offered", "TLS1_3": "offered",
    "cipherlist_NULL": "not offered", "cipherlist_aNULL": "not offered", "cipherlist_EXPORT": "not offered",
    "cipherlist_LOW": "not offered", "cipherlist_3DES_IDEA": "not offered",
    "secure_renego": "supported", "fallback_SCSV": "no protocol below TLS 1.2",
    **dict.fromkeys(("heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_client_renego", "CRIME_TLS", "BREACH",
                     "POODLE_SSL", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4"), "not vulnerable"),
}
"""What it has to say, so that a check it did not make is no pass: ids and the beginnings of their texts."""
KEYS = {"ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()), "rsa": lambda: rsa.generate_private_key(65537, 2048)}


def answer(backend, peer) -> None:
    """A web server's least: what testssl.sh takes for HTTP."""
    if peer.receive():
        body = f"{backend.name}\n"
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())


@pytest.mark.parametrize("kind", KEYS)
def test_nothing_is_found(env, kind):
    name = f"{kind}.example"
    SigningAuthority().write_pair(env.directory / "tls", kind, name, key=KEYS[kind]())
    env.backend("app", answer)
    env.mesh({
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "tcp": {"routers": {"app": {"rule": "HostSNI(`*`)",  # some checks send no name
                                    "service": "app", "tls": {}}},
                "services": {"app": service(env.endpoint("backend-app"))}},
        "tls": {"certificates": [{"certFile": f"tls/{kind}.crt", "keyFile": f"tls/{kind}.key"}]},
    })

    findings = run_testssl(env.at(), name, env.directory, *SECTIONS)

    found = {finding.id: finding.text for finding in findings}
    found["FS"] = found.get("FS") or found.get("PFS")  # its name before testssl.sh 3.2
    missing = {key: found.get(key) for key, text in {**FOUND, "FS": "offered"}.items()
               if not (found.get(key) or "").startswith(text)}
    assert not missing
    bad = [finding for finding in findings if not finding.harmless and finding.id not in EXCEPTED]
    assert not bad, "\n".join(map(str, bad))
