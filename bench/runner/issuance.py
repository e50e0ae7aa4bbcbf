"""How soon certificates are there, and what the CA is asked for them: from an empty store, from a real CA.

Beside mesh stands Caddy, for which the same CA validates at the same address. It gets fewer: it begins ten in ten
seconds at most.
"""

import json
import socket
import ssl
import time
from pathlib import Path

from . import report
from .authority import PORT, VALIDATED, Authority
from .measuring import Bench
from .peers import Mesh, Peer, Wanted, first_line
from .processes import Backend, start_server
from .running_mesh import LogCount

NAME = "issuance"
FULL, QUICK = {"mesh": 1000, "caddy": 100}, {"mesh": 200, "caddy": 20}
ADDRESS = f"{VALIDATED}:{PORT}"
SECONDS_FOR_1000, REQUESTS_EACH = 60, 9.5
HEADING = ("issuance: certificates from an empty store, from Pebble, 5 % of nonces refused\n"
           f"  {'':10} {'live':>12} {'after':>14} {'each, mesh = 1':>14} {'requests each':>13}")
PATIENCE, PATIENCE_QUICK = 300, 60  # seconds until all have to be there


class Caddy(Peer):
    """Debian's, as an HTTPS server: it has no layer 4."""

    name = package = "caddy"
    lives = '"certificate obtained successfully"'

    def version(self) -> str:
        return first_line([self.program(), "version"])

    def issuing(self, wanted: Wanted, names: list[str], authority: Authority) -> list[str]:
        issuer = {"module": "acme", "ca": authority.directory, "trusted_roots_pem_files": [str(authority.trusted)],
                  "challenges": {"http": {"disabled": True}, "bind_host": VALIDATED,
                                 "tls-alpn": {"alternate_port": PORT}}}
        server = {"listen": [wanted.address], "automatic_https": {"disable_redirects": True},
                  "routes": [{"match": [{"host": names}], "handle": [{"handler": "static_response", "body": "ok"}]}]}
        file = wanted.write("caddy.json", json.dumps({
            "admin": {"disabled": True, "config": {"persist": False}},
            "storage": {"module": "file_system", "root": str(wanted.folder / "storage")},
            "logging": {"logs": {"default": {"level": "INFO", "encoder": {"format": "json"}}}},
            "apps": {"http": {"https_port": PORT, "servers": {"bench": server}},
                     "tls": {"automation": {"policies": [{"issuers": [issuer]}]}}}}))
        return [self.program(), "run", "--config", str(file)]


class IssuingMesh(Mesh):
    lives = "event=cert_live"

    def issuing(self, wanted: Wanted, names: list[str], authority: Authority) -> list[str]:
        file = wanted.write("mesh.yaml", mesh_yaml(wanted, names, authority))
        return [self.program(), "run", "--config", str(file)]


def mesh_yaml(wanted: Wanted, names: list[str], authority: Authority) -> str:
    """A router with a certificate of its own for each name."""
    routers = "\n".join(f"    r{i}: {{ rule: \"HostSNI(`{name}`)\", service: bench, tls: {{ certResolver: ca }} }}"
                        for i, name in enumerate(names))
    return f"""
workers: 1
entryPoints: {{ in: {{ address: "{wanted.address}" }} }}
certificatesResolvers:
  ca:
    acme:
      caServer: "{authority.directory}"
      caCertificates: ["{authority.trusted}"]
      storage: "{wanted.folder}/mesh.db"
      tlsChallenge: {{}}
tcp:
  services: {{ bench: {{ loadBalancer: {{ servers: [{{ address: "{wanted.backend}" }}] }} }} }}
  routers:
{routers}
"""


def measure(bench: Bench, _store: Path, quick: bool) -> dict:
    amounts = QUICK if quick else FULL
    mesh = next(peer for peer in bench.peers if isinstance(peer, Mesh))
    servers = {}
    for peer in (IssuingMesh(mesh.path), Caddy()):
        if not peer.missing():
            servers[peer.name] = measure_one(bench, peer, amounts[peer.name],
                                             PATIENCE_QUICK if quick else PATIENCE)
            print(line(peer.name, servers[peer.name], servers.get("mesh")), flush=True)
    return {"scenario": NAME, "servers": servers, "targets": verdicts(servers["mesh"]),
            "troubles": [f"{name}: {trouble}" for name, server in servers.items() for trouble in server["troubles"]]}


def measure_one(bench: Bench, peer, count: int, patience: float) -> dict:
    """Who is not done in time is told by what is there."""
    folder = bench.folder / NAME / peer.name
    names = [f"n{i:04}.{peer.name}.example" for i in range(count)]
    with Authority(folder / "ca") as authority:
        wanted = Wanted("tls", ADDRESS, Backend.at("echo"), bench.certificate, folder)
        before = authority.requests()
        begun = time.monotonic()
        server = start_server(peer.name, ADDRESS, peer.issuing(wanted, names, authority), folder, bench.placement, 60)
        try:
            live = LogCount(server.log, peer.lives)
            all_there = live.wait_for(count, patience, lambda: server.process.poll() is not None)
            took = time.monotonic() - begun
            asked = authority.requests() - before
            troubles = wrong_certificates(names, authority.root) if all_there else []
        finally:
            server.stop()
    there = max(live.count(), 1)
    return {"certificates": count, "live": live.count(), "live_s": took, "each_s": took / there,
            "requests": sum(asked.values()), "requests_each": sum(asked.values()) / there, "asked": dict(asked),
            "troubles": troubles,
            "authority": authority.version, "version": peer.version()}


def wrong_certificates(names: list[str], root: Path) -> list[str]:
    """Each name's certificate is asked for once, as a client would, and verified."""
    context = ssl.create_default_context(cafile=str(root))
    wrong = []
    for name in names:
        try:
            with socket.create_connection((VALIDATED, PORT), 10) as plain, \
                    context.wrap_socket(plain, server_hostname=name):
                pass
        except OSError as error:
            wrong.append(f"{name}: {error}")
    return wrong[:3]


def verdicts(mesh: dict) -> list[dict]:
    """The time is told for 1,000."""
    met = not mesh["troubles"] and mesh["live"] == mesh["certificates"]
    found = [{"of": "requests each", "unit": " requests each", "target": REQUESTS_EACH, "value": mesh["requests_each"],
              "met": met and mesh["requests_each"] <= REQUESTS_EACH}]
    if mesh["certificates"] == FULL["mesh"]:
        found.append({"of": "seconds", "unit": " s", "target": SECONDS_FOR_1000, "value": mesh["live_s"],
                      "met": met and mesh["live_s"] <= SECONDS_FOR_1000})
    return found


def line(name: str, server: dict, mesh: dict | None) -> str:
    multiple = f"{server['each_s'] / mesh['each_s']:.2f}" if mesh else "-"
    live = f"{server['live']} of {server['certificates']}"
    text = (f"  {name:10} {live:>12} {server['live_s']:>12.1f} s {multiple:>14}"
            f" {server['requests_each']:>13.2f}")
    if name == "mesh":
        text += "  " + "  ".join(map(report.verdict_text, verdicts(server)))
    return text + "".join(f"\n  {'':10} does not count: {trouble}" for trouble in server["troubles"])
