# ctest: timeout=120
"""The example of the documentation as it is printed, completed with what it refers to, with a real backend."""

import json
import ssl
from pathlib import Path

import pytest

from mesh_env.certificates import SigningAuthority
from mesh_env.mesh import run_mesh
from mesh_env.tls_client import Authority

BLOCKS = Path(__file__).parents[1] / "unit" / "config" / "specification"
NAMES = {"example.com", "www.example.com", "api.example.com"}


def completed_yaml(env) -> str:
    """`services` goes on where the block ends, below `tcp`."""
    resolver = env.resolver()
    return f"""{(BLOCKS / "structured.yaml").read_text()}
  services:
    my-tcp-service: {{ loadBalancer: {{ servers: [{{ address: "{env.endpoint("backend-app")}" }}] }} }}
entryPoints: {{ websecure: {{ address: "{env.endpoint()}" }} }}
tls: {{ options: {{ my-tls-options: {{ minVersion: VersionTLS13 }} }} }}
certificatesResolvers: {{ myresolver: {json.dumps(resolver)} }}
"""


def completed_toml(env) -> str:
    acme = env.resolver()["acme"]
    return f"""{(BLOCKS / "structured.toml").read_text()}
[[tcp.services.my-tcp-service.loadBalancer.servers]]
address = "{env.endpoint("backend-app")}"
[entryPoints.websecure]
address = "{env.endpoint()}"
[tls.options.my-tls-options]
minVersion = "VersionTLS13"
[certificatesResolvers.myresolver.acme]
email = "{acme["email"]}"
caServer = "{acme["caServer"]}"
caCertificates = {json.dumps(acme["caCertificates"])}
storage = "{acme["storage"]}"
tlsChallenge = {{}}
"""


def tls_backend(env, authority: SigningAuthority):
    """Ends TLS itself, as a server behind a router that passes TLS through has to."""
    chain, key = authority.write_pair(env.directory / "backend", "app", *sorted(NAMES))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)

    def handle(backend, peer):
        peer.socket = context.wrap_socket(peer.socket, server_side=True)
        peer.send(backend.name.encode() + b"\n")
        while data := peer.receive():
            peer.send(data)

    return env.backend("app", handle)


@pytest.mark.parametrize("notation", ["yaml", "toml"])
def test_the_example_passes_tls_through_and_gets_its_certificate(env, notation):
    authority = SigningAuthority()
    tls_backend(env, authority)
    mesh = env.mesh("", start=False)
    mesh.config_file = mesh.config_file.with_suffix(f".{notation}")
    mesh.write_config(completed_yaml(env) if notation == "yaml" else completed_toml(env))
    mesh.start()
    mesh.wait_for("cert_live", seconds=60)

    # Verified against the backend's own CA: this is its certificate, not the one mesh got.
    with env.tls("example.com", Authority(authority.pem)) as client:
        assert client.receive_line() == "app"
        client.send(b"through mesh\n")
        assert client.receive_line() == "through mesh"
    [certificate] = mesh.json("certs", "list")["certificates"]
    assert set(certificate["names"]) == NAMES and certificate["state"] == "valid"
    assert certificate["routers"] == ["my-tls-router"]


@pytest.mark.parametrize("option,block", [("--labels", "labels.yaml"), ("--tags", "tags.json")])
def test_labels_and_tags_are_checked_with_the_files_they_refer_to(env, option, block):
    mesh = env.mesh(completed_yaml(env), start=False)
    done = run_mesh("check", "--config", str(mesh.config_file), option, str(BLOCKS / block))
    assert done.returncode == 0, done.stdout
    assert "2 routers, 1 certificate" in done.stdout.splitlines()[-1]
    spots = [line for line in done.stdout.splitlines() if "JSON" in line or "missing here" in line]
    if option == "--tags":
        assert [line.removeprefix(f"{BLOCKS / block}:") for line in spots] == [
            "2:3: warning: a comment, which JSON does not have; remove it",
            "4:46: warning: a ',' is missing here; add it",
        ]
