# ctest: timeout=300
"""Labels of containers in a real dockerd, and in Podman, become routers, services and certificates."""

import socket
import ssl
import time
from pathlib import Path

import pytest
from mesh_env import HandshakeRefused, client_hello, refusal, scaled, wait_until
from mesh_env.docker_daemon import DockerDaemon, PodmanService, free_port

LABELS = Path(__file__).parents[1] / "unit" / "config" / "specification" / "labels.yaml"
NAMES = {"example.com", "www.example.com", "api.example.com"}


@pytest.fixture
def docker(tmp_path):
    with DockerDaemon(tmp_path) as daemon:
        yield daemon


@pytest.fixture
def podman(tmp_path):
    with PodmanService(tmp_path) as service:
        yield service


def specified_labels(port: int, **instead: str) -> dict[str, str]:
    """The specification's, completed with the service they name. `instead`: "" leaves one out."""
    labels = {}
    for line in LABELS.read_text().splitlines():
        if line.strip().startswith("- "):
            key, _, value = line.strip()[2:].strip('"').partition("=")
            if instead.get(key.rpartition(".")[2]) != "":
                labels[key] = value
    assert labels
    return {**labels, "Mesh.tcp.services.my-tcp-service.loadbalancer.server.port": str(port)}


def labels_for(name: str, port: int, service: str = "app", **router: str) -> dict[str, str]:
    prefix = f"mesh.tcp.routers.{service}"
    return {f"{prefix}.rule": f"HostSNI(`{name}`)", f"{prefix}.tls.certResolver": "le",
            f"mesh.tcp.services.{service}.loadbalancer.server.port": str(port),
            **{f"{prefix}.{option}": value for option, value in router.items()}}


def configuration(env, engine, resolver: str = "le", **docker) -> dict:
    """All that containers do not say stands in the file: entry point, resolver, options."""
    return {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "certificatesResolvers": {resolver: env.resolver()},
        "tls": {"options": {"my-tls-options": {"minVersion": "VersionTLS13"}}},
        "providers": {"docker": {"endpoint": engine.endpoint, **docker}},
    }


def greetings(env, name: str, count: int) -> list[str]:
    """What `count` connections one after the other are told."""
    said = []
    for _ in range(count):
        with env.tls(name) as client:
            said.append(client.receive_line())
    return said


def is_refused(env, name: str) -> bool:
    try:
        with env.tls(name):
            return False
    except (HandshakeRefused, OSError):
        return True


# --- what containers say ---


def test_the_labels_of_the_specification_are_routed_with_a_live_certificate(env, docker):
    port = free_port()
    mesh = env.mesh(configuration(env, docker, "myresolver"))
    mesh.wait_for("provider_up", provider="docker")

    container = docker.run("web", specified_labels(port, passthrough=""), port=port)
    mesh.wait_for("cert_live", seconds=60)

    with env.tls("example.com") as client:
        assert client.receive_line() == "web"
        assert client.version == "TLSv1.3"
    [certificate] = mesh.json("certs", "list")["certificates"]
    assert set(certificate["names"]) == NAMES and certificate["state"] == "valid"
    assert [name.partition("@")[0] for name in certificate["routers"]] == ["my-tls-router"]
    with pytest.raises(HandshakeRefused, match="protocol_version"):  # my-tls-options of the file
        env.tls("example.com", env.trust(maximum=ssl.TLSVersion.TLSv1_2))

    container.stop()
    wait_until(lambda: is_refused(env, "example.com"), 30, "the router of a stopped container is gone")
    container.start()
    wait_until(lambda: not is_refused(env, "example.com"), 30, "it is back, with the certificate it had")


def test_the_labels_of_the_specification_pass_tls_through_as_they_stand(env, docker):
    port = free_port()
    docker.run("web", specified_labels(port), port=port, echo=True)
    mesh = env.mesh(configuration(env, docker, "myresolver"))
    mesh.wait_for("cert_live", seconds=60)

    hello = client_hello("example.com")
    with socket.create_connection(env.at(), timeout=scaled(10)) as client:
        client.sendall(hello)
        echoed = b""
        while len(echoed) < len(hello):
            piece = client.recv(65536)
            assert piece, "the connection ended before the container had sent everything back"
            echoed += piece
    assert echoed == hello


def test_containers_that_say_the_same_are_servers_of_one_service(env, docker):
    first = free_port()
    labels = labels_for("app.example", first)
    # The port is the container's own; only what differs in no label can be one service.
    del labels["mesh.tcp.services.app.loadbalancer.server.port"]
    labels["mesh.tcp.routers.app.service"] = "app"
    one = docker.run("app-1", labels, port=first)
    mesh = env.mesh(configuration(env, docker))
    mesh.wait_for("cert_live", seconds=60)
    assert greetings(env, "app.example", 2) == ["app-1", "app-1"]

    docker.run("app-2", labels)
    wait_until(lambda: set(greetings(env, "app.example", 4)) == {"app-1", "app-2"}, 30, "both serve")

    one.stop()
    wait_until(lambda: set(greetings(env, "app.example", 4)) == {"app-2"}, 30, "only the second serves")
    assert not mesh.events("order_failed")


def test_an_unhealthy_container_does_not_serve(env, docker):
    port = free_port()
    web = docker.run("web", labels_for("app.example", port), port=port, health="test ! -e /tmp/sick")
    mesh = env.mesh(configuration(env, docker))
    mesh.wait_for("cert_live", seconds=60)
    assert greetings(env, "app.example", 1) == ["web"]

    web.execute("touch", "/tmp/sick")
    wait_until(lambda: web.health() == "unhealthy", 30, "Docker finds the container unhealthy")
    wait_until(lambda: is_refused(env, "app.example"), 30, "its router is gone")

    web.execute("rm", "/tmp/sick")
    wait_until(lambda: not is_refused(env, "app.example"), 30, "its router is back")


def test_an_unhealthy_container_keeps_its_router_where_empty_services_are_allowed(env, docker):
    port = free_port()
    web = docker.run("web", labels_for("app.example", port), port=port, health="test ! -e /tmp/sick")
    mesh = env.mesh(configuration(env, docker, allowEmptyServices=True))
    mesh.wait_for("cert_live", seconds=60)

    web.execute("touch", "/tmp/sick")

    def is_closed_after_handshake() -> bool:
        with env.tls("app.example") as client:  # the router and its certificate are there
            return client.receive() == b""

    wait_until(is_closed_after_handshake, 30, "a service without servers closes the connection")


def test_two_containers_in_conflict_are_named_and_what_ran_before_stays(env, docker):
    port = free_port()
    docker.run("first", labels_for("app.example", port), port=port)
    mesh = env.mesh(configuration(env, docker))
    mesh.wait_for("cert_live", seconds=60)

    since = mesh.mark()
    other = free_port()
    second = docker.run("second", labels_for("other.example", other), port=other)

    def both_are_named() -> bool:
        return any("container first" in line.text and "container second" in line.text
                   for line in mesh.lines[since:])

    wait_until(both_are_named, 30, "an error that names both containers")
    assert greetings(env, "app.example", 1) == ["first"]
    assert is_refused(env, "other.example")

    second.remove()
    wait_until(lambda: greetings(env, "app.example", 1) == ["first"], 30, "the first goes on")


def test_options_decide_which_containers_are_taken(env, docker):
    ports = {name: free_port() for name in ("silent", "wanted", "elsewhere")}
    for name, more in (("silent", {}), ("wanted", {"mesh.enable": "true", "stage": "live"}),
                       ("elsewhere", {"mesh.enable": "true", "stage": "test"})):
        docker.run(name, {**labels_for(f"{name}.example", ports[name], name), **more}, port=ports[name])
    mesh = env.mesh(configuration(env, docker, exposedByDefault=False, constraints="Label(`stage`, `live`)"))
    mesh.wait_for("cert_live", seconds=60)

    assert greetings(env, "wanted.example", 1) == ["wanted"]
    for name in ("silent.example", "elsewhere.example"):
        assert refusal(env.at(), name, env.trust()) == "unrecognized_name"
    assert len(mesh.json("certs", "list")["certificates"]) == 1


# --- the daemon ---


def test_dockerd_away_and_back(env, docker):
    port = free_port()
    docker.run("web", labels_for("app.example", port), port=port)
    mesh = env.mesh(configuration(env, docker))
    mesh.wait_for("cert_live", seconds=60)

    docker.stop()
    mesh.wait_for("provider_down", provider="docker")
    before, begun = mesh.cpu_seconds(), time.monotonic()
    while time.monotonic() - begun < 10:
        assert greetings(env, "app.example", 1) == ["web"]  # what ran goes on
        time.sleep(2)
    share = (mesh.cpu_seconds() - before) / (time.monotonic() - begun)
    print(f"CPU of mesh while dockerd is away: {share:.2%}")
    assert share < 0.02
    assert len(mesh.events("provider_down")) == 1

    since = mesh.mark()
    docker.start()
    mesh.wait_for("provider_up", since=since, seconds=30)
    assert greetings(env, "app.example", 1) == ["web"]
    next_port = free_port()
    docker.run("next", labels_for("next.example", next_port, "next"), port=next_port)
    wait_until(lambda: not is_refused(env, "next.example"), 60, "events are heard again")


def test_dockerd_that_crashed_is_found_again(env, docker):
    port = free_port()
    web = docker.run("web", labels_for("app.example", port), port=port)
    mesh = env.mesh(configuration(env, docker))
    mesh.wait_for("cert_live", seconds=60)

    docker.kill()
    mesh.wait_for("provider_down", provider="docker")
    assert greetings(env, "app.example", 1) == ["web"]
    since = mesh.mark()
    docker.start()
    mesh.wait_for("provider_up", since=since, seconds=30)
    web.stop()
    wait_until(lambda: is_refused(env, "app.example"), 30, "the router of a stopped container is gone")


def test_dockerd_absent_at_the_start_is_waited_for(env, docker):
    docker.stop()
    mesh = env.mesh(configuration(env, docker))  # ready without it
    mesh.wait_for("provider_down", provider="docker")

    since = mesh.mark()
    docker.start()
    mesh.wait_for("provider_up", since=since, seconds=30)
    port = free_port()
    docker.run("web", labels_for("app.example", port), port=port)
    mesh.wait_for("cert_live", seconds=60)
    assert greetings(env, "app.example", 1) == ["web"]


def test_podman_speaks_the_same(env, podman):
    port = free_port()
    mesh = env.mesh(configuration(env, podman))
    mesh.wait_for("provider_up", provider="docker")

    web = podman.run("web", labels_for("app.example", port), port=port)
    mesh.wait_for("cert_live", seconds=60)
    assert greetings(env, "app.example", 1) == ["web"]

    web.stop()
    wait_until(lambda: is_refused(env, "app.example"), 30, "the router of a stopped container is gone")
