"""What test_clients.py and test_clients_all.py have every client try, and the one mesh they try it at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mesh_env import Environment
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service
from mesh_env.real_clients import CLIENTS, OLD, Offer, RealClient, record_cipher

MODERN = ("1.2", "1.3")
SUITES = {
    "ecdsa.example": ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                      "ECDHE-ECDSA-CHACHA20-POLY1305"),
    "rsa.example": ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"),
}
SUITES_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
LEGACY = {"ecdsa.example": ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA"),
          "rsa.example": ("ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256", "AES128-SHA")}
GROUPS = ("X25519", "P-256", "P-384")
GREETING = "the backend is here"
OPTIONS = {
    "alpn.example": {"alpnProtocols": ["chat/2", "http/1.1"]},
    "otheralpn.example": {"alpnProtocols": ["chat/2"]},
    "p384.example": {"curvePreferences": ["CurveP384"]},
    "onesuite.example": {"cipherSuites": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]},
    "fresh.example": {"disableSessionTickets": True},
    "guarded.example": {"clientAuth": {"clientAuthType": "RequireAndVerifyClientCert", "caFiles": ["tls/clients.pem"]}},
}


@dataclass(frozen=True)
class Case:
    """`expected`: fields of Outcome; what a client does not tell (None) is not compared. `who`: whose certificate the
    client has. `post_quantum`: both sides' libraries have to have ML-KEM."""

    offer: Offer
    expected: dict
    who: str = ""
    post_quantum: bool = False


@dataclass
class Row:
    client: str
    case: str
    expected: str
    actual: str = "not run"


@dataclass
class Bench:
    """One mesh with a name for each thing to try; backends greet and end."""

    folder: Path
    rows: list[Row] = field(default_factory=list)

    def __enter__(self) -> Bench:
        self.env = Environment(self.folder)
        self.env.__enter__()
        servers, known, strangers = (SigningAuthority(name) for name in ("Servers", "Clients", "Strangers"))
        tls = self.folder / "tls"
        names = [*OPTIONS, "ecdsa.example"]
        servers.write_pair(tls, "ecdsa", *names)
        servers.write_pair(tls, "rsa", "rsa.example", key=rsa.generate_private_key(65537, 2048))
        (tls / "servers.pem").write_text(servers.pem)
        (tls / "clients.pem").write_text(known.pem)
        self.pairs = {"known": known.write_pair(tls, "known", "client.example"),
                      "stranger": strangers.write_pair(tls, "stranger", "client.example")}
        self.env.backend("app", lambda _, peer: peer.send(
            f"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{GREETING}\n".encode()))
        routers = {name.partition(".")[0]: {"rule": rule(name), "service": "app",
                                            "tls": {"options": name.partition(".")[0]} if name in OPTIONS else {}}
                   for name in (*names, "rsa.example")}
        self.env.mesh({
            "entryPoints": {"websecure": {"address": self.env.endpoint()}},
            "tcp": {"routers": routers, "services": {"app": service(self.env.endpoint("backend-app"))}},
            "tls": {"options": {name.partition(".")[0]: what for name, what in OPTIONS.items()},
                    "certificates": [{"certFile": f"tls/{kind}.crt", "keyFile": f"tls/{kind}.key"}
                                     for kind in ("ecdsa", "rsa")]},
        })
        self.clients: dict[str, RealClient] = {
            name: kind(self.env.at(), tls / "servers.pem", self.folder, GREETING) for name, kind in CLIENTS.items()}
        return self

    def __exit__(self, *_) -> None:
        self.env.close()


def served(**told) -> dict:
    return {"served": True, "alert": "", **told}


def refused(alert: str) -> dict:
    return {"served": False, "alert": alert}


def _versions() -> dict[str, Case]:
    cases = {f"TLS {v}": Case(Offer("ecdsa.example", v), served(version=v)) for v in MODERN}
    cases |= {f"TLS {v}": Case(Offer("ecdsa.example", v), refused("protocol_version")) for v in OLD}
    cases["any version"] = Case(Offer("rsa.example"), served(version="1.3"))
    return cases


def _suites() -> dict[str, Case]:
    cases = {}
    for name, suites in SUITES.items():
        for suite in suites:
            cases[suite] = Case(Offer(name, "1.2", suite), served(version="1.2", cipher=record_cipher(suite)))
    for suite in SUITES_13:
        cases[suite] = Case(Offer("ecdsa.example", "1.3", suite), served(version="1.3", cipher=record_cipher(suite)))
    for name, suites in LEGACY.items():
        for suite in suites:
            cases[f"legacy {suite}"] = Case(Offer(name, "1.2", suite), refused("handshake_failure"))
    weaker, strong, _ = SUITES["ecdsa.example"]
    cases["the configured suite"] = Case(Offer("onesuite.example", "1.2", strong), served(cipher=record_cipher(strong)))
    cases["not the configured suite"] = Case(Offer("onesuite.example", "1.2", weaker), refused("handshake_failure"))
    return cases


def _groups() -> dict[str, Case]:
    # Up to TLS 1.2 an ECDSA certificate's curve has to be among the groups: RSA leaves them free.
    cases = {f"group {g}, TLS {v}": Case(Offer("rsa.example", v, groups=(g,)), served(version=v, group=g))
             for g, v in product(GROUPS, MODERN)}
    for version in MODERN:
        cases[f"group P-521, TLS {version}"] = Case(Offer("rsa.example", version, groups=("P-521",)),
                                                    refused("handshake_failure"))
    cases["key share of another group"] = Case(Offer("p384.example", "1.3", trace=True),
                                               served(group="P-384", hellos=2))
    cases["key share of the group"] = Case(Offer("p384.example", "1.3", groups=("P-384",), trace=True),
                                           served(group="P-384", hellos=1))
    cases["post-quantum"] = Case(Offer("ecdsa.example", "1.3", groups=("X25519MLKEM768", "X25519")),
                                 served(group="X25519MLKEM768"), post_quantum=True)
    return cases


def _alpn() -> dict[str, Case]:
    cases = {}
    for v in MODERN:
        cases |= {
            f"ALPN, none configured, TLS {v}": Case(Offer("ecdsa.example", v, alpn="http/1.1"), served(alpn="")),
            f"ALPN, configured, TLS {v}": Case(Offer("alpn.example", v, alpn="http/1.1"), served(alpn="http/1.1")),
            f"ALPN, none offered, TLS {v}": Case(Offer("alpn.example", v), served(alpn="")),
            f"ALPN, no match, TLS {v}": Case(Offer("otheralpn.example", v, alpn="http/1.1"),
                                             refused("no_application_protocol")),
        }
    return cases


def _certificates() -> dict[str, Case]:
    missing = {"1.2": "handshake_failure", "1.3": "certificate_required"}
    cases = {}
    for v in MODERN:
        offer = Offer("guarded.example", v)
        cases |= {f"client certificate, TLS {v}": Case(offer, served(version=v), "known"),
                  f"no client certificate, TLS {v}": Case(offer, refused(missing[v])),
                  f"another CA's certificate, TLS {v}": Case(offer, refused("unknown_ca"), "stranger")}
    return cases


def _resumption() -> dict[str, Case]:
    cases = {}
    for v in MODERN:
        cases |= {
            f"second connection, TLS {v}": Case(Offer("ecdsa.example", v, again=True), served(version=v, resumed=True)),
            f"second connection, client certificate, TLS {v}": Case(
                Offer("guarded.example", v, again=True), served(version=v, resumed=True), "known"),
            f"second connection, no tickets, TLS {v}": Case(
                Offer("fresh.example", v, again=True, ticketless=True), served(version=v, resumed=False)),
        }
    return cases


CASES: dict[str, Case] = {**_versions(), **_suites(), **_groups(), **_alpn(), **_certificates(), **_resumption()}


def every_combination() -> dict[str, Case]:
    """Version and suite × group × ALPN × one or two connections."""
    cases = {}
    offers = [Offer(name, "1.2", suite) for name, suites in SUITES.items() for suite in suites]
    offers += [Offer(name, "1.3", suite) for name in SUITES for suite in SUITES_13]
    for offer, group, alpn, again in product(offers, GROUPS, ("", "http/1.1"), (False, True)):
        title = ", ".join(filter(None, (offer.name, offer.suite, group, alpn, "second connection" if again else "")))
        # Up to TLS 1.2 an ECDSA certificate's curve has to be among the groups.
        groups = (group, "P-256") if "ECDSA" in offer.suite and group != "P-256" else (group,)
        cases[title] = Case(replace(offer, groups=groups, alpn=alpn, again=again),
                            served(version=offer.version, cipher=record_cipher(offer.suite), group=group, alpn="",
                                   resumed=again))
    return cases


def run_case(bench: Bench, client: str, title: str, case: Case) -> None:
    """Adds a row to the table, and fails where what came is not what was to come."""
    tool = bench.clients[client]
    expected = case.expected
    if expected.get("resumed") and not tool.can_resume(case.offer):
        expected = {**expected, "resumed": False}
    row = Row(client, title, _say(expected))
    bench.rows.append(row)
    if reason := tool.cannot(case.offer) or (case.post_quantum and _mesh_cannot(bench)):
        row.actual = f"n/a: {reason}"
        pytest.skip(row.actual)
    outcome = tool.visit(replace(case.offer, certificate=bench.pairs.get(case.who)))
    told = {key: getattr(outcome, key) for key in expected}
    row.actual = _say({key: "(not told)" if value is None else value for key, value in told.items()})
    wrong = {key for key, value in told.items() if value is not None and value != expected[key]}
    assert not wrong, f"{client}, {title}: expected {row.expected}, got {row.actual}\n{outcome.text}"
    # Who is served tells the version and the cipher, or the table above would be worth nothing.
    assert not outcome.served or (outcome.version and outcome.cipher), outcome.text


def _mesh_cannot(bench: Bench) -> str:
    """Mesh and Debian's openssl use the same library."""
    return bench.clients["openssl"].cannot(Offer("", groups=("X25519MLKEM768",)))


def _say(fields: dict) -> str:
    said = ["served" if fields["served"] else "refused"]
    said += [fields["alert"] or "no alert"] if not fields["served"] or fields["alert"] else []
    said += [f"{key} {value if value != '' else 'none'}" for key, value in fields.items()
             if key not in ("served", "alert")]
    return ", ".join(map(str, said))


def table(rows: list[Row]) -> str:
    head = Row("client", "case", "expected", "actual")
    widths = [max(len(getattr(row, column)) for row in (head, *rows)) for column in ("client", "case", "expected")]
    lines = [f"{r.client:<{widths[0]}}  {r.case:<{widths[1]}}  {r.expected:<{widths[2]}}  {r.actual}".rstrip()
             for r in (head, *rows)]
    return "\n".join(lines)
