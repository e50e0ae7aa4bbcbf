# ctest: timeout=120
"""What must not be seen is not seen: a first order, a renewal and an order that fails, all at level
DEBUG, and what every command prints about them."""

import base64
import hashlib
import json
import sqlite3

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import certified_router, configuration
from mesh_env.store_file import read_store


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def shapes_of_key(pem: str) -> set[str]:
    """Everything a private key could be written as: PEM's lines, DER in base64, the number itself."""
    key = load_pem_private_key(pem.encode(), None)
    number = key.private_numbers().private_value
    raw = number.to_bytes((key.curve.key_size + 7) // 8, "big")
    shapes = {line for line in pem.splitlines() if not line.startswith("-----") and len(line) >= 16}
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        der = key.private_bytes(Encoding.DER, form, NoEncryption())
        shapes |= {base64.b64encode(der).decode(), base64url(der), der.hex()}
    return shapes | {base64url(raw), base64.b64encode(raw).decode(), raw.hex(), str(number)}


def thumbprint(pem: str) -> str:
    """RFC 7638: what follows the token in every key authorization of this account."""
    point = load_pem_private_key(pem.encode(), None).public_key().public_numbers()
    jwk = {"crv": "P-256", "kty": "EC", "x": base64url(point.x.to_bytes(32, "big")),
           "y": base64url(point.y.to_bytes(32, "big"))}
    return base64url(hashlib.sha256(json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()).digest())


@pytest.mark.parametrize("log_format", ["common", "json"])
def test_no_secret_is_logged_or_printed(env, log_format):
    env.pebble(blocked_domains=("blocked.example",), nonce_reject_percent=15)
    env.backend("app")
    names = ("first.example", "due.example", "blocked.example")
    mesh = env.mesh(configuration(env, {name: certified_router(name) for name in names},
                                  log={"level": "DEBUG", "format": log_format}), start=False)
    printed = []

    def run(*arguments: str, expect: int | None = 0) -> None:
        done = mesh.command(*arguments, expect=expect)
        printed.append(done.stdout + done.stderr)

    # A certificate that is due, and a pair that is none.
    authority = SigningAuthority()
    due, due_key = authority.write_pair(mesh.directory, "due", "due.example", days=4 / 24, age_hours=20)
    _, other_key = authority.write_pair(mesh.directory, "other", "other.example")
    run("certs", "import", "--cert", str(due), "--key", str(due_key))
    run("certs", "import", "--cert", str(due), "--key", str(other_key), expect=1)
    with sqlite3.connect(mesh.directory / "mesh.db") as database:
        database.execute("UPDATE version SET created = not_before")
    database.close()

    mesh.start()
    mesh.wait_for("cert_live", count=2, seconds=60)
    mesh.wait_for("order_failed", seconds=60)
    for arguments in (("plan",), ("certs", "list"), ("check",), *(("certs", "show", name) for name in names)):
        run(*arguments)
        run(*arguments, "--json")
    mesh.stop()

    text = mesh.log_file.read_text() + "".join(printed)
    assert len(mesh.events("acme_request")) > 10, "this is a log at level DEBUG"
    stored = read_store(mesh.directory / "mesh.db")
    keys = [stored.account.key, *(version.key for version in stored.current), due_key.read_text(),
            other_key.read_text()]
    assert len(set(keys)) == 5
    for key in keys:
        for shape in shapes_of_key(key):
            assert shape not in text, "a private key"
    assert "PRIVATE KEY" not in text
    assert f".{thumbprint(stored.account.key)}" not in text, "a key authorization"
