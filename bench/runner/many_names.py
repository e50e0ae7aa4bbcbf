"""Many certificates: how soon a server listens with them, what memory they take, and what a handshake costs when
each asks for another name.

mesh has them in its store, put there by `mesh certs import`; haproxy and hitch read a folder.
"""

import datetime
import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import ratios, report
from .measuring import PORT, Bench
from .peers import Haproxy, Hitch, Mesh, Peer, Wanted
from .processes import Backend, Failed, pss_bytes, start_server
from .scenarios import SCENARIOS

FULL = SCENARIOS[0]
TARGETS = {"listening_s": 0.5, "cold_mb": 60, "ratio_warm": 1.1}
PATIENCE = 400  # seconds a server may take to listen


@dataclass
class Names:
    """`pairs` holds NAME.crt and NAME.key, `both` NAME.pem with the two in one."""

    folder: Path
    count: int

    @property
    def pairs(self) -> Path:
        return self.folder / "pairs"

    @property
    def both(self) -> Path:
        return self.folder / "both"

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    @property
    def file(self) -> Path:
        return self.folder / "names"

    def all(self) -> list[str]:
        return [f"n{i:06}.names.example" for i in range(self.count)]


def make(folder: Path, count: int) -> Names:
    """Each name with a key of its own. Kept: 50,000 take a minute."""
    names = Names(folder, count)
    if names.file.exists():
        return names
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        from cryptography.x509.oid import NameOID
    except ImportError:
        raise Failed("many names need python3-cryptography (apt-get install python3-cryptography)")
    for part in (names.pairs, names.both):
        part.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)

    def certificate(subject: str, key, issuer: str, signer, extension) -> str:
        def name(text):
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        made = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=90))
                .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
                .sign(signer, hashes.SHA256()))
        return made.public_bytes(Encoding.PEM).decode()

    root, intermediate = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    names.root.write_text(certificate("Bench Root", root, "Bench Root", root, x509.BasicConstraints(True, None)))
    between = certificate("Bench Intermediate", intermediate, "Bench Root", root, x509.BasicConstraints(True, 0))
    for name in names.all():
        key = ec.generate_private_key(ec.SECP256R1())
        chain = certificate(name, key, "Bench Intermediate", intermediate,
                            x509.SubjectAlternativeName([x509.DNSName(name)])) + between
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        (names.pairs / f"{name}.crt").write_text(chain)
        (names.pairs / f"{name}.key").write_text(key_pem)
        (names.both / f"{name}.pem").write_text(chain + key_pem)
    names.file.write_text("\n".join(names.all()) + "\n")
    return names


def mesh_command(peer: Mesh, wanted: Wanted, names: Names) -> list[str]:
    # Nothing answers at the CA's address: what is imported is valid, so nobody is asked.
    file = wanted.write("mesh.yaml", f"""
workers: 1
log: {{ level: ERROR }}
entryPoints:
  in: {{ address: "{wanted.address}" }}
certificatesResolvers:
  none: {{ acme: {{ caServer: "https://127.0.77.1:9/dir", storage: "{wanted.folder}/mesh.db", tlsChallenge: {{}} }} }}
tcp:
  routers:
    bench: {{ rule: "HostSNI(`*`)", service: bench, tls: {{ certResolver: none }} }}
  services:
    bench: {{ loadBalancer: {{ servers: [{{ address: "{wanted.backend}" }}] }} }}
""")
    done = subprocess.run([peer.program(), "certs", "import", "--config", str(file), "--dir", str(names.pairs)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"mesh certs import ended with {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
    return [peer.program(), "run", "--config", str(file)]


def command(peer: Peer, wanted: Wanted, names: Names) -> list[str]:
    if isinstance(peer, Mesh):
        return mesh_command(peer, wanted, names)
    usual = peer.command(wanted)
    file = Path(usual[-1])
    one = str(wanted.certificate.both)
    if isinstance(peer, Haproxy):
        file.write_text(file.read_text().replace(one, f"{names.both}/"))
    else:
        file.write_text(file.read_text().replace(f'pem-file = "{one}"', f'pem-dir = "{names.both}/"'))
    return usual


def measure(bench: Bench, count: int, store: Path) -> list[dict]:
    names = make(store / f"names-{count}", count)
    measured = []
    with Backend(bench.load):
        for number, peer in enumerate(bench.peers):
            if isinstance(peer, (Mesh, Haproxy, Hitch)):
                measured.append(measure_one(bench, peer, number, names))
                print(line(measured[-1]), flush=True)
    return measured


def measure_one(bench: Bench, peer: Peer, number: int, names: Names) -> dict:
    folder = bench.folder / f"names-{names.count}" / peer.name
    folder.mkdir(parents=True, exist_ok=True)
    many_at, one_at = f"127.0.77.{30 + number}:{PORT}", f"127.0.77.{50 + number}:{PORT}"
    wanted = Wanted("tls", many_at, Backend.at("echo"), bench.certificate, folder)

    begun = time.monotonic()
    many_command = command(peer, wanted, names)
    prepared = time.monotonic() - begun
    begun = time.monotonic()
    many = start_server(peer.name, many_at, many_command, folder, bench.placement, PATIENCE)
    listening = time.monotonic() - begun
    one = None
    try:
        cold = pss_bytes(many.pids)
        single = folder / "one"
        single.mkdir()
        one = start_server(peer.name, one_at, peer.command(
            Wanted("tls", one_at, Backend.at("echo"), bench.certificate, single)), single, bench.placement)

        def load(server, *arguments):
            return bench.load.run("connect", "--to", server.address, "--from", "127.0.78.1,127.0.78.2,127.0.78.3",
                                  "--watch", ",".join(map(str, server.pids)), *arguments)

        of_many, of_one = ("--names", names.file), ("--name", "bench.example")
        window = ("--lean", "--window", bench.effort.window_ms, "--warmup", 0)
        first = [load(one, *of_one, *window), load(many, *of_many, *window)]
        # Every certificate is that of the name that was asked for.
        troubles = [FULL.wrong(load(many, *of_many, "--ca", names.root, "--window", 500, "--seed", 2))]
        # Each name once: whatever a server keeps of a name, it has now.
        load(many, *of_many, "--lean", "--in-turn", "--operations", names.count, "--window", 600_000)
        rounds = []
        for turn in range(bench.effort.rounds):
            pair = [("one", one, of_one), ("many", many, of_many)]
            random.Random(turn).shuffle(pair)
            rounds.append({what: load(server, *of, "--lean", "--window", bench.effort.window_ms,
                                      "--warmup", bench.effort.warmup_ms, "--seed", 10 + turn)
                           for what, server, of in pair})
        troubles += [FULL.wrong(result) for result in (*first, *(r for both in rounds for r in both.values()))]
        troubles = sorted({trouble for trouble in troubles if trouble})
        ratio = ratios.paired(*([FULL.cost(both[what]) for both in rounds] for what in ("many", "one"))) \
            if not troubles else None
        return {"peer": peer.name, "names": names.count, "prepared_s": prepared, "listening_s": listening,
                "cold_mb": cold / 1e6, "warm_mb": pss_bytes(many.pids) / 1e6,
                "ratio_cold": None if troubles else FULL.cost(first[1]) / FULL.cost(first[0]),
                "ratio_warm": ratio and ratio.median, "ratio_warm_95": ratio and [ratio.low, ratio.high],
                "troubles": troubles, "rounds": rounds}
    finally:
        many.stop()
        if one:
            one.stop()


def heading(count: int) -> str:
    return (f"names: {count} certificates, full handshakes for names at random; handshake as a multiple of the same"
            f" server's with one certificate\n  {'':10} {'listens after':>13} {'PSS then':>9} {'warm':>9}"
            f" {'handshake at first':>18} {'every name known':>16}")


def line(result: dict) -> str:
    def times(value):
        return "-" if value is None else f"{value:.2f}x"

    text = (f"  {result['peer']:10} {result['listening_s']:>11.2f} s {result['cold_mb']:>6.0f} MB"
            f" {result['warm_mb']:>6.0f} MB {times(result['ratio_cold']):>18} {times(result['ratio_warm']):>16}")
    targets = [f"{verdict['of']} {report.verdict_text(verdict)}" for verdict in verdicts(result)]
    text += "".join(f"\n  {'':10} {target}" for target in targets)
    for trouble in result["troubles"]:
        text += f"\n  {'':10} does not count: {trouble}"
    return text


def verdicts(result: dict) -> list[dict]:
    if result["peer"] != "mesh":
        return []
    return [{"of": what, "target": target, "value": result[what], "met": result[what] <= target}
            for what, target in TARGETS.items() if result[what] is not None]
