"""TLS clients that everybody has, under one roof: each makes the same offer and says what came of it."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pebble_env import EnvironmentFailure, require_tool

from .tls_client import Authority, HandshakeRefused, TlsClient, refusal
from .waiting import scaled

OLD = ("1.0", "1.1")
"""Versions that OpenSSL's clients offer at security level 0 only."""
_ANY_SUITE = "ALL:@SECLEVEL=0"
_ALERTS = {40: "handshake_failure", 42: "bad_certificate", 47: "illegal_parameter", 48: "unknown_ca",
           50: "decode_error", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
           112: "unrecognized_name", 116: "certificate_required", 120: "no_application_protocol"}
_GROUPS = {"prime256v1": "P-256", "secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


@dataclass(frozen=True)
class Offer:
    """What a client is told to offer; what is empty stays the client's default."""

    name: str
    version: str = ""  # "1.2": this one alone
    suite: str = ""  # OpenSSL's name; the only one
    groups: tuple[str, ...] = ()  # P-256, X25519…, best first
    alpn: str = ""
    certificate: tuple[Path, Path] | None = None
    again: bool = False  # a second connection, which shows the session of the first: the outcome is the second's
    ticketless: bool = False  # with `again`: no ticket will come
    trace: bool = False  # tells `hellos`


@dataclass
class Outcome:
    """What the client says. None: this client does not tell."""

    text: str
    served: bool = False  # the backend's greeting came
    alert: str = ""  # the server's fatal alert
    version: str | None = None
    cipher: str | None = None  # the record cipher, by GnuTLS's name
    group: str | None = None
    alpn: str | None = None
    resumed: bool | None = None
    hellos: int | None = None


def record_cipher(suite: str) -> str:
    """'ECDHE-RSA-AES128-GCM-SHA256' or 'TLS_AES_128_GCM_SHA256' -> 'AES-128-GCM'."""
    if "CHACHA20" in suite:
        return "CHACHA20-POLY1305"
    found = re.search(r"AES[-_]?(128|256)(?:[-_](GCM))?", suite)
    return f"AES-{found[1]}-{found[2] or 'CBC'}" if found else suite


def _group(name: str | None) -> str | None:
    return _GROUPS.get(name.lower(), name.upper()) if name else None


def _alert(number: int) -> str:
    return _ALERTS.get(number, str(number))


def _openssl_alert(text: str) -> str:
    """OpenSSL numbers the alerts it receives as reasons from 1000 on, and older ones have no text for all."""
    if found := re.search(r"SSL alert number (\d+)", text):
        return _alert(int(found[1]))
    if found := re.search(r"reason\(1(\d{3})\)", text):
        return _alert(int(found[1]))
    return ""


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None


def _run(command: list[str], input: bytes = b"") -> str:
    return subprocess.run(command, input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=scaled(20)).stdout.decode(errors="replace")


@lru_cache
def _system_groups() -> str:
    return _run([require_tool("openssl", "openssl"), "list", "-kem-algorithms"])


class RealClient:
    """One client program, talking to `address` and trusting the CA in `ca_file`."""

    name = ""

    def __init__(self, address: tuple[str, int], ca_file: Path, folder: Path, greeting: str):
        self.address = address
        self.ca_file = ca_file
        self.folder = folder
        self.greeting = greeting

    def cannot(self, offer: Offer) -> str:
        """Why this client cannot make the offer; '' when it can."""
        if "X25519MLKEM768" in offer.groups and "X25519MLKEM768" not in _system_groups():
            return "its OpenSSL has no ML-KEM"
        return ""

    def can_resume(self, offer: Offer) -> bool:
        """Whether it shows a session again: tickets are all that mesh knows them by."""
        return True

    def visit(self, offer: Offer) -> Outcome:
        raise NotImplementedError


class OpenSsl(RealClient):
    name = "openssl"

    def visit(self, offer: Offer) -> Outcome:
        if not offer.again:
            return self._read(self._connect(offer), offer)
        session = self.folder / f"{self.name}-{offer.name}-{offer.version}.session"
        session.unlink(missing_ok=True)
        first = self._connect(offer, "-sess_out", str(session))
        # Without a ticket TLS 1.3 leaves nothing to write, and nothing to show.
        return self._read(self._connect(offer, "-sess_in", str(session)) if session.exists() else first, offer)

    def _connect(self, offer: Offer, *more: str) -> str:
        command = [require_tool("openssl", "openssl"), "s_client", "-connect", "%s:%d" % self.address, "-servername",
                   offer.name, "-CAfile", str(self.ca_file), "-verify_return_error", "-ign_eof", *more]
        if offer.version:
            command.append("-tls" + offer.version.replace(".", "_").removesuffix("_0"))
        if offer.version in OLD:
            command += ["-cipher", _ANY_SUITE]
        if offer.suite:
            command += ["-ciphersuites" if offer.suite.startswith("TLS_") else "-cipher", offer.suite]
        if offer.groups:
            command += ["-groups", ":".join(offer.groups)]
        if offer.alpn:
            command += ["-alpn", offer.alpn]
        if offer.certificate:
            command += ["-cert", str(offer.certificate[0]), "-key", str(offer.certificate[1])]
        if offer.trace:
            command.append("-msg")
        return _run(command)

    def _read(self, text: str, offer: Offer) -> Outcome:
        done = re.search(r"(New|Reused), TLSv(\S+), Cipher is (\S+)", text)
        protocol = _first(r"Protocol *: TLSv(\S+)", text) or (done[2] if done else None)
        group = (_first(r"Negotiated TLS1.3 group: (\S+)", text)
                 or _first(r"(?:Server|Peer) Temp Key: (?:ECDH, )?([^,\s]+)", text))
        return Outcome(text, self.greeting in text, _openssl_alert(text), protocol,
                       record_cipher(done[3]) if done else None, _group(group),
                       _first(r"ALPN protocol: (\S+)", text) or "", bool(done) and done[1] == "Reused",
                       len(re.findall(r">>> .*ClientHello", text)) if offer.trace else None)


class GnuTls(RealClient):
    name = "gnutls"
    _GROUP = {"P-256": "SECP256R1", "P-384": "SECP384R1", "P-521": "SECP521R1", "X25519MLKEM768": "X25519-MLKEM768"}

    def cannot(self, offer: Offer) -> str:
        if "X25519MLKEM768" in offer.groups and "X25519-MLKEM768" not in _gnutls_list():
            return "it has no ML-KEM"
        return ""

    def visit(self, offer: Offer) -> Outcome:
        command = [require_tool("gnutls-cli", "gnutls-bin"), f"--x509cafile={self.ca_file}",
                   f"--sni-hostname={offer.name}", f"--verify-hostname={offer.name}", f"--port={self.address[1]}",
                   f"--priority={self._priority(offer)}"]
        if offer.alpn:
            command.append(f"--alpn={offer.alpn}")
        if offer.certificate:
            command += [f"--x509certfile={offer.certificate[0]}", f"--x509keyfile={offer.certificate[1]}"]
        if offer.again:
            command += ["--resume"] if offer.ticketless else ["--resume", "--waitresumption"]
        if offer.trace:
            command.append("--debug=4")
        return self._read(_run([*command, self.address[0]]), offer)

    def _priority(self, offer: Offer) -> str:
        parts = ["NORMAL"]
        if offer.version:
            parts += ["-VERS-ALL", f"+VERS-TLS{offer.version}"]
        if offer.suite:
            cipher = record_cipher(offer.suite)
            parts += ["-CIPHER-ALL", f"+{cipher}"]
            if cipher.endswith("CBC"):
                parts += ["-MAC-ALL", "+SHA1"]
            if not offer.suite.startswith("TLS_"):
                exchange = _first("^(ECDHE-[A-Z]+)", offer.suite) or "RSA"
                parts += ["-KX-ALL", f"+{exchange}"]
        if offer.groups:
            parts += ["-GROUP-ALL", *(f"+GROUP-{self._GROUP.get(g, g)}" for g in offer.groups)]
        return ":".join(parts)

    def _read(self, text: str, offer: Offer) -> Outcome:
        last = text.rpartition("- Connecting again")[2]
        # (TLS1.3-X.509)-(ECDHE-X25519)-(ECDSA-SECP256R1-SHA256)-(AES-256-GCM); resumed ones have fewer parts.
        done = re.search(r"- Description: \(TLS([\d.]+)[^)]*\)(.*)", last)
        parts = re.findall(r"\(([^)]+)\)", done[2]) if done else []
        group = _first(r"\((?:ECDHE|HYBRID)-([^)]+)\)", done[2]) if done else None
        alert = next((int(n) for n in re.findall(r"Received alert \[(\d+)\]", last) if n != "0"), None)
        return Outcome(text, self.greeting in last, _alert(alert) if alert is not None else "",
                       done[1] if done else None, parts[-1] if parts else None,
                       _group(group.replace("-MLKEM", "MLKEM")) if group else None,
                       _first(r"- Application protocol: (\S+)", last) or "", "This is a resumed session" in last,
                       text.count("CLIENT HELLO was queued") if offer.trace else None)


@lru_cache
def _gnutls_list() -> str:
    return _run([require_tool("gnutls-cli", "gnutls-bin"), "--list"])


class Curl(RealClient):
    name = "curl"

    def can_resume(self, offer: Offer) -> bool:
        """In TLS 1.2 curl on OpenSSL offers no tickets, session ids alone."""
        return offer.version != "1.2"

    def visit(self, offer: Offer) -> Outcome:
        host, port = self.address
        command = [_curl(), "-sv", "--noproxy", "*", "--http1.1", "--connect-to", f"::{host}:{port}", "--cacert",
                   str(self.ca_file)]
        if not offer.alpn:
            command.append("--no-alpn")
        assert offer.alpn in ("", "http/1.1"), "curl offers no other"
        if offer.version:
            command += [f"--tlsv{offer.version}", "--tls-max", offer.version]
        if offer.version in OLD:
            command += ["--ciphers", _ANY_SUITE]
        if offer.suite:
            command += ["--tls13-ciphers" if offer.suite.startswith("TLS_") else "--ciphers", offer.suite]
        if offer.groups:
            command += ["--curves", ":".join(offer.groups)]
        if offer.certificate:
            command += ["--cert", str(offer.certificate[0]), "--key", str(offer.certificate[1])]
        url = f"https://{offer.name}:{port}/"
        return self._read(_run([*command, url, *([url] if offer.again else [])]), offer)

    def _read(self, text: str, offer: Offer) -> Outcome:
        connections = re.split(r"(?m)^\* +Trying ", text)[1:]
        last = connections[-1] if connections else ""
        assert len(connections) == (2 if offer.again else 1), text
        done = re.search(r"SSL connection using TLSv(\S+) / (\S+)(?: / (\S+))?", last)
        alerts = [int(n) & 0xFF for n in re.findall(r"\(IN\), TLS alert, [^(]*\((\d+)\)", last)]
        group = done[3] if done and done[3] and done[3] != "[blank]" else None
        if group is None and done and len(offer.groups) == 1:
            group = offer.groups[0]  # the only one there was
        return Outcome(text, self.greeting in last, next((_alert(n) for n in alerts if n), ""),
                       done[1] if done else None, record_cipher(done[2]) if done else None, _group(group),
                       _first(r"ALPN: server accepted (\S+)", last) or "",
                       # What it says of reuse is what it offers. A server that resumes shows no certificate.
                       bool(done) and not re.search(r"\(IN\), TLS handshake, Certificate \(11\)", last),
                       len(re.findall(r"\(OUT\), TLS handshake, Client hello", last)))


@lru_cache
def _curl() -> str:
    curl = require_tool("curl", "curl")
    if "OpenSSL" not in (version := _run([curl, "--version"])):
        raise EnvironmentFailure(f"a curl on OpenSSL is wanted, this one is {version.splitlines()[0]}")
    return curl


class Node(RealClient):
    name = "node"

    def cannot(self, offer: Offer) -> str:
        if "X25519MLKEM768" in offer.groups and _node_openssl() < (3, 5):
            return "its OpenSSL has no ML-KEM"
        return ""

    def visit(self, offer: Offer) -> Outcome:
        version = f"TLSv{offer.version.removesuffix('.0')}" if offer.version else None
        what = {"host": self.address[0], "port": self.address[1], "name": offer.name, "ca": str(self.ca_file),
                "min": version or "TLSv1.2", "max": version or "TLSv1.3", "alpn": offer.alpn, "again": offer.again,
                "ciphers": offer.suite or (_ANY_SUITE if offer.version in OLD else ""),
                "groups": ":".join(offer.groups), "trace": offer.trace}
        if offer.certificate:
            what |= {"cert": str(offer.certificate[0]), "key": str(offer.certificate[1])}
        text = _run([require_tool("node", "nodejs"), str(Path(__file__).with_name("real_client.js")), json.dumps(what)])
        assert '{"greeting"' in text, text
        said = json.loads(text[text.index('{"greeting"'):])
        cipher, protocol = said.get("cipher"), said.get("version")
        return Outcome(text, self.greeting in said["greeting"], _openssl_alert(said.get("error", "")),
                       protocol.removeprefix("TLSv") if protocol else None, record_cipher(cipher) if cipher else None,
                       _group(said.get("group")), said.get("alpn", ""), said.get("resumed"),
                       text.count("ClientHello, Length=") if offer.trace else None)


@lru_cache
def _node_openssl() -> tuple[int, ...]:
    version = _run([require_tool("node", "nodejs"), "-p", "process.versions.openssl"])
    return tuple(int(n) for n in re.findall(r"\d+", version)[:2])


class Python(RealClient):
    name = "python"
    _CURVES = {"P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1", "X25519": "X25519"}

    def cannot(self, offer: Offer) -> str:
        if len(offer.groups) > 1:
            return "it takes one curve"
        for group in offer.groups:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ecdh_curve(self._CURVES[group])
            except (KeyError, ssl.SSLError):
                return f"it does not take {group}"  # X25519 before Python 3.12
        return "it cannot choose" if offer.suite.startswith("TLS_") else ""

    def visit(self, offer: Offer) -> Outcome:
        context = (authority := self._authority(offer)).context
        if offer.suite or offer.version in OLD:
            context.set_ciphers(offer.suite or _ANY_SUITE)
        for group in offer.groups:
            context.set_ecdh_curve(self._CURVES[group])
        session = None
        try:
            if offer.again:
                with TlsClient(self.address, offer.name, authority) as first:
                    first.receive_to_end()
                    session = first.session
            return self._connect(offer, authority, session)
        except HandshakeRefused as refused:
            # Python has names for fewer alerts than its OpenSSL.
            said = _first(r"alert ([a-z ]+) \(", str(refused))
            return Outcome(str(refused), alert=said.replace(" ", "_") if said else refused.reason)
        except ssl.SSLError as error:  # TLS 1.3 refuses a client's certificate after the client has finished
            return Outcome(str(error), alert=refusal(self.address, offer.name, authority))

    def _authority(self, offer: Offer) -> Authority:
        version = getattr(ssl.TLSVersion, f"TLSv{offer.version}".removesuffix(".0").replace(".", "_"), None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the old versions
            return Authority(self.ca_file.read_text(), alpn=[offer.alpn] if offer.alpn else None, minimum=version,
                             maximum=version, certificate=offer.certificate)

    def _connect(self, offer: Offer, authority: Authority, session: ssl.SSLSession | None) -> Outcome:
        with TlsClient(self.address, offer.name, authority, session=session) as client:
            text = client.receive_to_end().decode()
            return Outcome(text, self.greeting in text, "", client.version.removeprefix("TLSv"),
                           record_cipher(client.cipher), offer.groups[0] if offer.groups else None, client.alpn or "",
                           client.resumed)


CLIENTS: dict[str, Callable[..., RealClient]] = {c.name: c for c in (OpenSsl, GnuTls, Curl, Node, Python)}
