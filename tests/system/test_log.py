# ctest: timeout=120
"""The log never decides whether mesh serves."""

import json
import os
import subprocess

from mesh_env import wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import service
from mesh_env.mesh import mesh_binary
from mesh_env.tls_client import Authority, refusal


def static_configuration(env, **more) -> tuple[dict, Authority]:
    authority = SigningAuthority()
    authority.write_pair(env.directory / "tls", "shop", "shop.example")
    env.backend("app")
    return {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "tcp": {"routers": {"shop": {"rule": "HostSNI(`shop.example`)", "service": "app", "tls": {}}},
                "services": {"app": service(env.endpoint("backend-app"))}},
        "tls": {"certificates": [{"certFile": "tls/shop.crt", "keyFile": "tls/shop.key"}]},
        **more,
    }, Authority(authority.pem)


def test_a_pipe_that_nobody_reads(env):
    """stderr is a full pipe: connections are served, before and after, and mesh still stops in order."""
    config, authority = static_configuration(env, log={"level": "DEBUG"})
    path = env.directory / "mesh.yaml"
    path.write_text(json.dumps(config))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    process = subprocess.Popen([mesh_binary(), "run", "--config", str(path)], stderr=writer, cwd=env.directory)
    os.close(writer)
    try:
        def served():
            try:
                with env.tls("shop.example", authority) as client:
                    return client.receive_line() == "app"
            except OSError:
                return False

        wait_until(served, 10, "the first connection")
        for _ in range(300):
            assert refusal(env.at(), "nobody.example", Authority(None, verify=False)) == "unrecognized_name"
            assert served()
        process.terminate()
        assert process.wait(40) == 0
    finally:
        process.kill()
        os.close(reader)


def test_network_bytes_cannot_forge_a_line(env):
    config, _ = static_configuration(env, log={"level": "DEBUG"})
    mesh = env.mesh(config)
    with env.tcp() as client:
        client.send(b"GET / HTTP/1.1\r\nlevel=ERROR event=forged\r\n\r\n")
        client.receive_to_end()
    mesh.stop()
    assert not mesh.events("forged")
    assert all("\x1b" not in line.text for line in mesh.lines)


def test_json_format(env):
    config, _ = static_configuration(env, log={"format": "json"})
    mesh = env.mesh(config, start=False)
    mesh.start(ready=False)
    wait_until(lambda: any('"ready"' in line.text for line in mesh.lines), 10, "ready in JSON")
    mesh.stop()
    events = [json.loads(line.text) for line in mesh.lines if line.text.startswith("{")]
    assert [e["event"] for e in events if e.get("event") in ("ready", "draining", "stopped")] == \
        ["ready", "draining", "stopped"]
    assert all({"time", "level", "msg"} <= set(event) for event in events)
