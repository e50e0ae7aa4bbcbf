# ctest: timeout=240
"""The store's place breaks under a running mesh, for real: no handshake to a loaded name fails, nothing
is ordered that could not be remembered, and it goes on by itself when the fault ends. Numbers are those
of the list of faults: F82 disk full, F83 at the commit of a certificate, F86 a lock."""

from mesh_env import HandshakeRefused
from mesh_env.certified import config_of, orders_at, requests_at, started
from mesh_env.hammer import Hammer
from mesh_env.store_faults import ExclusiveLock, FileSizeLimit, FullDisk
from mesh_env.waiting import wait_until

WARM = ["warm0.example", "warm1.example"]
RECOVERY = 60
"""Seconds from the end of a fault to the next certificate, at most."""


def renewal_under(env, mesh, fault, hammer):
    """The next renewal comes due during the fault. Nothing is asked of the CA that could not be written
    down before, nor anything at all until the fault ends; then one order is made, not two."""
    since = mesh.mark()
    fault.begin()
    try:
        wait_until(lambda: fault.hold() or mesh.events("commit_waits", since=since), 40, "a commit that fails")
        assert mesh.events("store_degraded", since=since)
        orders, failing = orders_at(env), mesh.mark()
        assert orders <= len(mesh.events("order_started")), "newOrder of an order whose row is not on disk"
        done = hammer.handshakes
        wait_until(lambda: fault.hold() or hammer.handshakes > done + 50 or hammer.failures, 30, "handshakes meanwhile")
        assert orders_at(env) == orders, "newOrder during the fault"
        assert not mesh.events("order_started", since=failing)
    finally:
        fault.end()
    mesh.wait_for("cert_live", since=failing, seconds=RECOVERY)
    mesh.wait_for("store_recovered", since=failing, seconds=10)
    assert orders_at(env) <= orders + 1
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


def test_F83_disk_full_when_the_certificate_is_there(unprivileged):
    """The certificate was issued and cannot be stored: it is served from memory, stored when that is
    possible again, and not ordered twice."""
    env = unprivileged
    mesh = started(env, WARM)
    mesh.stop()
    mesh.write_config(config_of(env, [*WARM, "late.example"]))
    before, downloads = orders_at(env), requests_at(env, "/certZ/")
    since = mesh.mark()
    mesh.start(wrapper=env.wrapper, env={"MESH_TEST_STORE_COMMIT_DELAY_MS": "4000"})
    mesh.wait_for("test_hook", since=since)  # or there is no moment to catch
    fault = FileSizeLimit(env, mesh)
    trusted = env.trust()
    with Hammer(env.at(), WARM, trusted) as hammer:
        wait_until(lambda: requests_at(env, "/certZ/") > downloads, 120, "the download")
        fault.begin()  # the commit that follows is held for 4 s, longer than this process may be kept waiting
        try:
            mesh.wait_for("store_degraded", since=since, seconds=30)
            assert not mesh.events("cert_live", since=since), "the fault came too late"

            def served():
                try:
                    with env.tls("late.example", trusted) as client:
                        return client.names == {"late.example"}
                except HandshakeRefused:
                    return False  # the line of the commit comes a moment before

            wait_until(lambda: mesh.events("commit_waits", since=since), 15, "the commit that failed")
            wait_until(served, 15, "the certificate served from memory")
            assert not mesh.events("cert_live", since=since)
        finally:
            fault.end()
        mesh.wait_for("cert_live", since=since, seconds=RECOVERY)
        assert served()
        assert orders_at(env) == before + 1 and requests_at(env, "/certZ/") == downloads + 1
        assert not hammer.failures, hammer.failures[:5]
    assert mesh.json("store", "check")["certificate_versions"] == len(WARM) + 1
