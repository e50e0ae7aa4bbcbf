"""Certificates that do not come from a CA of the tests: client authorities, pairs to import."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: str, issuer: str, key, days: float, age_hours: float = 1) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=age_hours))
            .not_valid_after(now + datetime.timedelta(days=days)))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class SigningAuthority:
    """A private CA in memory."""

    def __init__(self, name: str = "Test authority"):
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = (_builder(name, name, self.key, 3650)
                            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                            .sign(self.key, hashes.SHA256()))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, *names: str, key=None, days: float = 90, age_hours: float = 1) -> tuple[str, str]:
        """(chain, key) in PEM, good for `days` from now on; the same key may be given again where making
        one each would take long."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        certificate = (_builder(names[0][:60], self.name, key, days, age_hours)
                       .add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), critical=False)
                       .sign(self.key, hashes.SHA256()))
        return certificate.public_bytes(Encoding.PEM).decode() + self.pem, key_pem(key)

    def write_pair(self, folder: Path, stem: str, *names: str, **how) -> tuple[Path, Path]:
        folder.mkdir(parents=True, exist_ok=True)
        chain, key = self.issue(*names, **how)
        (folder / f"{stem}.crt").write_text(chain)
        (folder / f"{stem}.key").write_text(key)
        return folder / f"{stem}.crt", folder / f"{stem}.key"


def make_authority(folder: Path) -> Path:
    """The PEM file of a new authority."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ca.pem"
    path.write_text(SigningAuthority().pem)
    return path
