"""The strict reading of RFC 8737 section 3 that the largest public CA applies, byte by byte, on
the certificate as it came over the wire."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ObjectIdentifier

ACME_IDENTIFIER = ObjectIdentifier("1.3.6.1.5.5.7.1.31")
SUBJECT_ALTERNATIVE_NAME = ObjectIdentifier("2.5.29.17")


def violations(der: bytes, name: str, key_authorization: str | None = None) -> list[str]:
    """What is wrong with a challenge certificate for `name`; empty when nothing is."""
    certificate = x509.load_der_x509_certificate(der)
    wrong = []
    if certificate.subject.public_bytes() != certificate.issuer.public_bytes():
        wrong.append("subject and issuer differ")
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        wrong.append("the key is not P-256")
    try:
        key.verify(certificate.signature, certificate.tbs_certificate_bytes,
                   ec.ECDSA(certificate.signature_hash_algorithm))
    except Exception as error:  # noqa: BLE001
        wrong.append(f"not self-signed: {error!r}")
    oids = [extension.oid for extension in certificate.extensions]
    if len(oids) != len(set(oids)):
        wrong.append("an extension stands twice")
    if SUBJECT_ALTERNATIVE_NAME not in oids:
        wrong.append("no subjectAltName")
    else:
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        if len(names) != 1 or not isinstance(names[0], x509.DNSName) or names[0].value != name:
            wrong.append(f"subjectAltName is {names}, not exactly one dNSName {name}")
    if ACME_IDENTIFIER not in oids:
        wrong.append("no acmeIdentifier")
    else:
        extension = certificate.extensions.get_extension_for_oid(ACME_IDENTIFIER)
        if not extension.critical:
            wrong.append("acmeIdentifier is not critical")
        value = extension.value.value
        if len(value) != 34 or value[:2] != b"\x04\x20":
            wrong.append(f"acmeIdentifier is not an OCTET STRING of exactly 32 bytes: {value.hex()}")
        elif key_authorization is not None and value[2:] != hashlib.sha256(key_authorization.encode()).digest():
            wrong.append("acmeIdentifier is not the digest of the key authorization")
    return wrong
