# ctest: timeout=240
"""Tags of services in a real Consul become routers, services and certificates."""

import json
import re
import socket
import ssl
import statistics
import threading
import time
from pathlib import Path

import pytest
from mesh_env import HandshakeRefused, client_hello, echo, refusal, scaled, wait_until
from mesh_env.consul_agent import MASTER_TOKEN

TAGS = Path(__file__).parents[1] / "unit" / "config" / "specification" / "tags.json"
NAMES = {"example.com", "www.example.com", "api.example.com"}


def specified_tags(*without: str) -> list[str]:
    """The specification's, as a registration would have them."""
    tags = re.findall(r'"(Mesh\.[^"]+)"', TAGS.read_text())
    assert len(tags) == 8
    return [tag for tag in tags if not any(part in tag for part in without)]


def tags_for(name: str, service: str = "app", *more: str) -> list[str]:
    prefix = f"mesh.tcp.routers.{service}"
    return [f"{prefix}.rule=HostSNI(`{name}`)", f"{prefix}.tls.certResolver=le", *more]


def configuration(env, resolver: str = "le", token: str = "", **consul) -> dict:
    """All that tags do not say stands in the file: entry point, resolver, options."""
    endpoint = {"address": env.endpoint("consul"), **({"token": token} if token else {})}
    return {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "certificatesResolvers": {resolver: env.resolver()},
        "tls": {"options": {"my-tls-options": {"minVersion": "VersionTLS13"}}},
        "providers": {"consulCatalog": {"endpoint": endpoint, **consul}},
        "log": {"level": "DEBUG"},
    }


def registered(env, name: str, tags: list[str], service: str = "app", handler=None) -> str:
    """A backend that says `name`, and its registration as an instance of `service`."""
    env.backend(name, **({"handler": handler} if handler else {}))
    return env.consul().register(service, env.port(f"backend-{name}"), tags, id=name, address=env.loopback.address)


def greeting(env, name: str) -> str:
    with env.tls(name) as client:
        return client.receive_line()


def greetings(env, name: str, count: int) -> set[str]:
    return {greeting(env, name) for _ in range(count)}


def is_refused(env, name: str) -> bool:
    try:
        with env.tls(name):
            return False
    except (HandshakeRefused, OSError):
        return True


def is_closed(env, name: str) -> bool:
    """Whether the connection ends after a handshake with the certificate of this name, without a word."""
    with env.tls(name) as client:
        return client.receive() == b""


# --- what tags say ---


def test_the_tags_of_the_specification_are_routed_with_a_live_certificate(env):
    consul = env.consul()
    mesh = env.mesh(configuration(env, "myresolver"))
    mesh.wait_for("provider_up", provider="consulcatalog")

    registered(env, "web-1", specified_tags("passthrough"), "web")
    mesh.wait_for("cert_live", seconds=60)
    assert greeting(env, "example.com") == "web-1"
    [certificate] = mesh.json("certs", "list")["certificates"]
    assert set(certificate["names"]) == NAMES and certificate["state"] == "valid"
    assert certificate["routers"] == ["my-tls-router@consulcatalog"]
    with pytest.raises(HandshakeRefused):  # my-tls-options of the file
        env.tls("example.com", env.trust(maximum=ssl.TLSVersion.TLSv1_2))

    consul.deregister("web-1")
    wait_until(lambda: is_refused(env, "example.com"), 30, "the router of a deregistered service is gone")
    consul.register("web", env.port("backend-web-1"), specified_tags("passthrough"), address=env.loopback.address)
    wait_until(lambda: not is_refused(env, "example.com"), 30, "it is back, with the certificate it had")
    assert greeting(env, "example.com") == "web-1"


def test_the_tags_of_the_specification_pass_tls_through_as_they_stand(env):
    registered(env, "web-1", specified_tags(), "web", echo)
    mesh = env.mesh(configuration(env, "myresolver"))
    mesh.wait_for("cert_live", seconds=60)
    hello = client_hello("example.com")
    with socket.create_connection(env.at(), timeout=scaled(10)) as client:
        client.sendall(hello)
        echoed = b""
        while len(echoed) < len(hello):
            piece = client.recv(65536)
            assert piece, "the connection ended before the service had sent everything back"
            echoed += piece
    assert echoed == hello


def test_options_decide_which_services_are_taken(env):
    for name, more in (("silent", ()), ("wanted", ("MESH.Enable=true", "live")),
                       ("elsewhere", ("mesh.enable=true", "test"))):
        registered(env, name, tags_for(f"{name}.example", name, *more), name)
    mesh = env.mesh(configuration(env, exposedByDefault=False, constraints="Tag(`live`)"))
    mesh.wait_for("cert_live", seconds=60)
    assert greeting(env, "wanted.example") == "wanted"
    for name in ("silent.example", "elsewhere.example"):
        assert refusal(env.at(), name, env.trust()) == "unrecognized_name"
    assert len(mesh.json("certs", "list")["certificates"]) == 1


# --- health ---


class Caller:
    """Connects without a pause and keeps who answered when."""

    def __init__(self, env, name: str):
        self._answers: list[tuple[float, str]] = []
        self._failures: list[str] = []
        self._end = threading.Event()
        self._authority = env.trust()
        self._thread = threading.Thread(target=self._call, args=(env, name), daemon=True)

    def _call(self, env, name: str) -> None:
        while not self._end.is_set():
            begun = time.monotonic()
            try:
                with env.tls(name, self._authority) as client:
                    self._answers.append((begun, client.receive_line()))
            except (HandshakeRefused, OSError) as failure:
                self._failures.append(repr(failure))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join()

    @property
    def failures(self) -> list[str]:
        return list(self._failures)

    def last(self, who: str) -> float:
        """When a connection was begun that this one answered, at last."""
        return max((when for when, name in list(self._answers) if name == who), default=0.0)


def test_a_critical_instance_is_out_of_the_pool_in_less_than_a_second(env):
    consul = env.consul()
    tags = tags_for("app.example")
    for name in ("app-1", "app-2"):
        registered(env, name, tags)
    mesh = env.mesh(configuration(env))
    mesh.wait_for("cert_live", seconds=60)
    assert greetings(env, "app.example", 4) == {"app-1", "app-2"}

    took = []
    with Caller(env, "app.example") as caller:
        for _ in range(5):
            wait_until(lambda begun=time.monotonic(): caller.last("app-1") > begun, 30, "it serves")
            consul.set_status("app-1", "critical")
            begun = time.monotonic()
            wait_until(lambda: caller.last("app-2") > max(begun, caller.last("app-1")) + scaled(1.5), 30,
                       "only the other one serves, for longer than a late connection takes")
            took.append(max(0.0, caller.last("app-1") - begun))
            consul.set_status("app-1", "passing")
    print(f"\nlast connection to an instance after it turned critical: {', '.join(f'{1000 * s:.0f}' for s in took)} ms")
    # Not each of them: a machine that stops for a while is late once, one that has to ask again and again always.
    assert statistics.median(took) < scaled(1), took
    assert caller.failures == []
    assert not mesh.events("order_failed")


def test_a_service_without_a_healthy_instance_keeps_router_and_certificate(env):
    consul = env.consul()
    registered(env, "app-1", tags_for("app.example"))
    mesh = env.mesh(configuration(env))
    mesh.wait_for("cert_live", seconds=60)
    since = mesh.mark()
    consul.set_status("app-1", "warning")
    assert greeting(env, "app.example") == "app-1"
    consul.maintenance("app-1", True)
    wait_until(lambda: is_closed(env, "app.example"), 30, "its connections are closed after the handshake")
    consul.maintenance("app-1", False)
    wait_until(lambda: not is_closed(env, "app.example"), 30, "it serves again")
    mesh.stop()  # with which every line is there
    assert not mesh.events("reload_applied", since=since), "servers alone are no other configuration"


def test_without_watch_changes_are_seen_every_refresh_interval(env):
    consul = env.consul()
    registered(env, "app-1", tags_for("app.example"))
    mesh = env.mesh(configuration(env, watch=False, refreshInterval="2s"))
    mesh.wait_for("cert_live", seconds=60)
    consul.set_status("app-1", "critical")
    wait_until(lambda: is_closed(env, "app.example"), 30, "the next look")
    before = consul.requests("v1.health.service")
    wait_until(lambda: consul.requests("v1.health.service") > before + 1, 30, "further looks")


# --- the agent ---


def test_the_agent_away_and_back(env):
    consul = env.consul()
    registered(env, "app-1", tags_for("app.example"))
    mesh = env.mesh(configuration(env))
    mesh.wait_for("cert_live", seconds=60)

    since = mesh.mark()
    consul.stop()
    mesh.wait_for("provider_down", provider="consulcatalog", since=since)
    before, begun = mesh.cpu_seconds(), time.monotonic()
    while time.monotonic() - begun < 10:
        assert greeting(env, "app.example") == "app-1"  # what ran goes on
        time.sleep(2)
    share = (mesh.cpu_seconds() - before) / (time.monotonic() - begun)
    print(f"\nCPU of mesh while Consul is away: {share:.2%}")
    assert share < 0.02
    assert len(mesh.events("provider_down", since=since)) == 1

    consul.start()
    mesh.wait_for("provider_up", since=since, seconds=30)
    assert greeting(env, "app.example") == "app-1"
    registered(env, "next", tags_for("next.example", "next"), "next")
    wait_until(lambda: not is_refused(env, "next.example"), 60, "changes are seen again")
    consul.set_status("app-1", "critical")
    wait_until(lambda: is_closed(env, "app.example"), 30, "of the services of before too")


def test_an_agent_absent_at_the_start_is_waited_for(env):
    env.consul(start=False)
    mesh = env.mesh(configuration(env))  # ready without it
    mesh.wait_for("provider_down", provider="consulcatalog")
    since = mesh.mark()
    env.consul().start()
    mesh.wait_for("provider_up", since=since, seconds=30)
    registered(env, "app-1", tags_for("app.example"))
    mesh.wait_for("cert_live", seconds=60)
    assert greeting(env, "app.example") == "app-1"


def test_the_token_is_sent_and_never_shown(env):
    consul = env.consul(access_control=True)
    registered(env, "app-1", tags_for("app.example"))
    token, accessor = consul.make_token('service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }')
    mesh = env.mesh(configuration(env, token=token))
    mesh.wait_for("cert_live", seconds=60)
    assert greeting(env, "app.example") == "app-1"

    consul.delete_token(accessor)
    consul.set_status("app-1", "warning")  # wakes who still listens
    registered(env, "more", tags_for("more.example", "more"), "more")
    down = mesh.wait_for("provider_down", seconds=30)
    assert "the token needs service:read and node:read" in down.text
    assert greeting(env, "app.example") == "app-1"

    shown = mesh.log_file.read_text() + json.dumps(mesh.json("status")) + mesh.command("plan").stdout
    assert token not in shown and MASTER_TOKEN not in shown
