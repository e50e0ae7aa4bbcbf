"""Everything one test needs, on a loopback address of its own, cleaned up in reverse order."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from pebble_env import ChallTestSrv, Pebble, PebbleOptions, PebblePrograms

from .backends import Backend, Handler, ident
from .consul_agent import ConsulAgent
from .haproxy import Haproxy
from .loopback import Loopback
from .mesh import Mesh, mesh_binary
from .tls_client import Authority, TcpClient, TlsClient


class Environment:
    """`with Environment(directory) as env`, or the `env` fixture. The entry point that the CA
    validates on is 'websecure'; other entry points get a port by their name."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.loopback = Loopback()
        self._cleanup = ExitStack()
        self._dns: ChallTestSrv | None = None
        self._pebble: Pebble | None = None
        self._consul: ConsulAgent | None = None
        self._meshes: list[Mesh] = []

    def __enter__(self) -> Environment:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self._cleanup.close()

    # --- places ---

    def port(self, name: str = "websecure") -> int:
        return self.loopback.port(name)

    def at(self, name: str = "websecure") -> tuple[str, int]:
        """(host, port) of an entry point or backend, for a client."""
        return self.loopback.address, self.port(name)

    def endpoint(self, name: str = "websecure") -> str:
        """'host:port' for a configuration."""
        return self.loopback.endpoint(name)

    # --- parts ---

    def dns(self) -> ChallTestSrv:
        """The CA's DNS server; every name is this environment's address until told otherwise."""
        if self._dns is None:
            self._dns = ChallTestSrv(PebblePrograms.find(), self.directory, self.loopback.address,
                                     self.port("dns"), self.port("dns-management"), self.loopback.address)
            self._cleanup.callback(self._dns.stop)
            self._dns.start()
        return self._dns

    def pebble(self, **options) -> Pebble:
        """The one CA of this environment, started at first use; options as in PebbleOptions."""
        if self._pebble is None:
            self._pebble = self.another_pebble("pebble", **options)
        else:
            assert not options, "already started; use pebble().restart(...)"
        return self._pebble

    def another_pebble(self, name: str, **options) -> Pebble:
        """One more CA, with its own directory URL, roots and trust."""
        folder = self.directory / name
        folder.mkdir()
        ports = {"acme_port": self.port(f"{name}-acme"), "management_port": self.port(f"{name}-management"),
                 "tls_alpn_port": self.port("websecure"), "http_port": self.port("web")}
        pebble = Pebble(PebblePrograms.find(), folder, self.loopback.address, self.dns().dns_address,
                        PebbleOptions(**{**ports, **options}))
        self._cleanup.callback(pebble.stop)
        pebble.start()
        return pebble

    def consul(self, start: bool = True, **options) -> ConsulAgent:
        """The one Consul of this environment, made and started at first use; options as in ConsulAgent."""
        if self._consul is None:
            ports = {"http": self.port("consul"), "server": self.port("consul-server"), "serf": self.port("consul-serf")}
            self._consul = ConsulAgent(self.directory / "consul", self.loopback.address, ports, **options)
            self._cleanup.callback(self._consul.stop)
            if start:
                self._consul.start()
        return self._consul

    def backend(self, name: str = "backend", handler: Handler = ident) -> Backend:
        backend = Backend(self.at(f"backend-{name}"), handler, name)
        self._cleanup.callback(backend.stop)
        return backend.start()

    def haproxy(self, name: str) -> Haproxy:
        """Not started: it is told first what to do."""
        haproxy = Haproxy(self.directory, name)
        self._cleanup.callback(haproxy.stop)
        return haproxy

    def mesh(self, config: dict | str, name: str = "mesh", start: bool = True, **how) -> Mesh:
        """A mesh on this configuration. It is stopped at the end, and has to end with 0 then."""
        mesh_binary()
        mesh = Mesh(self.directory, config, name)
        self._meshes.append(mesh)
        self._cleanup.callback(self._end, mesh)
        return mesh.start(**how) if start else mesh

    @staticmethod
    def _end(mesh: Mesh) -> None:
        if mesh.running:
            mesh.stop()

    # --- configuration ---

    def resolver(self, pebble: Pebble | None = None, **more) -> dict:
        """The `acme` section for this environment's CA, with whatever else a test sets."""
        ca = pebble or self.pebble()
        return {"acme": {"email": "admin@example.com", "caServer": ca.directory_url,
                         "caCertificates": [str(ca.ca_file)], "storage": "mesh.db", "tlsChallenge": {}, **more}}

    # --- clients ---

    def trust(self, pebble: Pebble | None = None, **how) -> Authority:
        """Clients that verify against the root the CA has now."""
        return Authority((pebble or self.pebble()).root_pem(), **how)

    def tls(self, server_name: str | None, authority: Authority | None = None, entry_point: str = "websecure",
            **how) -> TlsClient:
        return TlsClient(self.at(entry_point), server_name, authority or self.trust(), **how)

    def tcp(self, entry_point: str = "websecure", **how) -> TcpClient:
        return TcpClient(self.at(entry_point), **how)

    # --- after a failure ---

    def report(self) -> list[tuple[str, str]]:
        """(title, text) of everything a reader of a failed test wants to see."""
        sections = [(f"{mesh.config_file.stem} log ({mesh.log_file})", mesh.log_tail(100)) for mesh in self._meshes]
        if self._pebble is not None:
            sections.append(("pebble log", self._pebble.process.log_tail(60)))
        if self._consul is not None:
            sections.append(("consul log", self._consul.process.log_tail(60)))
        return sections
