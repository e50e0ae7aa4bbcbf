# ctest: timeout=300
"""Labels of containers beside files: what happens to one must not hold up or loosen the other."""

import pytest
from mesh_env import HandshakeRefused, wait_until
from mesh_env.docker_daemon import DockerDaemon, free_port
from test_docker import configuration, greetings, is_refused, labels_for


@pytest.fixture
def docker(tmp_path):
    with DockerDaemon(tmp_path) as daemon:
        yield daemon


def with_a_router_of_the_file(env, engine) -> dict:
    config = configuration(env, engine)
    config["tcp"] = {
        "routers": {"own": {"rule": "HostSNI(`own.example`)", "service": "own", "tls": {"certResolver": "le"}}},
        "services": {"own": {"loadBalancer": {"servers": [{"address": env.endpoint("backend-own")}]}}},
    }
    return config


def servers_of(mesh, service: str) -> list[str]:
    return next((one["servers"] for one in mesh.json("status")["services"] if one["name"] == service), [])


def test_another_port_in_the_labels_reaches_connections(env, docker):
    ports = [free_port(), free_port()]
    for port in ports:
        docker.run(f"listener-{port}", {}, port=port)
    web = docker.run("web", labels_for("app.example", ports[0]))
    mesh = env.mesh(configuration(env, docker))
    mesh.wait_for("cert_live", seconds=60)
    assert greetings(env, "app.example", 1) == [f"listener-{ports[0]}"]

    def the_new_port_is_dialled() -> bool:
        try:
            return greetings(env, "app.example", 1) == [f"listener-{ports[1]}"]
        except (HandshakeRefused, OSError, AssertionError):
            return False  # between the two there is no router, or one without a server

    web.remove()
    docker.run("web", labels_for("app.example", ports[1]))
    wait_until(the_new_port_is_dialled, 30)


def test_files_get_their_certificates_while_docker_is_away(env, docker):
    docker.stop()
    env.backend("own")
    mesh = env.mesh(with_a_router_of_the_file(env, docker))
    mesh.wait_for("provider_down", provider="docker")
    mesh.wait_for("cert_live", seconds=40)
    assert greetings(env, "own.example", 1) == ["own"]
    [provider] = mesh.json("status")["providers"]
    assert provider["name"] == "docker" and not provider["reachable"] and provider["reason"]


def test_the_provider_is_taken_out_and_put_back(env, docker):
    port = free_port()
    docker.run("web", labels_for("app.example", port), port=port)
    config = configuration(env, docker)
    mesh = env.mesh(config)
    mesh.wait_for("cert_live", seconds=60)

    mesh.write_config({key: value for key, value in config.items() if key != "providers"})
    mesh.command("reload")
    wait_until(lambda: is_refused(env, "app.example"), 30, "without the provider there is no such router")
    mesh.write_config(config)
    mesh.command("reload")
    wait_until(lambda: not is_refused(env, "app.example"), 30, "it is back")
    assert greetings(env, "app.example", 1) == ["web"]
    assert len(mesh.events("cert_live")) == 1  # the stored certificate is served again


def test_an_invalid_file_does_not_hold_up_containers(env, docker):
    config = configuration(env, docker)
    mesh = env.mesh(config)
    mesh.wait_for("provider_up", provider="docker")
    mesh.write_config({**config, "tcpp": {}})
    mesh.command("reload", expect=1)

    port = free_port()
    docker.run("web", labels_for("app.example", port), port=port)
    mesh.wait_for("cert_live", seconds=60)
    assert greetings(env, "app.example", 1) == ["web"]
    status = mesh.json("status")
    assert servers_of(mesh, "app@docker") == [f"127.0.0.1:{port}"]
    assert status["configuration"]["refused_reload"]  # still told: the file is invalid


def test_a_wrong_label_closes_its_router_alone(env, docker):
    env.backend("own")
    port = free_port()
    good = labels_for("good.example", port, "good")
    docker.run("good", good, port=port)
    docker.run("bad", {**labels_for("bad.example", port, "bad"), "mesh.tcp.routers.bad.tls.optoins": "strict"})
    mesh = env.mesh(with_a_router_of_the_file(env, docker))
    refused = mesh.wait_for("object_refused", seconds=30)
    assert "container bad" in refused["reason"] and "mesh.tcp.routers.bad.tls.optoins" in refused["reason"]
    mesh.wait_for("cert_live", seconds=60, count=2)
    assert greetings(env, "good.example", 1) == ["good"]
    assert greetings(env, "own.example", 1) == ["own"]
    assert is_refused(env, "bad.example")
    [told] = mesh.json("status")["configuration"]["objects"]
    assert told["state"] == "closed"
