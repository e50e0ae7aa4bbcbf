# ctest: timeout=150 sanitize
"""A store that cannot be written (F84) or is damaged (F85) at the start, or in one row (F87); and the
commands that look after it."""

import json
import os
import re
import sqlite3
import subprocess

import pytest

from mesh_env import HandshakeRefused
from mesh_env.certified import config_of, copied, orders_at, started
from mesh_env.hammer import Hammer
from mesh_env.mesh import mesh_binary
from mesh_env.waiting import scaled, wait_until

WARM = ["warm0.example", "warm1.example"]


def test_F84_rights_taken_away_and_given_back(unprivileged):
    """At the start: served, nothing ordered, and ordered without a restart when the folder opens up."""
    env = unprivileged
    mesh = started(env, WARM)
    wait_until(lambda: copied(env, WARM), 20, "the online copy")
    mesh.stop()
    mesh.write_config(config_of(env, [*WARM, "new.example"]))
    before = orders_at(env)
    env.state.chmod(0o500)
    since = mesh.mark()
    mesh.start(wrapper=env.wrapper)
    mesh.wait_for("store_degraded", since=since)
    with Hammer(env.at(), WARM, env.trust()) as hammer:
        wait_until(lambda: hammer.handshakes > 200 or hammer.failures, 30, "handshakes while it cannot be written")
        assert orders_at(env) == before and not mesh.events("order_started", since=since)
        env.state.chmod(0o700)
        mesh.wait_for("store_recovered", since=since, seconds=60)
        mesh.wait_for("cert_live", since=since, seconds=60)
        assert not hammer.failures, hammer.failures[:5]
    assert len(mesh.events("store_degraded", since=since)) == 1
    with env.tls("new.example") as client:
        assert client.names == {"new.example"}


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("damage", [truncate, zero])
def test_F85_damaged_at_the_start(unprivileged, damage):
    """Set aside, the copy opened, nothing ordered that was not lost, and the account is the same."""
    env = unprivileged
    mesh = started(env, WARM)
    wait_until(lambda: copied(env, WARM), 20, "the online copy")
    mesh.stop()
    before = orders_at(env)
    damage(env.store)
    bytes_found = env.store.read_bytes()
    since = mesh.mark()
    mesh.start(wrapper=env.wrapper)
    restored = mesh.wait_for("store_restored", since=since, level="ERROR")
    assert re.fullmatch(rf"{re.escape(str(env.store))}\.corrupt-\d{{8}}T\d{{6}}Z", restored["set_aside"])
    assert open(restored["set_aside"], "rb").read() == bytes_found
    assert restored["copy"] == f"{env.store}.last"
    for name in WARM:
        with env.tls(name) as client:
            assert client.names == {name}
    assert all(certificate["state"] == "valid" for certificate in mesh.json("plan")["certificates"])
    assert orders_at(env) == before
    assert not mesh.events("account_ready", since=since)
    assert mesh.command("store", "check").stdout.endswith("looked at\n")


def damage_certificate(path, name):
    """Changes one byte in the middle of a leaf, where it lies in the database file."""
    database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    chain, = database.execute(
        "SELECT chain FROM version_material JOIN certificate ON version_id = current_version WHERE names = ?",
        (name,)).fetchone()
    database.close()
    content = path.read_bytes()
    lines = [line.encode() for line in chain.split("-----END")[0].splitlines()[3:]]
    # Lines of a leaf are in the file once, and whole unless they cross from one page to the next.
    line = next(line for line in lines if len(line) > 30 and content.count(line) == 1)
    place = content.index(line) + len(line) // 2
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(bytes([content[place] ^ 1]))


def test_F87_one_damaged_row(unprivileged):
    """A cold name whose row is damaged comes from the copy; one the copy does not have either is ordered
    again; nobody else notices."""
    env = unprivileged
    names = [*WARM, "cold.example", "lost.example"]
    mesh = started(env, names)
    wait_until(lambda: copied(env, names), 20, "the online copy")
    mesh.stop()
    before = orders_at(env)
    for name in names[2:]:
        damage_certificate(env.store, name)
    damage_certificate(env.store.with_name("mesh.db.last"), "lost.example")
    since = mesh.mark()
    mesh.start(wrapper=env.wrapper)
    trusted = env.trust()
    with Hammer(env.at(), WARM, trusted) as hammer:
        with env.tls("cold.example", trusted) as client:
            assert client.names == {"cold.example"}
        unreadable = mesh.wait_for("certificate_unreadable", since=since, certificate="cold.example")
        assert "copy" in unreadable.text
        assert orders_at(env) == before, "what the copy has is not ordered"
        with pytest.raises(HandshakeRefused):  # for a moment there is none
            env.tls("lost.example", trusted).close()
        mesh.wait_for("certificate_lost", since=since)
        mesh.wait_for("cert_live", since=since, seconds=60)
        wait_until(lambda: hammer.handshakes > 100 or hammer.failures, 20, "handshakes meanwhile")
        assert not hammer.failures, hammer.failures[:5]
    # Only now: a worker that is busy with others may take the certificate a moment after the line.
    with env.tls("lost.example", trusted) as client:
        assert client.names == {"lost.example"}
    assert orders_at(env) == before + 1
    checked = mesh.json("store", "check", expect=1)
    assert {finding["names"][0] for finding in checked["findings"]} == {"cold.example", "lost.example"}


def run_as_mesh(env, mesh, *arguments):
    return subprocess.run([*env.wrapper, mesh_binary(), *arguments, "--config", str(mesh.config_file)],
                          capture_output=True, text=True, timeout=scaled(30), cwd=env.state)


def test_store_commands_beside_a_running_mesh_and_without(unprivileged):
    env = unprivileged
    mesh = started(env, WARM)
    for running in (True, False):
        if not running:
            mesh.stop()
        check = run_as_mesh(env, mesh, "store", "check", "--json")
        assert check.returncode == 0, check.stdout + check.stderr
        document = json.loads(check.stdout)
        assert document["sound"] and document["certificate_versions"] == 2 and document["findings"] == []
        target = env.state / f"backup-{running}.db"
        assert run_as_mesh(env, mesh, "store", "backup", str(target)).returncode == 0
        assert target.stat().st_mode & 0o777 == 0o600
        before = target.read_bytes()
        again = run_as_mesh(env, mesh, "store", "backup", str(target))
        assert again.returncode == 2 and "exists already" in again.stderr
        assert target.read_bytes() == before
        itself = run_as_mesh(env, mesh, "store", "backup", str(env.store))
        assert itself.returncode == 2 and "belongs to the store itself" in itself.stderr
        assert run_as_mesh(env, mesh, "store", "backup", "/proc/nowhere/mesh.db").returncode == 4
    # The backup is a store: put in place of the one it was made of, it serves.
    (env.state / "backup-True.db").replace(env.store)
    since = mesh.mark()
    mesh.start(wrapper=env.wrapper)
    for name in WARM:
        with env.tls(name) as client:
            assert client.names == {name}
    assert not mesh.events("order_started", since=since)
