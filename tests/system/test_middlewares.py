# ctest: timeout=120 sanitize
"""Who is let through to a service: networks, and so many connections per client."""

from mesh_env import Authority, HandshakeRefused, refusal, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service


def site(env, middlewares: dict, used: list[str]):
    authority = SigningAuthority()
    authority.write_pair(env.directory / "tls", "shop", "shop.example")
    backend = env.backend("app")
    config = {
        "entryPoints": {"websecure": {"address": env.endpoint()}, "plain": {"address": env.endpoint("plain")}},
        "tcp": {
            "middlewares": middlewares,
            "routers": {
                "shop": {"entryPoints": ["websecure"], "rule": rule("shop.example"), "service": "app",
                         "middlewares": used, "tls": {}},
                "plain": {"entryPoints": ["plain"], "rule": "HostSNI(`*`)", "service": "app", "middlewares": used},
            },
            "services": {"app": service(env.endpoint("backend-app"))},
        },
        "tls": {"certificates": [{"certFile": "tls/shop.crt", "keyFile": "tls/shop.key"}]},
    }
    return env.mesh(config), config, Authority(authority.pem), backend


def test_only_listed_networks_get_through(env):
    mesh, _, trust, backend = site(env, {"office": {"ipAllowList": {"sourceRange": ["127.200.0.0/16", "::1"]}}},
                                   ["office@file"])
    with env.tcp("plain") as stranger:
        assert stranger.receive_to_end() == b""
    assert refusal(env.at(), "shop.example", trust) == "access_denied"
    assert backend.accepted == 0
    with env.tcp("plain", source="127.200.3.4") as known:
        assert known.receive_line() == "app"
    with env.tls("shop.example", trust, source="127.200.3.4") as known:
        assert known.receive_line() == "app"
    mesh.wait_for("client_refused", middleware="office", router="shop")


def test_so_many_connections_per_client_whatever_is_reloaded_meanwhile(env):
    mesh, config, trust, backend = site(env, {"few": {"inFlightConn": {"amount": 2}}}, ["few"])
    with env.tcp("plain") as first, env.tls("shop.example", trust) as second:
        assert first.receive_line() == second.receive_line() == "app"
        for _ in range(3):
            with env.tcp("plain") as third:
                assert third.receive_to_end() == b""
            assert refusal(env.at(), "shop.example", trust) == "access_denied"
        config["tcp"]["routers"]["more"] = {"entryPoints": ["websecure"], "rule": rule("more.example"),
                                            "service": "app", "tls": {}, "middlewares": ["few"]}
        mesh.write_config(config)
        mesh.command("reload")
        assert refusal(env.at(), "shop.example", trust) == "access_denied"
        with env.tcp("plain", source="127.200.3.4") as other:
            assert other.receive_line() == "app"

    def is_let_in() -> bool:
        try:
            with env.tls("shop.example", trust) as client:
                return client.receive_line() == "app"
        except HandshakeRefused:
            return False

    wait_until(is_let_in, 30, "the place that was given back")
    assert backend.accepted >= 4
