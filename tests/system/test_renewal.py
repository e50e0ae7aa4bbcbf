# ctest: timeout=260 sanitize
"""Certificates that live a minute, renewed under clients that never stop connecting."""

import time

from mesh_env import TlsClient
from mesh_env.configuration import certified_router, configuration
from mesh_env.hammer import Hammer
from mesh_env.waiting import SLOWNESS, wait_until


def resume(env, authority, name, session) -> TlsClient:
    return env.tls(name, authority, session=session)


def test_renewal_under_load(env):
    env.pebble(profiles={"short": 60}, nonce_reject_percent=15)
    env.backend("app")
    env.backend("strict")
    config = configuration(
        env,
        {"shop": certified_router("shop.example", "www.shop.example"),
         "strict": certified_router("strict.example", service="strict", options="strict")},
        resolvers={"le": env.resolver(profile="short")},
        services={"app": {"loadBalancer": {"servers": [{"address": env.endpoint("backend-app")}]}},
                  "strict": {"loadBalancer": {"servers": [{"address": env.endpoint("backend-strict")}]}}},
        tls={"options": {"strict": {"minVersion": "VersionTLS13", "alpnProtocols": ["strict"]}}})
    mesh = env.mesh(config)
    mesh.wait_for("cert_live", count=2, seconds=40)
    authority = env.trust()

    # A connection from before every swap, and a ticket from before the first.
    long_lived = env.tls("shop.example", authority)
    assert long_lived.receive_line() == "app"
    old_session = long_lived.session
    serials_wanted = 4 if SLOWNESS == 1 else 2

    with Hammer(env.at(), ["shop.example", "www.shop.example"], authority, threads=2) as hammer:
        wait_until(lambda: len(hammer.serials("shop.example")) >= 2 or hammer.failures, 60, "the first swap")
        with resume(env, authority, "shop.example", old_session) as client:
            assert client.receive_line() == "app"
            assert client.resumed, "a ticket from before the swap resumes after it"
        with resume(env, authority, "strict.example", old_session) as client:
            assert client.receive_line() == "strict"
            assert not client.resumed, "a ticket of another policy never does"
        wait_until(lambda: len(hammer.serials("shop.example")) >= serials_wanted or hammer.failures,
                   160, f"{serials_wanted} serials", interval=0.2)
        if SLOWNESS == 1:
            wait_until(lambda: hammer.handshakes >= 5000 or hammer.failures, 60, "5,000 handshakes", interval=0.2)
        hammer.stop()
        assert not hammer.failures, hammer.failures[:5]
        print(f"{hammer.handshakes} handshakes, {len(hammer.serials('shop.example'))} serials, 0 failures")

    long_lived.send(b"still here\n")
    assert long_lived.receive_line() == "still here"
    long_lived.close()


def test_an_expired_certificate_is_not_what_a_client_sees_after_a_long_pause(env):
    """The CA is away for longer than a certificate lives: the old one is served until then, and
    the new one comes as soon as the CA is back."""
    pebble = env.pebble(profiles={"short": 20})
    env.backend("app")
    mesh = env.mesh(configuration(env, {"shop": certified_router("shop.example")},
                                  resolvers={"le": env.resolver(profile="short")}))
    mesh.wait_for("cert_live", seconds=40)
    root = env.trust()
    pebble.stop()
    mesh.wait_for("ca_down", seconds=40)
    with env.tls("shop.example", root) as client:
        serial = client.serial
    since = mesh.mark()
    started = time.monotonic()
    pebble.start()
    mesh.wait_for("cert_live", since=since, seconds=60)
    print(f"live {time.monotonic() - started:.1f} s after the CA came back")
    with env.tls("shop.example", env.trust()) as client:
        assert client.serial != serial
