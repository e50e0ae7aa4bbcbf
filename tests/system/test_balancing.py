# ctest: timeout=120 sanitize
"""Which server a connection goes to: shares by weight, the least loaded, and past servers that are away."""

import signal
import time
from collections import Counter

from mesh_env import wait_until

# The first look decides alone, and is not to fail for a server that gets no processor for a while.
PATIENT = {"interval": "100ms", "timeout": "30s"}


def site(env, servers: dict[str, int], strategy: str = "wrr", away: tuple = ()):
    """One plain router to these servers with their weights; those that are `away` are not started."""
    for name in servers:
        if name not in away:
            env.backend(name)
    config = {
        "entryPoints": {"plain": {"address": env.endpoint("plain")}},
        "tcp": {
            "routers": {"all": {"rule": "HostSNI(`*`)", "service": "app"}},
            "services": {"app": {"loadBalancer": {
                "strategy": strategy,
                "servers": [{"address": env.endpoint(f"backend-{name}"), "weight": weight}
                            for name, weight in servers.items()],
            }}},
        },
        "workers": 2,
    }
    return env.mesh(config), config


def shares(env, count: int) -> Counter:
    """Who answered so many connections, one after another."""
    answers = Counter()
    for _ in range(count):
        with env.tcp("plain") as client:
            answers[client.receive_line()] += 1
    return answers


def test_shares_are_exact_and_change_with_a_reload(env):
    mesh, config = site(env, {"big": 30, "small": 10, "drained": 0})
    assert shares(env, 40) == {"big": 30, "small": 10}

    big, small, drained = config["tcp"]["services"]["app"]["loadBalancer"]["servers"]
    big["weight"], drained["weight"] = 0, 10
    mesh.write_config(config)
    mesh.signal(signal.SIGHUP)
    mesh.wait_for("reload_applied")
    assert shares(env, 10) == {"small": 5, "drained": 5}


def test_the_least_loaded_server_is_next_also_after_a_reload(env):
    mesh, config = site(env, {"big": 2, "small": 1}, "leastConn")
    clients = [env.tcp("plain") for _ in range(9)]
    assert Counter(client.receive_line() for client in clients) == {"big": 6, "small": 3}

    # What is open still counts where the weights are others.
    for server in config["tcp"]["services"]["app"]["loadBalancer"]["servers"]:
        server["weight"] = 1
    mesh.write_config(config)
    mesh.signal(signal.SIGHUP)
    mesh.wait_for("reload_applied")
    clients += (more := [env.tcp("plain") for _ in range(3)])
    assert Counter(client.receive_line() for client in more) == {"small": 3}
    for client in clients:
        client.close()


def test_services_have_their_shares_and_hand_on_what_they_cannot_serve(env):
    for name in ("blue", "green"):
        env.backend(name)
    server = {name: {"address": env.endpoint(f"backend-{name}")} for name in ("blue", "green", "away")}
    config = {
        "entryPoints": {"plain": {"address": env.endpoint("plain")}},
        "tcp": {
            "routers": {"all": {"rule": "HostSNI(`*`)", "service": "app"}},
            "services": {
                "app": {"weighted": {"services": [{"name": "blue", "weight": 3}, {"name": "green"}]}},
                "blue": {"loadBalancer": {"servers": [server["blue"]]}},
                "green": {"loadBalancer": {"servers": [server["green"]]}},
            },
        },
        "workers": 2,
    }
    mesh = env.mesh(config)
    assert shares(env, 40) == {"blue": 30, "green": 10}

    # A part whose servers are away: the others have its share.
    services = config["tcp"]["services"]
    services["blue"]["loadBalancer"]["servers"] = [server["away"]]
    mesh.write_config(config)
    mesh.signal(signal.SIGHUP)
    mesh.wait_for("reload_applied")
    assert shares(env, 10) == {"green": 10}
    mesh.wait_for("backend_ejected", service="blue")

    # And drained.
    services["blue"]["loadBalancer"]["servers"] = [server["blue"]]
    services["app"]["weighted"]["services"][1]["weight"] = 0
    mesh.write_config(config)
    mesh.signal(signal.SIGHUP)
    wait_until(lambda: shares(env, 4) == {"blue": 4}, 10, "the drained part gets nothing")


def test_servers_that_are_not_well_get_nothing_until_they_are(env):
    """The servers answer all the while; what they are asked is whether they are the primary."""
    for name in ("one", "two"):
        env.backend(name)
    service = {
        "servers": [{"address": env.endpoint(f"backend-{name}")} for name in ("one", "two")],
        "healthCheck": {**PATIENT, "expect": "one"},
    }
    config = {
        "entryPoints": {"plain": {"address": env.endpoint("plain")}},
        "tcp": {
            "routers": {"all": {"rule": "HostSNI(`*`)", "service": "app"}},
            "services": {"app": {"loadBalancer": service}},
        },
    }
    mesh = env.mesh(config)
    mesh.wait_for("backend_down", server=env.endpoint("backend-two"), reason="it answered something else")
    assert shares(env, 6) == {"one": 6}
    # The line is written before the reason is.
    wait_until(lambda: mesh.json("status")["servers"]["list"][0]["reason"], 10, "the reason")
    servers = mesh.json("status")["servers"]
    assert (servers["count"], servers["out"], servers["down"]) == (2, 0, 1)
    down, up = servers["list"]
    assert down["server"] == env.endpoint("backend-two") and down["state"] == "down" and down["since"]
    assert down["reason"] == "it answered something else"
    assert up["server"] == env.endpoint("backend-one") and up["state"] == "in" and up["reason"] is None
    assert f"app {down['server']}: down since" in mesh.command("status").stdout

    # Both, then neither: clients are closed, and it is said.
    service["healthCheck"]["expect"] = ""
    mesh.write_config(config)
    mesh.signal(signal.SIGHUP)
    mesh.wait_for("backend_up", server=env.endpoint("backend-two"))
    mesh.wait_for("reload_applied")  # its turns begin in every worker before that
    assert shares(env, 6) == {"one": 3, "two": 3}
    service["healthCheck"]["expect"] = "three"
    mesh.write_config(config)
    mesh.signal(signal.SIGHUP)
    mesh.wait_for("service_down", service="app")
    with env.tcp("plain") as client:
        assert client.receive_to_end() == b"" and client.end == "reset"

    # Without checks they are servers like any other, soon after the reload.
    def both_serve() -> bool:
        with env.tcp("plain") as client, env.tcp("plain") as other:
            return {client.receive(), other.receive()} == {b"one\n", b"two\n"}

    del service["healthCheck"]
    mesh.write_config(config)
    mesh.signal(signal.SIGHUP)
    mesh.wait_for("reload_applied", count=3)
    wait_until(both_serve, 10, "both are up without checks")


def test_a_service_without_a_router_for_a_while_finds_its_servers_as_they_were(env):
    """One server is down by its check, and one has connections left from before."""
    for name in ("one", "two", "onetoo"):
        env.backend(name)
    servers = [{"address": env.endpoint(f"backend-{name}")} for name in ("one", "two", "onetoo")]
    router = {"rule": "HostSNI(`*`)", "service": "app"}
    config = {
        "entryPoints": {"plain": {"address": env.endpoint("plain")}},
        "tcp": {
            "routers": {"all": router},
            "services": {
                "app": {"loadBalancer": {"strategy": "leastConn", "servers": servers,
                                         "healthCheck": {**PATIENT, "expect": "one"}}},
                "other": {"loadBalancer": {"servers": servers[1:2]}},
            },
        },
    }
    mesh = env.mesh(config)
    mesh.wait_for("backend_down", server=env.endpoint("backend-two"))
    held = [env.tcp("plain") for _ in range(6)]
    answers = [client.receive_line() for client in held]
    assert Counter(answers) == {"one": 3, "onetoo": 3}
    of_one = [client for client, answer in zip(held, answers) if answer == "one"]
    for reload, service in enumerate(("other", "app"), start=1):
        router["service"] = service
        mesh.write_config(config)
        mesh.signal(signal.SIGHUP)
        mesh.wait_for("reload_applied", count=reload)
    # Those of one server end: the next ones are all its own.
    for client in of_one:
        client.close()
    wait_until(lambda: mesh.json("status")["connections"]["open"] == 3, 10, "its connections have ended")
    more = [env.tcp("plain") for _ in range(3)]
    assert Counter(client.receive_line() for client in more) == {"one": 3}
    for client in held + more:
        client.close()
    mesh.stop()
    assert len(mesh.events("backend_down", server=env.endpoint("backend-two"))) == 1
    assert not mesh.events("backend_up")


def test_a_server_whose_name_has_no_address_is_passed_over(env):
    env.backend("here")
    config = {
        "entryPoints": {"plain": {"address": env.endpoint("plain")}},
        "tcp": {
            "routers": {"all": {"rule": "HostSNI(`*`)", "service": "app"}},
            "services": {"app": {"loadBalancer": {"servers": [
                {"address": "nowhere.invalid:5432"}, {"address": env.endpoint("backend-here")}]}}},
        },
    }
    mesh = env.mesh(config)
    assert shares(env, 8) == {"here": 8}
    mesh.wait_for("backend_unresolved", server="nowhere.invalid:5432")
    assert mesh.json("status")["connections"]["dials_failed"] == 0
    mesh.stop()
    assert not mesh.events("backend_down") and not mesh.events("backend_ejected")


def test_a_server_that_is_away_is_left_out_and_comes_back(env):
    mesh, _ = site(env, {"here": 1, "away": 1}, away=("away",))
    begun = time.monotonic()

    def dials_failed() -> int:
        """Three, and one more each time the server has been left out for 10 s."""
        failed = mesh.json("status")["connections"]["dials_failed"]
        assert 3 <= failed <= 3 + (time.monotonic() - begun) // 10
        return failed

    assert shares(env, 10) == {"here": 10}
    mesh.wait_for("backend_ejected", server=env.endpoint("backend-away"))
    away = mesh.json("status")["servers"]["list"][0]
    assert (away["server"], away["state"]) == (env.endpoint("backend-away"), "out")
    assert away["reason"] == "Connection refused" and away["since"]
    dials_failed()
    assert shares(env, 10) == {"here": 10}
    dials_failed()

    env.backend("away")
    wait_until(lambda: shares(env, 2).get("away"), 20, "the server that is back gets connections")
    mesh.wait_for("backend_up", server=env.endpoint("backend-away"))
    assert shares(env, 10) == {"here": 5, "away": 5}
