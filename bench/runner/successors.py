"""Certificates that replace others, each valid for longer than the one made before it.

All have the same key, or making them would take longer than what is measured.
"""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ISSUER = "Successors"


def called(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Successors:
    """Of a root of their own, which is written to a file."""

    def __init__(self, root: Path):
        self.root, self.made = root, 0
        self.signer, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.key_pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        self.now = datetime.datetime.now(datetime.timezone.utc)
        root.write_text(self._certificate(ISSUER, self.signer, x509.BasicConstraints(True, None))[0])

    def of(self, names: list[str]) -> list[dict]:
        """As requests of import take them, with the serial."""
        items = []
        for name in names:
            self.made += 1
            chain, serial = self._certificate(name, self.key, x509.SubjectAlternativeName([x509.DNSName(name)]))
            items.append({"label": name, "chain": chain, "key": self.key_pem, "serial": serial})
        return items

    def _certificate(self, name: str, key, extension) -> tuple[str, int]:
        serial = x509.random_serial_number()
        made = (x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(ISSUER))
                .public_key(key.public_key()).serial_number(serial)
                .not_valid_before(self.now - datetime.timedelta(days=1))
                .not_valid_after(self.now + datetime.timedelta(days=200, seconds=self.made))
                .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
                .sign(self.signer, hashes.SHA256()))
        return made.public_bytes(Encoding.PEM).decode(), serial
