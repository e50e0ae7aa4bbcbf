# ctest: timeout=240 sanitize
"""Files that are followed without being asked: those of providers.file, and certificates, keys and CAs."""

import os
from pathlib import Path

import pytest

from mesh_env import Authority, Hammer, HandshakeRefused, refusal, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service


def router(name: str, host: str, **more) -> str:
    return f"tcp: {{ routers: {{ {name}: {{ rule: '{rule(host)}', service: app, tls: {more or '{}'} }} }} }}\n"


def main_file(env, **provider) -> dict:
    return {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "providers": {"file": provider},
        "tcp": {"services": {"app": service(env.endpoint("backend-app"))}},
    }


def replace(path: Path, text: str) -> None:
    """As editors do it: whoever looks sees all of it or nothing."""
    new = path.with_name("." + path.name + ".new")
    new.write_text(text)
    new.rename(path)


def serves(env, name: str, trust: Authority) -> bool:
    try:
        with env.tls(name, trust) as client:
            return client.receive_line() == "app"
    except (HandshakeRefused, OSError):
        return False


@pytest.fixture
def certificates(env):
    env.backend("app")
    authority = SigningAuthority()
    names = ["one.example", "two.example", "three.example", "other.example"]
    pair = authority.write_pair(env.directory / "tls", "pair", *names)
    text = f"tls: {{ certificates: [{{ certFile: '{pair[0]}', keyFile: '{pair[1]}' }}] }}\n"
    return Authority(authority.pem), text, authority, pair


def test_a_folder_is_followed(env, certificates):
    trust, tls, *_ = certificates
    folder = env.directory / "conf.d"
    folder.mkdir()
    (folder / "certificates.yaml").write_text(tls)
    (folder / "one.yaml").write_text(router("one", "one.example"))
    mesh = env.mesh(main_file(env, directory="conf.d"))
    assert serves(env, "one.example", trust)

    with Hammer(env.at(), ["one.example"], trust) as hammer:
        replace(folder / "two.yaml", router("two", "two.example"))
        wait_until(lambda: serves(env, "two.example", trust), 15, "the router of the new file")
        replace(folder / "two.yaml", router("two", "three.example"))
        wait_until(lambda: serves(env, "three.example", trust), 15, "the router of the replaced file")
        mesh.wait_for("reload_applied", count=2)  # by every worker, not only by the one that has answered
        assert not serves(env, "two.example", trust)
        applied = mesh.json("status")["configuration"]["sha256"]

        # An error refuses all of it, is said once, and what ran goes on.
        replace(folder / "two.yaml", router("two", "two.example").replace("service", "servce"))
        line = mesh.wait_for("reload_refused")
        assert str(folder / "two.yaml") in line.fields["first"]
        status = mesh.json("status")["configuration"]
        assert status["sha256"] == applied and status["refused_reload"]
        assert serves(env, "three.example", trust)
        # A touched file changes nothing and is not worth a line.
        replace(folder / "two.yaml", router("two", "three.example"))
        wait_until(lambda: mesh.json("status")["configuration"]["refused_reload"] is None, 15, "the error gone")
        (folder / "two.yaml").unlink()
        wait_until(lambda: not serves(env, "three.example", trust), 15, "the router of the removed file gone")
    assert not hammer.failures, hammer.failures[:3]

    # The main file is read when somebody asks, and a change beside it does not take it in.
    config = main_file(env, directory="conf.d")
    config["tcp"]["routers"] = {"main": {"rule": rule("other.example"), "service": "app", "tls": {}}}
    mesh.write_config(config)
    replace(folder / "two.yaml", router("two", "two.example"))
    wait_until(lambda: serves(env, "two.example", trust), 15, "the router of the new file")
    assert not serves(env, "other.example", trust)
    # What somebody asked for and did not get is not forgotten because another file is right.
    mesh.write_config({**config, "tcp": {**config["tcp"], "servces": {}}})
    mesh.command("reload", expect=1)
    replace(folder / "two.yaml", router("two", "three.example"))
    wait_until(lambda: serves(env, "three.example", trust), 15, "the router of the replaced file")
    assert mesh.json("status")["configuration"]["refused_reload"]
    mesh.write_config(config)
    mesh.command("reload")
    assert serves(env, "other.example", trust)
    assert mesh.json("status")["configuration"]["refused_reload"] is None


def test_a_mounted_config_map_is_followed(env, certificates):
    trust, tls, *_ = certificates
    mount = env.directory / "mount"

    def version(name: str, text: str) -> None:
        (mount / name).mkdir(parents=True)
        (mount / name / "dynamic.yaml").write_text(tls + text)
        (mount / "..data_tmp").symlink_to(name)
        os.rename(mount / "..data_tmp", mount / "..data")

    version("..2026_01_01", router("one", "one.example"))
    (mount / "dynamic.yaml").symlink_to("..data/dynamic.yaml")
    env.mesh(main_file(env, filename="mount/dynamic.yaml"))
    assert serves(env, "one.example", trust)
    version("..2026_01_02", router("two", "two.example"))
    wait_until(lambda: serves(env, "two.example", trust), 15, "the second version")
    version("..2026_01_03", router("three", "three.example"))
    wait_until(lambda: serves(env, "three.example", trust), 15, "the third version")


def test_certificate_files_are_followed(env, certificates):
    trust, tls, authority, pair = certificates
    (env.directory / "dynamic.yaml").write_text(tls + router("one", "one.example"))
    mesh = env.mesh(main_file(env, filename="dynamic.yaml"))
    with Hammer(env.at(), ["one.example"], trust) as hammer:
        wait_until(lambda: hammer.serials("one.example"), 15, "a handshake")
        new = authority.write_pair(env.directory / "new", "pair", "one.example", days=200)
        # The certificate first: until its key is there, the old pair stays.
        replace(pair[0], new[0].read_text())
        mesh.wait_for("certificate_kept")
        assert mesh.json("status")["configuration"]["kept_files"][0]["file"] == str(pair[0])
        assert len(hammer.serials("one.example")) == 1
        replace(pair[1], new[1].read_text())
        wait_until(lambda: len(hammer.serials("one.example")) == 2, 15, "the new certificate")
    assert not hammer.failures, hammer.failures[:3]
    assert len(mesh.events("certificate_kept")) == 1
    assert mesh.json("status")["configuration"]["kept_files"] == []
    assert not mesh.events("reload_refused")


def test_a_file_that_is_not_watched_is_read_when_somebody_asks(env, certificates):
    trust, tls, authority, pair = certificates
    dynamic = env.directory / "dynamic.yaml"
    dynamic.write_text(tls + router("one", "one.example"))
    mesh = env.mesh(main_file(env, filename="dynamic.yaml", watch=False))
    with Hammer(env.at(), ["one.example"], trust) as hammer:
        wait_until(lambda: hammer.serials("one.example"), 15, "a handshake")
        dynamic.write_text(tls + router("two", "two.example"))
        new = authority.write_pair(env.directory / "new", "pair", "one.example", "two.example", days=200)
        replace(pair[0], new[0].read_text())
        replace(pair[1], new[1].read_text())
        wait_until(lambda: len(hammer.serials("one.example")) == 2, 15, "the new certificate")
        assert not serves(env, "two.example", trust)
    assert not hammer.failures, hammer.failures[:3]
    mesh.command("reload")
    assert serves(env, "two.example", trust)


def test_a_missing_pair_is_kept_and_waited_for(env, certificates):
    trust, tls, authority, pair = certificates
    folder = env.directory / "conf.d"
    folder.mkdir()
    (folder / "certificates.yaml").write_text(tls)
    (folder / "one.yaml").write_text(router("one", "one.example"))
    mesh = env.mesh(main_file(env, directory="conf.d", onError="partial"))
    with Hammer(env.at(), ["one.example"], trust) as hammer:
        wait_until(lambda: hammer.serials("one.example"), 15, "a handshake")
        away = pair[1].with_name("away")
        pair[1].rename(away)
        mesh.wait_for("certificate_kept")
        assert serves(env, "one.example", trust)
        away.rename(pair[1])
        wait_until(lambda: mesh.json("status")["configuration"]["kept_files"] == [], 15, "the pair back")
    assert not hammer.failures, hammer.failures[:3]
    assert not mesh.events("object_refused")


def test_a_pair_that_arrives_after_the_file_that_names_it(env, certificates):
    trust, tls, authority, _ = certificates
    folder = env.directory / "conf.d"
    folder.mkdir()
    (folder / "certificates.yaml").write_text(tls)
    mesh = env.mesh(main_file(env, directory="conf.d"))
    # What is written right after the start is read with it; this is not.
    replace(folder / "one.yaml", router("one", "one.example"))
    wait_until(lambda: serves(env, "one.example", trust), 15, "the router of a file that is right")
    later = env.directory / "later"
    replace(
        folder / "new.yaml",
        f"tls: {{ certificates: [{{ certFile: '{later}/pair.pem', keyFile: '{later}/pair.key' }}] }}\n"
        + router("new", "new.example"))
    mesh.wait_for("reload_refused")
    written = authority.write_pair(env.directory / "made", "pair", "new.example")
    later.mkdir()
    written[0].rename(later / "pair.pem")
    written[1].rename(later / "pair.key")
    wait_until(lambda: serves(env, "new.example", trust), 15, "the router with its certificate")


def test_the_last_good_configuration_is_never_one_with_errors(env, certificates):
    trust, tls, *_ = certificates
    dynamic = env.directory / "dynamic.yaml"
    dynamic.write_text(tls + router("one", "one.example"))
    config = main_file(env, filename="dynamic.yaml", onError="partial")
    config["certificatesResolvers"] = {"le": {"acme": {
        "storage": "mesh.db", "tlsChallenge": {}, "caServer": "https://127.0.0.1:9/directory"}}}
    mesh = env.mesh(config)
    replace(dynamic, tls + router("one", "one.example").replace("service", "servce"))
    mesh.wait_for("object_refused")
    assert serves(env, "one.example", trust)
    mesh.stop()

    mesh.write_config("tcp: [")
    mesh.start("--last-good")
    assert serves(env, "one.example", trust)


def test_partial_isolates_and_never_becomes_laxer(env, certificates):
    trust, tls, *_ = certificates
    folder = env.directory / "conf.d"
    folder.mkdir()
    (folder / "certificates.yaml").write_text(tls)
    (folder / "one.yaml").write_text(router("one", "one.example"))
    config = main_file(env, directory="conf.d", onError="partial")
    config["tcp"]["routers"] = {"all": {"rule": "HostSNI(`*`)", "service": "app", "tls": {}}}
    mesh = env.mesh(config)
    # A new router with TLS options that cannot be applied is closed, though another would match.
    assert serves(env, "two.example", trust)
    replace(
        folder / "two.yaml",
        "tls: { options: { strict: { clientAuth: { caFiles: [missing.pem] } } } }\n"
        + router("two", "two.example", options="strict"))
    mesh.wait_for("object_refused", object="tcp.routers.two")
    wait_until(lambda: refusal(env.at(), "two.example", trust) == "unrecognized_name", 15, "the router closed")
    # One that worked keeps its form, and what is right is applied.
    replace(folder / "one.yaml", router("one", "one.example").replace("service", "servce"))
    replace(folder / "three.yaml", router("three", "three.example"))
    mesh.wait_for("object_refused", object="tcp.routers.one", state="stale")
    assert serves(env, "one.example", trust)
    objects = {o["path"]: o["state"] for o in mesh.json("status")["configuration"]["objects"]}
    assert objects["tcp.routers.one"] == "stale" and objects["tcp.routers.two"] == "closed"
    assert "stale" in mesh.command("status").stdout
