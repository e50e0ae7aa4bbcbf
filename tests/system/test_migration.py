# ctest: timeout=120 sanitize
"""docs/migration.md, with its own files: a traefik.yml is checked as it is, acme.json imported, nothing ordered."""

import base64
import json
import re
from pathlib import Path

import pytest

from mesh_env import wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.certified import orders_at
from mesh_env.mesh import run_mesh
from mesh_env.tls_client import Authority

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migration.md"
SITE = ("shop.example", "www.shop.example")
DB = ("db.shop.example",)


def block(title: str) -> str:
    """The block of the page that begins with the comment `# TITLE`."""
    blocks = re.findall(r"^```yaml\n(# .*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return next(text for text in blocks if text.splitlines()[0] == f"# {title}")


def write_traefik(folder: Path) -> Path:
    (folder / "dynamic").mkdir(parents=True, exist_ok=True)
    (folder / "dynamic" / "shop.yml").write_text(block("dynamic/shop.yml"))
    (folder / "traefik.yml").write_text(block("traefik.yml"))
    return folder / "traefik.yml"


def write_acme_json(path: Path, authority: SigningAuthority) -> None:
    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    certificates = []
    for main, *sans in (SITE, DB):
        chain, key = authority.issue(main, *sans)
        domain = {"main": main, **({"sans": sans} if sans else {})}
        certificates.append({"domain": domain, "certificate": encoded(chain), "key": encoded(key), "Store": "default"})
    path.write_text(json.dumps({"le": {
        "Account": {"Email": "admin@example.com", "Registration": {"uri": "https://ca.example/acme/acct/1"}},
        "Certificates": certificates}}))
    path.chmod(0o600)


@pytest.fixture
def migrated(env):
    """(mesh that was not started, the authority of its certificates): the page's files, at this environment's CA."""
    env.backend("site")
    env.backend("db")
    dynamic = env.directory / "dynamic"
    dynamic.mkdir(parents=True, exist_ok=True)
    (dynamic / "shop.yml").write_text(block("dynamic/shop.yml of mesh")
                                      .replace("127.0.0.1:8000", env.endpoint("backend-site"))
                                      .replace("127.0.0.1:5431", env.endpoint("backend-db")))
    acme = env.resolver()["acme"]
    text = block("mesh.yaml").replace('address: ":$', f'address: "{env.at()[0]}:$')
    assert "      tlsChallenge: {}\n" in text
    text = text.replace("      tlsChallenge: {}\n",
                        f"      tlsChallenge: {{}}\n      caServer: {json.dumps(acme['caServer'])}\n"
                        f"      caCertificates: {json.dumps(acme['caCertificates'])}\n")
    authority = SigningAuthority()
    write_acme_json(env.directory / "acme.json", authority)
    return env.mesh(text, start=False), authority


def ports(env) -> dict:
    return {"HTTPS_PORT": str(env.port()), "POSTGRES_PORT": str(env.port("postgres"))}


def test_a_traefik_file_is_checked_as_it_is(tmp_path):
    config = write_traefik(tmp_path)
    write_acme_json(tmp_path / "acme.json", SigningAuthority())
    done = run_mesh("check", "--config", config.name, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    said = done.stdout.replace(str(tmp_path), "/etc/traefik")
    assert f"```console\n$ mesh check --config traefik.yml\n{said}```" in PAGE.read_text(encoding="utf-8")
    codes = [f["code"] for f in json.loads(run_mesh("check", "--json", "--config", config.name,
                                                    cwd=tmp_path).stdout)["findings"]]
    assert set(codes) == {"ignored", "traefik-store"}


def test_a_traefik_store_is_left_alone(tmp_path):
    config = write_traefik(tmp_path)
    write_acme_json(tmp_path / "acme.json", SigningAuthority())
    before = (tmp_path / "acme.json").read_bytes()
    done = run_mesh("run", "--config", str(config))
    assert done.returncode == 4
    assert "acme.json is a Traefik store: use another storage and mesh certs import acme.json" in done.stderr
    assert (tmp_path / "acme.json").read_bytes() == before


def test_imported_certificates_leave_nothing_to_order(env, migrated):
    mesh, authority = migrated
    assert "2 certificates, 2 to order now" in mesh.command("plan").stdout
    imported = mesh.command("certs", "import", "acme.json").stdout
    for names in (SITE, DB):
        assert f"le: {names[0]}: imported ({', '.join(names)})\n" in imported
    assert "2 certificates, 0 to order now" in mesh.command("plan").stdout
    planned = mesh.json("plan")["certificates"]
    assert {tuple(c["names"]): (c["state"], c["next_action"]) for c in planned} == {
        SITE: ("valid", "renew"), DB: ("valid", "renew")}
    explained = mesh.json("check", "--explain", "www.shop.example:443")["explained"]["entry_points"][0]
    assert explained["router"]["name"] == "site"
    assert explained["certificate"]["source"] == "store" and explained["certificate"]["valid"]

    mesh.start(env=ports(env))
    trust = Authority(authority.pem)
    for name, entry_point, greeting in (("www.shop.example", "websecure", "site"), ("db.shop.example", "postgres", "db")):
        with env.tls(name, trust, entry_point=entry_point) as client:
            assert name in client.names
            assert client.receive_line() == greeting
    wait_until(lambda: mesh.json("status")["certificates"]["valid"] == 2, what="both certificates in hand")
    assert orders_at(env) == 0
    assert not mesh.events("order_started")


def test_a_router_of_other_names_is_seen_in_the_plan(env, migrated):
    mesh, _ = migrated
    dynamic = env.directory / "dynamic" / "shop.yml"
    dynamic.write_text(dynamic.read_text().replace("HostSNI(`db.shop.example`)",
                                                   "HostSNI(`db.shop.example`) || HostSNI(`db2.shop.example`)"))
    mesh.command("certs", "import", "acme.json")
    assert "2 certificates, 1 to order now" not in mesh.command("plan").stdout  # the old one is still stored
    states = {tuple(c["names"]): c["state"] for c in mesh.json("plan")["certificates"]}
    assert states == {SITE: "valid", ("db.shop.example", "db2.shop.example"): "missing", DB: "unwanted"}
