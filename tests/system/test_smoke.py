# ctest: timeout=120 sanitize
"""The five-minute start: the configuration of the README gets, stores and serves its certificates."""

import re
import signal
import stat

from mesh_env import TlsClient, refusal, s_client, wait_until
from mesh_env.mesh import run_mesh

SHOP = {"shop.example", "www.shop.example"}
MAIL = {"mail.example", "imap.example", "smtp.example"}


def readme_configuration(env) -> dict:
    """Two routers, one certificate each: one from its rule, one from its domains."""
    env.backend("shop-1")
    env.backend("shop-2")
    env.backend("mail")
    servers = [{"address": env.endpoint(f"backend-shop-{n}")} for n in (1, 2)]
    return {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "certificatesResolvers": {"myresolver": env.resolver()},
        "tcp": {
            "routers": {
                "shop": {"rule": "HostSNI(`shop.example`) || HostSNI(`www.shop.example`)", "service": "shop",
                         "tls": {"certResolver": "myresolver"}},
                "mail": {"rule": "HostSNI(`mail.example`) || HostSNI(`imap.example`) || HostSNI(`smtp.example`)",
                         "service": "mail",
                         "tls": {"certResolver": "myresolver",
                                 "domains": [{"main": "mail.example", "sans": ["imap.example", "smtp.example"]}]}},
            },
            "services": {
                "shop": {"loadBalancer": {"servers": servers}},
                "mail": {"loadBalancer": {"servers": [{"address": env.endpoint("backend-mail")}]}},
            },
        },
    }


def test_version_names_what_it_is_built_from():
    text = run_mesh("--version").stdout
    assert re.search(r"\bmesh \d+\.\d+\.\d+", text), text
    for library in ("OpenSSL", "libcurl", "SQLite", "Boost"):
        assert library.lower() in text.lower()


def test_two_routers_get_their_certificates_and_serve(env):
    env.pebble(nonce_reject_percent=15)
    mesh = env.mesh(readme_configuration(env))
    mesh.wait_for("cert_live", count=2, seconds=60)
    authority = env.trust()
    for names in (SHOP, MAIL):
        serials = set()
        for name in sorted(names):
            with env.tls(name, authority) as client:
                assert client.names == names
                serials.add(client.serial)
                greeting = client.receive_line()
                assert greeting.startswith("shop-" if names is SHOP else "mail")
                client.send(b"through mesh\n")
                assert client.receive_line() == "through mesh"
        assert len(serials) == 1, "one order per router, not one per name"
    mesh.stop()
    assert mesh.events("stopped")


def test_openssl_verifies_chain_and_host_name(env, tmp_path):
    mesh = env.mesh(readme_configuration(env))
    mesh.wait_for("cert_live", count=2, seconds=60)
    root = tmp_path / "root.pem"
    root.write_text(env.pebble().root_pem())
    done = s_client(env.at(), "shop.example", "-verify_return_error", "-verify_hostname", "shop.example",
                    "-CAfile", str(root), "-brief")
    assert done.returncode == 0 and b"Verification: OK" in done.stdout, done.stdout.decode(errors="replace")


def test_servers_take_turns(env):
    mesh = env.mesh(readme_configuration(env))
    mesh.wait_for("cert_live", count=2, seconds=60)
    authority, greetings = env.trust(), []
    for _ in range(8):
        with env.tls("shop.example", authority) as client:
            greetings.append(client.receive_line())
    assert abs(greetings.count("shop-1") - greetings.count("shop-2")) <= 2, greetings


def test_certificates_survive_a_restart_without_a_new_order(env):
    config = readme_configuration(env)
    mesh = env.mesh(config)
    mesh.wait_for("cert_live", count=2, seconds=60)
    authority = env.trust()
    with env.tls("shop.example", authority) as client:
        serial = client.serial
    assert stat.S_IMODE((mesh.directory / "mesh.db").stat().st_mode) == 0o600
    mesh.stop(number=signal.SIGINT)
    env.pebble().stop()
    again = mesh.mark()
    mesh.start()
    with env.tls("shop.example", authority) as client:
        assert client.serial == serial
    assert not mesh.events("order_started", since=again)


def test_plan_and_list_show_what_is_there(env):
    mesh = env.mesh(readme_configuration(env), start=False)
    before = mesh.json("plan")["certificates"]
    assert [set(entry["names"]) for entry in sorted(before, key=lambda c: c["names"])] == [MAIL, SHOP]
    mesh.start()
    mesh.wait_for("cert_live", count=2, seconds=60)
    serials = set()
    for name in ("shop.example", "mail.example"):
        with env.tls(name) as client:
            serials.add(client.serial)
    listed = wait_until(lambda: mesh.json("certs", "list")["certificates"], 5, "certificates in the store")
    assert {int(entry["serial"].replace(":", ""), 16) for entry in listed} == serials


def test_a_second_process_on_the_same_store_is_refused_with_the_pid(env):
    mesh = env.mesh(readme_configuration(env))
    second = env.mesh(mesh.config_file.read_text(), "second", start=False)
    second.start(ready=False)
    assert second.wait_exit() == 4
    assert str(mesh.pid) in second.log_tail()
    assert mesh.running


def test_a_name_no_router_wants_is_refused(env):
    mesh = env.mesh(readme_configuration(env))
    mesh.wait_for("cert_live", count=2, seconds=60)
    assert refusal(env.at(), "other.example", env.trust()) == "unrecognized_name"
    assert refusal(env.at(), None, env.trust(verify=False)) == "unrecognized_name"
    with TlsClient(env.at(), "shop.example", env.trust()) as client:
        assert client.receive_line().startswith("shop")
