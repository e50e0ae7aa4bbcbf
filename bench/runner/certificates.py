"""A CA, an intermediate and leaf certificates (P-256), as files every server can read."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "bench.example"

EXTENSIONS = """
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:{name}
"""


@dataclass
class Certificate:
    chain: Path  # leaf and intermediate
    key: Path
    both: Path  # chain and key, as haproxy and hitch want them
    root: Path


def make(folder: Path) -> Certificate:
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(folder / "chain.pem", folder / "leaf.key", folder / "both.pem", folder / "root.pem")
    if made.both.exists():
        return made
    extensions = folder / "extensions.cnf"
    extensions.write_text(EXTENSIONS.format(name=NAME))

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder)

    for key in ("root", "intermediate", "leaf"):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{key}.key")
    openssl("req", "-x509", "-new", "-key", "root.key", "-subj", "/CN=Bench Root", "-days", "3650",
            "-out", "root.pem")
    for subject, common_name, issuer in (("intermediate", "Bench Intermediate", "root"),
                                         ("leaf", NAME, "intermediate")):
        openssl("req", "-new", "-key", f"{subject}.key", "-subj", f"/CN={common_name}", "-out", f"{subject}.csr")
        openssl("x509", "-req", "-in", f"{subject}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key",
                "-CAcreateserial", "-days", "3650", "-extfile", extensions, "-extensions", subject,
                "-out", f"{subject}.pem")
    made.chain.write_text((folder / "leaf.pem").read_text() + (folder / "intermediate.pem").read_text())
    # A server that gives up its privileges reads its key before or after: here it may.
    folder.chmod(0o755)
    for file in folder.iterdir():
        file.chmod(0o644)
    made.both.write_text(made.chain.read_text() + made.key.read_text())
    return made
