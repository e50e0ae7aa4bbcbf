# ctest: timeout=60 sanitize
"""How `mesh run` ends tells a service manager what to do: 1 and 2 do not get better by trying again."""

import signal

import pytest

from mesh_env.mesh import run_mesh


def passthrough(env) -> dict:
    """One plain router, no CA."""
    env.backend("echo")
    return {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "tcp": {
            "routers": {"all": {"rule": "HostSNI(`*`)", "service": "backend"}},
            "services": {"backend": {"loadBalancer": {"servers": [{"address": env.endpoint("backend-echo")}]}}},
        },
    }


def ended(env, config, name="mesh") -> tuple[int, str]:
    mesh = env.mesh(config, name, start=False)
    mesh.start(ready=False)
    return mesh.wait_exit(), mesh.log_tail()


def test_0_stopped(env):
    mesh = env.mesh(passthrough(env))
    mesh.stop(expect=0)


def test_1_configuration(env):
    config = passthrough(env)
    config["tcp"]["routers"]["all"]["service"] = "nobody"
    code, said = ended(env, config)
    assert code == 1
    assert "nobody" in said and "invalid: 1 error" in said


def test_1_is_what_check_says_too_of_client_authorities(env, tmp_path):
    bad = tmp_path / "ca.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n")
    config = passthrough(env) | {"tls": {"options": {"strict": {"clientAuth": {"caFiles": [str(bad)]}}}}}
    mesh = env.mesh(config, start=False)
    assert "certificate-file" in mesh.command("check", "--json", expect=1).stdout
    mesh.start(ready=False)
    assert mesh.wait_exit() == 1


def test_2_usage():
    assert run_mesh("run", "--no-such-option").returncode == 2


def test_3_cannot_bind(env):
    config = passthrough(env)
    env.mesh(config)
    second = env.mesh(config, "second", start=False)
    second.start(ready=False)
    assert second.wait_exit() == 3
    assert env.endpoint().rpartition(":")[2] in second.log_tail()


def test_4_store(env):
    config = passthrough(env) | {"certificatesResolvers": {"own": {"acme": {
        "caServer": "https://localhost:1/dir", "tlsChallenge": {}}}}}
    mesh = env.mesh(config, start=False)
    (mesh.directory / "mesh.db").write_text('{"own": {"Account": {}}}')
    (mesh.directory / "mesh.db").chmod(0o600)
    mesh.start(ready=False)
    assert mesh.wait_exit() == 4
    assert "Traefik" in mesh.log_tail()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_128_plus_the_second_signal(env, number):
    mesh = env.mesh(passthrough(env))
    with env.tcp() as client:
        client.receive_line()  # an open connection keeps the drain from ending
        mesh.signal(signal.SIGTERM)
        mesh.wait_for("draining")
        mesh.signal(number)
        assert mesh.wait_exit() == 128 + number


def test_commands_name_the_store(env):
    config = passthrough(env) | {"certificatesResolvers": {"own": {"acme": {
        "caServer": "https://localhost:1/dir", "tlsChallenge": {}}}}}
    mesh = env.mesh(config, start=False)
    path = str(mesh.directory / "mesh.db")
    assert f"no store at {path}" in mesh.command("plan").stdout
    document = mesh.json("certs", "list")
    assert (document["store"], document["store_exists"]) == (path, False)
