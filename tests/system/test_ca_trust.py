# ctest: timeout=120
"""A CA that cannot be reached, or that is not who it should be, stops nothing but its own orders."""

from mesh_env import TestCa, wait_until
from mesh_env.configuration import certified_router, configuration


def test_a_ca_that_was_never_there_stops_nothing(env):
    pebble = env.pebble()
    pebble.stop()
    env.backend("app")
    config = configuration(env, {
        "secure": {**certified_router("a.example"), "entryPoints": ["websecure"]},
        "plain": {"rule": "HostSNI(`*`)", "service": "app", "entryPoints": ["plain"]}})
    config["entryPoints"]["plain"] = {"address": env.endpoint("plain")}
    mesh = env.mesh(config)
    with env.tcp("plain") as client:
        assert client.receive_line() == "app"
    mesh.wait_for("ca_down", seconds=60)
    entry = wait_until(lambda: mesh.json("plan")["certificates"], 5, "the plan")[0]
    assert entry["attempts"] == 0, "an unreachable CA is no attempt of the certificate's"
    pebble.start()
    mesh.wait_for("ca_up", seconds=60)
    mesh.wait_for("cert_live", seconds=60)
    with env.tls("a.example") as client:
        assert client.names == {"a.example"}


def test_the_ca_itself_is_always_verified(env, tmp_path):
    stranger = TestCa.create(tmp_path / "stranger", [env.loopback.address])
    env.backend("app")
    resolver = env.resolver(caCertificates=[str(stranger.ca_file)])
    mesh = env.mesh(configuration(env, {"a": certified_router("a.example")}, resolvers={"le": resolver}))
    down = mesh.wait_for("ca_down", seconds=60)
    assert "certificate" in down.text.lower(), down.text
    assert not mesh.events("order_started")
    assert env.pebble().requests(r"POST /") == 0
