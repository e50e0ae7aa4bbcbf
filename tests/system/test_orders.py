# ctest: timeout=240
"""Orders against a real CA: key types, many at once, a CA that forgets, a CA that was away."""

import time

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mesh_env import wait_until
from mesh_env.configuration import certified_router, configuration
from mesh_env.waiting import scaled


def test_resolvers_have_their_own_ca_and_key_type(env):
    other = env.another_pebble("other", nonce_reject_percent=15)
    env.pebble(nonce_reject_percent=15)
    env.backend("app")
    mesh = env.mesh(configuration(
        env,
        {"curve": certified_router("curve.example", resolver="curve"),
         "modulus": certified_router("modulus.example", resolver="modulus")},
        resolvers={"curve": env.resolver(keyType="EC384"), "modulus": env.resolver(other, keyType="RSA2048")}))
    mesh.wait_for("cert_live", count=2, seconds=60)
    with env.tls("curve.example") as client:
        key = client.certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey) and key.key_size == 384
    with env.tls("modulus.example", env.trust(other)) as client:
        key = client.certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey) and key.key_size == 2048


def test_fifty_orders_that_must_wait_three_seconds_each_time(env):
    """Waiting holds no request slot: 50 orders that wait for 6 s each would take 38 s with the eight there are."""
    names = [f"n{i:02}.example" for i in range(50)]
    env.pebble(nonce_reject_percent=15, retry_after_authz=3, retry_after_order=3)
    env.backend("app")
    config = configuration(env, {f"r{i}": certified_router(name) for i, name in enumerate(names)})
    started = time.monotonic()
    mesh = env.mesh(config)
    mesh.wait_for("cert_live", count=50, seconds=60)
    took = time.monotonic() - started
    print(f"50 certificates live after {took:.1f} s")
    assert took <= scaled(30)
    authority = env.trust()
    for name in names:
        with env.tls(name, authority) as client:
            assert client.names == {name}


def test_a_ca_that_forgot_everything_in_the_middle(env):
    """Pebble restarted while orders are open: accounts, orders and nonces are gone."""
    names = [f"n{i:02}.example" for i in range(12)]
    pebble = env.pebble(nonce_reject_percent=15, retry_after_authz=2, retry_after_order=2)
    env.backend("app")
    mesh = env.mesh(configuration(env, {f"r{i}": certified_router(name) for i, name in enumerate(names)}))
    mesh.wait_for("order_started", count=12, seconds=30)
    pebble.restart()
    authority = None

    def all_served():
        nonlocal authority
        authority = env.trust()
        return len(mesh.events("cert_live")) >= len(names)

    wait_until(all_served, 90, "12 certificates live", interval=0.2)
    for name in names:
        with env.tls(name, env.trust(verify=False)) as client:
            assert client.names == {name}
    # The account key is the same one: it was registered again, not made again.
    assert mesh.json("plan")["certificates"]


def test_ca_down_at_start(env):
    """Stored certificates are served at once and before any request to the CA; what is missing
    comes when the CA is back, without a restart."""
    pebble = env.pebble()
    env.backend("app")
    mesh = env.mesh(configuration(env, {"old": certified_router("old.example")}))
    mesh.wait_for("cert_live", seconds=60)
    authority = env.trust()
    mesh.stop()
    pebble.stop()

    mesh.write_config(configuration(
        env, {"old": certified_router("old.example"), "new": certified_router("new.example")}))
    started = time.monotonic()
    since = mesh.mark()
    mesh.start()
    with env.tls("old.example", authority) as client:
        assert client.names == {"old.example"}
    took = time.monotonic() - started
    print(f"serving {took:.3f} s after start")
    assert took < scaled(10.0)  # a machine may stop for a while; what was first is seen in the log
    mesh.wait_for("ca_down", since=since, seconds=15)
    log = mesh.lines[since:]
    assert [line.event for line in log if line.event in ("ready", "ca_down")][0] == "ready"

    pebble.start()
    mesh.wait_for("cert_live", since=since, seconds=60)
    mesh.wait_for("ca_up", since=since, seconds=5)
    with env.tls("new.example", env.trust()) as client:
        assert client.names == {"new.example"}
    assert not mesh.events("order_failed", since=since), "an absent CA is no failure of a certificate"


def test_a_refused_name_backs_off_and_says_why(env):
    env.pebble(blocked_domains=("blocked.example",))
    env.backend("app")
    mesh = env.mesh(configuration(
        env, {"good": certified_router("good.example"), "bad": certified_router("blocked.example")}))
    mesh.wait_for("cert_live", seconds=60)
    failed = mesh.wait_for("order_failed", seconds=30)
    assert "blocked.example" in failed.text and "rejectedIdentifier" in failed.text
    mesh.stop()
    entry = next(c for c in mesh.json("plan")["certificates"] if c["names"] == ["blocked.example"])
    assert entry["attempts"] == 1 and "rejectedIdentifier" in entry["last_error"]["type"]
    since = mesh.mark()
    mesh.start()  # a restart keeps the back-off
    with env.tls("good.example") as client:
        assert client.names == {"good.example"}
    assert not mesh.events("order_started", since=since)
