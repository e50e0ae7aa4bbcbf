"""Pebble, its DNS server and its test CA as objects that start, stop and clean up after themselves.

Used by `pebble-testenv/run` and by the system tests. Everything listens on loopback addresses only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path

FETCH = Path(__file__).resolve().parent / "fetch"


class EnvironmentFailure(Exception):
    """Something the test environment needs is missing or did not start; the text says what to do."""


def require_tool(name: str, package: str) -> str:
    """The path of a program, or a failure that names the Debian package to install."""
    path = shutil.which(name)
    if path is None:
        raise EnvironmentFailure(f"'{name}' is not installed: apt-get install {package}")
    return path


class Process:
    """A child process whose output goes to a file, with a bounded stop."""

    def __init__(self, name: str, log_path: Path):
        self.name = name
        self.log_path = log_path
        self._child: subprocess.Popen | None = None

    def start(self, arguments: list[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        if self.running:
            raise EnvironmentFailure(f"{self.name} is already running")
        with open(self.log_path, "ab") as log:
            self._child = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._child is None else self._child.poll()

    def wait_until_answering(self, answers, seconds: float) -> None:
        """Calls `answers` until it neither raises nor returns false; fails at once if the process ended."""
        deadline = time.monotonic() + seconds
        last: BaseException | None = None
        while time.monotonic() < deadline:
            if not self.running:
                raise EnvironmentFailure(f"{self.name} ended with {self.exit_code}:\n{self.log_tail()}")
            try:
                if answers():
                    return
            except OSError as error:
                last = error
            time.sleep(0.02)
        raise EnvironmentFailure(f"{self.name} does not answer ({last}):\n{self.log_tail()}")

    def stop(self, seconds: float = 5.0) -> None:
        if self._child is None:
            return
        if self.running:
            self._child.terminate()
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._child.wait()
        self._child = None

    def kill(self) -> None:
        """As a crash would end it."""
        if self.running:
            self._child.kill()
        self.stop()

    def log_tail(self, lines: int = 30) -> str:
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no output)"


# --- The CA that signs Pebble's own HTTPS certificate -------------------------------------------

_OPENSSL_CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
subjectAltName = {alternative_names}
"""


@dataclass(frozen=True)
class TestCa:
    """A throw-away CA and one server certificate. It vouches for Pebble's HTTPS and signs nothing else."""

    __test__ = False  # for pytest: not a test class

    ca_file: Path
    certificate: Path
    key: Path

    @staticmethod
    def load(directory: Path) -> TestCa | None:
        """What `create` left in `directory`, if it is good for another day."""
        paths = TestCa._in(directory)
        if not (paths.ca_file.exists() and paths.certificate.exists() and paths.key.exists()):
            return None
        openssl = require_tool("openssl", "openssl")
        check = subprocess.run([openssl, "x509", "-in", paths.certificate, "-noout", "-checkend", "86400"],
                               capture_output=True)
        return paths if check.returncode == 0 else None

    @staticmethod
    def _in(directory: Path) -> TestCa:
        return TestCa(directory / "ca.pem", directory / "pebble.pem", directory / "pebble.key")

    @staticmethod
    def create(directory: Path, addresses: list[str], hosts: tuple[str, ...] = ("localhost",)) -> TestCa:
        openssl = require_tool("openssl", "openssl")
        directory.mkdir(parents=True, exist_ok=True)
        paths = TestCa._in(directory)
        ca_key, config, request = directory / "ca.key", directory / "openssl.cnf", directory / "pebble.csr"
        names = [f"DNS:{host}" for host in hosts] + [f"IP:{ip}" for ip in dict.fromkeys(addresses)]

        def run(*arguments: str | Path) -> None:
            done = subprocess.run([openssl, *map(str, arguments)], capture_output=True, text=True)
            if done.returncode != 0:
                raise EnvironmentFailure(f"openssl {arguments[0]} failed:\n{done.stderr}")

        def new_key(path: Path) -> None:
            path.touch(mode=0o600)
            run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)

        def configure(name: str) -> None:
            config.write_text(_OPENSSL_CONFIG.format(name=name, alternative_names=",".join(names)))

        try:
            new_key(ca_key)
            configure("Pebble test environment CA")
            run("req", "-x509", "-new", "-key", ca_key, "-config", config, "-extensions", "ca",
                "-days", "30", "-out", paths.ca_file)
            new_key(paths.key)
            configure("pebble")
            run("req", "-new", "-key", paths.key, "-config", config, "-out", request)
            run("x509", "-req", "-in", request, "-CA", paths.ca_file, "-CAkey", ca_key, "-set_serial",
                str(int.from_bytes(os.urandom(8), "big") | 1), "-days", "30", "-extfile", config,
                "-extensions", "server", "-out", paths.certificate)
        finally:
            for leftover in (ca_key, config, request):
                leftover.unlink(missing_ok=True)
        return paths


# --- Where the programs come from ----------------------------------------------------------------


@dataclass(frozen=True)
class PebblePrograms:
    pebble: Path
    challtestsrv: Path
    version: str
    """Debian's version, e.g. '2.10.0+ds1-2', or 'unknown'."""

    @staticmethod
    def find() -> PebblePrograms:
        """Runs `fetch`, which fetches once and afterwards only tells where the programs are."""
        done = subprocess.run([FETCH], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise EnvironmentFailure(done.stderr.strip())
        folder = Path(done.stdout.strip())
        version_file = folder / "VERSION"
        if version_file.exists():
            version = version_file.read_text().strip()
        else:
            query = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "pebble"], capture_output=True, text=True)
            version = query.stdout.strip() if query.returncode == 0 else "unknown"
        return PebblePrograms(folder / "pebble", folder / "pebble-challtestsrv", version)

    def at_least(self, major: int, minor: int) -> bool:
        found = re.match(r"(\d+)\.(\d+)", self.version)
        return found is not None and (int(found[1]), int(found[2])) >= (major, minor)


# --- DNS -----------------------------------------------------------------------------------------


class ChallTestSrv:
    """pebble-challtestsrv as the DNS server Pebble resolves with: every name is `default_ipv4`
    until told otherwise. Its own challenge responders are off: only mesh answers challenges."""

    def __init__(self, programs: PebblePrograms, directory: Path, address: str, dns_port: int,
                 management_port: int, default_ipv4: str = "127.0.0.1"):
        self.dns_address = f"{address}:{dns_port}"
        self.management_url = f"http://{address}:{management_port}"
        self._programs = programs
        self._default_ipv4 = default_ipv4
        self._management = f"{address}:{management_port}"
        self.process = Process("pebble-challtestsrv", directory / "challtestsrv.log")

    def start(self) -> None:
        usage = subprocess.run([self._programs.challtestsrv, "-help"], capture_output=True, text=True).stderr
        dns_flag = "-dnsserver" if "-dnsserver" in usage else "-dns01"
        arguments = [str(self._programs.challtestsrv), dns_flag, self.dns_address,
                     "-management", self._management, "-defaultIPv4", self._default_ipv4, "-defaultIPv6", "",
                     "-http01", "", "-https01", "", "-tlsalpn01", ""]
        if "-doh" in usage:
            arguments += ["-doh", ""]
        self.process.start(arguments)
        # Its management interface answers POST alone; setting what is set already changes nothing.
        self.process.wait_until_answering(lambda: self.set_default_ipv4(self._default_ipv4), 30)

    def stop(self) -> None:
        self.process.stop()

    def post(self, path: str, **body) -> bool:
        request = urllib.request.Request(f"{self.management_url}/{path}", data=json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status == 200

    def set_default_ipv4(self, address: str) -> bool:
        return self.post("set-default-ipv4", ip=address)

    def add_a(self, host: str, *addresses: str) -> bool:
        return self.post("add-a", host=f"{host}.", addresses=list(addresses))

    def clear_a(self, host: str) -> bool:
        return self.post("clear-a", host=f"{host}.")

    def set_servfail(self, host: str) -> bool:
        return self.post("set-servfail", host=f"{host}.")

    def clear_servfail(self, host: str) -> bool:
        return self.post("clear-servfail", host=f"{host}.")


# --- Pebble --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PebbleOptions:
    """How the CA behaves. Defaults are quick and quiet: no refused nonces, no waiting."""

    acme_port: int = 14000
    management_port: int = 15000
    tls_alpn_port: int = 5001
    """The port the CA connects to for TLS-ALPN-01: where mesh listens."""
    http_port: int = 5002
    nonce_reject_percent: int = 0
    authz_reuse_percent: int = 0
    va_sleep_seconds: int = 0
    """Longest of the random waits before a validation; 0: none."""
    retry_after_authz: int = 1
    retry_after_order: int = 1
    profiles: dict[str, int] = field(default_factory=dict)
    """Profile name -> seconds a certificate lives. Empty: one profile of 90 days."""
    key_algorithm: str = "ecdsa"
    chain_length: int = 1
    alternate_roots: int = 0
    blocked_domains: tuple[str, ...] = ()
    strict: bool = False


class Pebble:
    """An ACME server that forgets everything when it stops, as Pebble does."""

    def __init__(self, programs: PebblePrograms, directory: Path, address: str, dns_address: str,
                 options: PebbleOptions = PebbleOptions(), ca: TestCa | None = None):
        self.address = address
        self.options = options
        self.ca = ca or TestCa.create(directory / "certs", [address, "127.0.0.1"])
        self._programs = programs
        self._directory = directory
        self._dns_address = dns_address
        self.process = Process("pebble", directory / "pebble.log")

    @property
    def directory_url(self) -> str:
        return f"https://{self.address}:{self.options.acme_port}/dir"

    @property
    def ca_file(self) -> Path:
        """What an ACME client trusts to talk to Pebble (not what its certificates chain to)."""
        return self.ca.ca_file

    def start(self, **changes) -> None:
        """Starts with the options given at construction, as changed by `changes`."""
        self.options = replace(self.options, **changes)
        if self.options.profiles and not self._programs.at_least(2, 7):
            raise EnvironmentFailure(
                f"Pebble {self._programs.version} has no profiles; run pebble-testenv/fetch with network access")
        config = self._directory / "pebble.json"
        config.write_text(json.dumps({"pebble": self._config()}, indent=2))
        arguments = [str(self._programs.pebble), "-config", str(config), "-dnsserver", self._dns_address]
        if self.options.strict:
            arguments.append("-strict")
        self.process.start(arguments, env=self._environment())
        self.process.wait_until_answering(lambda: "newOrder" in self.directory(), 30)

    def stop(self) -> None:
        self.process.stop()

    def restart(self, **changes) -> None:
        """Accounts, orders and the issuing keys are lost."""
        self.stop()
        self.start(**changes)

    def directory(self) -> dict:
        return json.loads(self._get(self.directory_url))

    def root_pem(self, number: int = 0) -> str:
        """The root its certificates chain to: new at each start."""
        return self.management(f"roots/{number}")

    def intermediate_pem(self, number: int = 0) -> str:
        return self.management(f"intermediates/{number}")

    def management(self, path: str) -> str:
        return self._get(f"https://{self.address}:{self.options.management_port}/{path}")

    def requests(self, pattern: str = "") -> int:
        """How many lines of Pebble's log match: one per request, e.g. r'POST /order-plz'."""
        return len(re.findall(pattern or r"(GET|POST|HEAD) /", self.process.log_path.read_text(errors="replace")))

    def _get(self, url: str) -> str:
        trust = ssl.create_default_context(cafile=str(self.ca.ca_file))
        with urllib.request.urlopen(url, timeout=5, context=trust) as answer:
            return answer.read().decode()

    def _config(self) -> dict:
        options = self.options
        config = {
            "listenAddress": f"{self.address}:{options.acme_port}",
            "managementListenAddress": f"{self.address}:{options.management_port}",
            "certificate": str(self.ca.certificate),
            "privateKey": str(self.ca.key),
            "httpPort": options.http_port,
            "tlsPort": options.tls_alpn_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "domainBlocklist": list(options.blocked_domains),
            "retryAfter": {"authz": options.retry_after_authz, "order": options.retry_after_order},
            "keyAlgorithm": options.key_algorithm,
        }
        # Without a profile in the request Pebble picks one at random: offer one only.
        lifetimes = options.profiles or {"default": 90 * 24 * 3600}
        config["profiles"] = {name: {"description": f"certificates of {seconds} s", "validityPeriod": seconds}
                              for name, seconds in lifetimes.items()}
        return config

    def _environment(self) -> dict[str, str]:
        options = self.options
        return {
            "PEBBLE_VA_NOSLEEP": "" if options.va_sleep_seconds else "1",
            "PEBBLE_VA_SLEEPTIME": str(options.va_sleep_seconds or 1),
            "PEBBLE_WFE_NONCEREJECT": str(options.nonce_reject_percent),
            "PEBBLE_AUTHZREUSE": str(options.authz_reuse_percent),
            "PEBBLE_ALTERNATE_ROOTS": str(options.alternate_roots),
            "PEBBLE_CHAIN_LENGTH": str(options.chain_length),
        }
