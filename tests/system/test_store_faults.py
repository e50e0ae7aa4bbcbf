# ctest: timeout=180
"""The store's place breaks under a running mesh, for real: no handshake to a loaded name fails, nothing
is ordered that could not be remembered, and it goes on by itself when the fault ends. Numbers are those
of the list of faults: F82 disk full, F84 rights, F86 a lock."""

from mesh_env.certified import config_of, copied, orders_at, started
from mesh_env.hammer import Hammer
from mesh_env.store_faults import ExclusiveLock, FileSizeLimit, FullDisk
from mesh_env.waiting import wait_until

WARM = ["warm0.example", "warm1.example"]
RECOVERY = 60
"""Seconds from the end of a fault to the next certificate, at most."""


def renewal_under(env, mesh, fault, hammer):
    """Right after a certificate came; the next renewal comes due during the fault. Nothing is asked of
    the CA before it ends, and then one order is made, not two."""
    since = mesh.mark()
    before = orders_at(env)
    fault.begin()
    try:
        wait_until(lambda: fault.hold() or mesh.events("commit_waits", since=since), 40, "a commit that fails")
        assert mesh.events("store_degraded", since=since)
        done = hammer.handshakes
        wait_until(lambda: fault.hold() or hammer.handshakes > done + 50 or hammer.failures, 30, "handshakes meanwhile")
        assert orders_at(env) == before, "newOrder during the fault"
        assert not mesh.events("order_started", since=since)
    finally:
        fault.end()
    ended = mesh.mark()
    mesh.wait_for("cert_live", since=ended, seconds=RECOVERY)
    mesh.wait_for("store_recovered", since=since, seconds=10)
    assert orders_at(env) == before + 1
    assert len(mesh.events("store_degraded", since=since)) == 1, "said when it changes, not at every try"
    assert not hammer.failures, hammer.failures[:5]


def test_F82_F86_faults_while_running(unprivileged):
    """Disk full, a file size limit, another process with the lock, one after the other."""
    env = unprivileged
    mounted = env.small_disk("4m")
    mesh = started(env, WARM, brief=["brief.example"])
    faults = [FileSizeLimit(env, mesh), ExclusiveLock(env, mesh)]
    if mounted:
        faults.insert(0, FullDisk(env, mesh))
    else:
        print("a small disk cannot be mounted here: the file size limit stands for it")
    with Hammer(env.at(), WARM, env.trust()) as hammer:
        for fault in faults:
            renewal_under(env, mesh, fault, hammer)
        print(f"{hammer.handshakes} handshakes, {len(hammer.failures)} failures, {orders_at(env)} orders")


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
    mesh.wait_for("store_degraded", since=since, seconds=5)
    with Hammer(env.at(), WARM, env.trust()) as hammer:
        wait_until(lambda: hammer.handshakes > 200 or hammer.failures, 30, "handshakes while it cannot be written")
        assert orders_at(env) == before and not mesh.events("order_started", since=since)
        env.state.chmod(0o700)
        mesh.wait_for("store_recovered", since=since, seconds=RECOVERY)
        mesh.wait_for("cert_live", since=since, seconds=RECOVERY)
        assert not hammer.failures, hammer.failures[:5]
    assert len(mesh.events("store_degraded", since=since)) == 1
    with env.tls("new.example") as client:
        assert client.names == {"new.example"}
