"""The servers: how each is told to do one thing with one worker and nothing besides.

An instance serves one transport (tls: it ends TLS; hello: it passes TLS through by server name) to one
backend. No logs, no health checks, TLS 1.3, session tickets as the server likes them by default.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .certificates import NAME, Certificate


@dataclass
class Wanted:
    """One instance."""

    transport: str
    address: str
    backend: str
    certificate: Certificate
    folder: Path

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path


class Peer:
    name = ""
    package = ""  # Debian's, or empty
    transports = ("tls", "hello")

    def program(self) -> str | None:
        return shutil.which(self.name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")

    def missing(self) -> str | None:
        """What is not there, for people."""
        return None if self.program() else f"{self.name} (apt-get install {self.package})"

    def version(self) -> str:
        return first_line([self.program(), "-v"])

    def command(self, wanted: Wanted) -> list[str]:
        raise NotImplementedError


def is_root() -> bool:
    return os.geteuid() == 0


def first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return ((done.stdout or done.stderr).strip().splitlines() or ["unknown"])[0]


class Mesh(Peer):
    def __init__(self, program: Path, name: str = "mesh"):
        self.path, self.name = program, name

    def program(self) -> str:
        return str(self.path)

    def missing(self) -> str | None:
        return None if self.path.exists() else f"{self.name} ({self.path} does not exist)"

    def version(self) -> str:
        return first_line([self.program(), "--version"])

    def command(self, wanted: Wanted) -> list[str]:
        tls = "{ passthrough: true }" if wanted.transport == "hello" else "{}"
        certificates = "" if wanted.transport == "hello" else f"""
tls:
  certificates: [{{ certFile: "{wanted.certificate.chain}", keyFile: "{wanted.certificate.key}" }}]
"""
        file = wanted.write("mesh.yaml", f"""
workers: 1
log: {{ level: ERROR }}
entryPoints:
  in: {{ address: "{wanted.address}" }}
tcp:
  routers:
    bench: {{ rule: "HostSNI(`{NAME}`)", service: bench, tls: {tls} }}
  services:
    bench: {{ loadBalancer: {{ servers: [{{ address: "{wanted.backend}" }}] }} }}
{certificates}""")
        return [self.program(), "run", "--config", str(file)]


class Haproxy(Peer):
    name = package = "haproxy"

    def command(self, wanted: Wanted) -> list[str]:
        if wanted.transport == "tls":
            bind = f"bind {wanted.address} ssl crt {wanted.certificate.both} ssl-min-ver TLSv1.3"
            choose = "default_backend bench"
        else:
            bind = f"bind {wanted.address}"
            choose = f"""tcp-request inspect-delay 5s
    tcp-request content accept if {{ req.ssl_hello_type 1 }}
    use_backend bench if {{ req.ssl_sni -i {NAME} }}"""
        file = wanted.write("haproxy.cfg", f"""
global
    nbthread 1
    maxconn 9800
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend in
    {bind}
    {choose}
backend bench
    server one {wanted.backend}
""")
        return [self.program(), "-db", "-f", str(file)]


class Nginx(Peer):
    name = "nginx"
    package = "nginx libnginx-mod-stream"
    MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

    def missing(self) -> str | None:
        return None if self.program() and self.MODULE.exists() else f"nginx (apt-get install {self.package})"

    def command(self, wanted: Wanted) -> list[str]:
        if wanted.transport == "tls":
            chooses = ""
            server = f"""listen {wanted.address} ssl;
        ssl_certificate {wanted.certificate.chain};
        ssl_certificate_key {wanted.certificate.key};
        ssl_protocols TLSv1.3;
        proxy_pass {wanted.backend};"""
        else:
            chooses = f"map $ssl_preread_server_name $chosen {{ {NAME} {wanted.backend}; }}"
            server = f"listen {wanted.address};\n        ssl_preread on;\n        proxy_pass $chosen;"
        file = wanted.write("nginx.conf", f"""
load_module {self.MODULE};
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {wanted.folder}/pid;
error_log stderr crit;
events {{ worker_connections 19900; }}
stream {{
    access_log off;
    proxy_timeout 1h;
    {chooses}
    server {{
        {server}
    }}
}}
""")
        return [self.program(), "-p", str(wanted.folder), "-e", "stderr", "-c", str(file)]


class Hitch(Peer):
    name = package = "hitch"
    transports = ("tls",)

    def version(self) -> str:
        return first_line([self.program(), "--version"])

    def command(self, wanted: Wanted) -> list[str]:
        def bracketed(address: str) -> str:
            host, port = address.rsplit(":", 1)
            return f"[{host}]:{port}"

        file = wanted.write("hitch.conf", f"""
frontend = "{bracketed(wanted.address)}"
backend = "{bracketed(wanted.backend)}"
pem-file = "{wanted.certificate.both}"
workers = 1
tls-protos = TLSv1.3
ocsp-dir = ""
{'user = "nobody"' if is_root() else ""}
{'group = "nogroup"' if is_root() else ""}
daemon = off
quiet = on
""")
        return [self.program(), "--config", str(file)]


class Sniproxy(Peer):
    name = package = "sniproxy"
    transports = ("hello",)

    def version(self) -> str:
        return first_line([self.program(), "-V"])

    def command(self, wanted: Wanted) -> list[str]:
        file = wanted.write("sniproxy.conf", f"""
{"user nobody" if is_root() else ""}
pidfile {wanted.folder}/pid
error_log {{
    filename {wanted.folder}/errors
    priority error
}}
listener {wanted.address} {{
    protocol tls
    table bench
}}
table bench {{
    {NAME} {wanted.backend}
}}
""")
        return [self.program(), "-f", "-n", "20000", "-c", str(file)]


class Floor(Peer):
    """mesh_load's relay with nothing in it: what the library and the kernel cost when used plainly."""

    name = "floor"

    def __init__(self, program: Path):
        self.path = program

    def program(self) -> str:
        return str(self.path)

    def version(self) -> str:
        return "a relay with nothing in it (load/floor.cpp)"

    def command(self, wanted: Wanted) -> list[str]:
        certificate = ["--certificate", str(wanted.certificate.both)] if wanted.transport == "tls" else []
        return [self.program(), "floor", "--listen", wanted.address, "--to", wanted.backend, *certificate]


def all_peers(mesh: Path, load: Path) -> list[Peer]:
    return [Haproxy(), Mesh(mesh), Nginx(), Hitch(), Sniproxy(), Floor(load)]
