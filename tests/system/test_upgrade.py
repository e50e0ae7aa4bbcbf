# ctest: timeout=240 sanitize
"""One mesh takes another one's place: no connection notices, and what goes wrong changes nothing."""

import contextlib
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading

import pytest
from mesh_env import Authority, Hammer, scaled, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service
from mesh_env.service_manager import NotifySocket
from mesh_env.visitors import Visitors


def served(env, **more) -> tuple[dict, Authority]:
    """A plain and a TLS entry point, with a certificate from a file."""
    env.backend("app")
    authority = SigningAuthority()
    pair = authority.write_pair(env.directory / "tls", "pair", "a.example")
    config = {
        "entryPoints": {"web": {"address": env.endpoint("web")}, "websecure": {"address": env.endpoint()}},
        "workers": 3,
        "tcp": {"routers": {"plain": {"rule": "HostSNI(`*`)", "service": "app", "entryPoints": ["web"]},
                            "a": {"rule": rule("a.example"), "service": "app", "tls": {},
                                  "entryPoints": ["websecure"]}},
                "services": {"app": service(env.endpoint("backend-app"))}},
        "tls": {"certificates": [{"certFile": str(pair[0]), "keyFile": str(pair[1])}]},
        **more,
    }
    return config, Authority(authority.pem)


def goes_on(mesh, env, pid: int) -> None:
    """The process is the one it was, and serves."""
    assert mesh.running and mesh.pid == pid
    assert mesh.json("status")["pid"] == pid
    with env.tcp("web") as client:
        assert client.receive_line() == "app"


def refused(mesh, *arguments: str) -> dict:
    answer = mesh.json("upgrade", *arguments, expect=1)
    assert answer["serving"] is False
    return answer


def program(env, name: str, text: str, mode: int = 0o755):
    path = env.directory / name
    path.write_text(text)
    path.chmod(mode)
    return path


def fill(address: str) -> None:
    """The queue of a socket for datagrams: one sender may have only so many in it."""
    with contextlib.ExitStack() as senders:
        sent = 1
        while sent:
            sender = senders.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            sender.setblocking(False)
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while sender.sendto(b"X=1", address):
                    sent += 1


@contextlib.contextmanager
def hung_upgrade(env, mesh):
    """One that fails when the block is left."""
    marker = env.directory / "hung"
    hung = program(env, "hung.sh", f"#!/bin/sh\necho $$ > {marker}\nexec sleep 600\n")
    asking = threading.Thread(target=refused, args=(mesh, "--binary", str(hung)))
    asking.start()
    wait_until(lambda: marker.exists() and marker.read_text(), 20, "the new process is there")
    try:
        yield
    finally:
        process = int(marker.read_text())
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        asking.join(scaled(30))


def children_of_ours() -> bool:
    """Whether a process lives that is our child as mesh was."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    except ChildProcessError:
        return False


def processes_on(mesh) -> list[int]:
    """Those that run on its configuration."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(mesh.config_file) in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def is_run(pid: int) -> bool:
    """Not one of the other commands."""
    with contextlib.suppress(OSError):
        return b"run" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return False


def test_nobody_is_refused_or_cut(env):
    config, trust = served(env)
    mesh = env.mesh(config)
    first = mesh.pid
    with env.tcp("web") as plain, env.tls("a.example", trust) as secure:
        for client in (plain, secure):
            assert client.receive_line() == "app"
        with Visitors(env.at("web")) as visitors, Hammer(env.at(), ["a.example"], trust, threads=2, talk=True) as hammer:
            for turn in range(3):
                wait_until(lambda: visitors.count > 20 * (turn + 1) and hammer.handshakes > 5 * (turn + 1), 60, "visitors")
                mesh.upgrade()
            seen = visitors.count
            wait_until(lambda: visitors.count > seen + 50, 60, "visitors of the last one")
        assert not visitors.failures, (len(visitors.failures), visitors.failures[:3])
        assert not hammer.failures, (len(hammer.failures), hammer.failures[:3])

        # Twice replaced, the first process still has what was established in it.
        for client in (plain, secure):
            client.send(b"still here\n")
            assert client.receive_line() == "still here"
        assert mesh.former[0].pid == first and mesh.former[0].poll() is None
        wait_until(lambda: all(process.poll() == 0 for process in mesh.former[1:]), 20, "those without connections end")
        assert mesh.json("status")["pid"] == mesh.pid
    wait_until(lambda: mesh.former[0].poll() == 0, 20, "the last connection ended, and the process with it")


def test_sessions_are_resumed_in_the_new_process(env):
    config, _ = served(env)
    mesh = env.mesh(config)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        trust = Authority(None, verify=False, maximum=version, minimum=version)
        with env.tls("a.example", trust) as client:
            assert client.receive_line() == "app" and not client.resumed
            session = client.session
        mesh.upgrade()
        with env.tls("a.example", trust, session=session) as client:
            assert client.receive_line() == "app" and client.resumed


def test_connections_that_wait_in_the_queue_are_served(env):
    """While the new process is on its way, and the old one is full."""
    config, _ = served(env)
    config["entryPoints"]["web"]["maxConnections"] = 1
    mesh = env.mesh(config)
    with env.tcp("web") as only:
        assert only.receive_line() == "app"
        waiting = [socket.create_connection(env.at("web"), timeout=scaled(20)) for _ in range(30)]
        del config["entryPoints"]["web"]["maxConnections"]
        mesh.write_config(config)
        mesh.upgrade()
        for client in waiting:
            with client:
                assert client.makefile("rb").readline() == b"app\n"


def test_what_goes_wrong_is_told_and_changes_nothing(env):
    config, _ = served(env)
    mesh = env.mesh(config)
    pid = mesh.pid

    assert "No such file" in refused(mesh, "--binary", "nowhere")["summary"]
    assert "is no file" in refused(mesh, "--binary", str(env.directory))["summary"]
    weak = program(env, "weak", "#!/bin/sh\n", mode=0o644)
    assert "may not be executed" in refused(mesh, "--binary", str(weak))["summary"]
    garbled = program(env, "garbled", "neither a script nor a program")
    assert "Exec format error" in refused(mesh, "--binary", str(garbled))["summary"]
    assert "ended before it served" in refused(mesh, "--binary", "/bin/false")["summary"]
    goes_on(mesh, env, pid)

    marker = env.directory / "hung"
    hung = program(env, "hung.sh", f"#!/bin/sh\necho $$ > {marker}\nexec sleep 600\n")
    # Enough time for it to write who it is.
    assert "did not get ready in time" in refused(mesh, "--binary", str(hung), "--timeout", "5")["summary"]
    child = int(marker.read_text())
    assert os.waitpid(child, 0)[0] == child, "the process that hung is gone"
    goes_on(mesh, env, pid)

    mesh.write_config(config | {"tcp": config["tcp"] | {"routers": {"x": {"rule": "HostSNI(`*`)", "service": "gone"}}}})
    answer = refused(mesh)
    assert any("gone" in finding for finding in answer["findings"]), answer
    told = mesh.command("upgrade", expect=1).stdout
    assert "not upgraded" in told and "gone" in told
    goes_on(mesh, env, pid)

    taken = env.endpoint("taken")
    host, port = taken.rsplit(":", 1)
    with socket.create_server((host, int(port))):
        mesh.write_config(config | {"entryPoints": config["entryPoints"] | {"more": {"address": taken}}})
        assert f"cannot bind {taken}" in refused(mesh)["summary"]
    goes_on(mesh, env, pid)

    mesh.write_config(config)
    mesh.upgrade()
    goes_on(mesh, env, mesh.pid)


def test_another_configuration_comes_with_the_new_process(env):
    config, _ = served(env)
    mesh = env.mesh(config)
    changed = config | {"entryPoints": {"web": config["entryPoints"]["web"], "more": {"address": env.endpoint("more")}},
                        "workers": 1}
    changed["tcp"] = config["tcp"] | {"routers": {"plain": {"rule": "HostSNI(`*`)", "service": "app"}}}
    mesh.write_config(changed)
    mesh.upgrade()
    for entry_point in ("web", "more"):
        with env.tcp(entry_point) as client:
            assert client.receive_line() == "app"

    def is_refused() -> bool:
        with socket.socket() as client:
            return client.connect_ex(env.at()) != 0
    wait_until(is_refused, 20, "the entry point that is gone")


def test_the_replaced_process_has_no_haste_until_it_is_told(env):
    config, _ = served(env)
    config["entryPoints"]["web"]["transport"] = {"lifeCycle": {"graceTimeOut": "1s"}}
    mesh = env.mesh(config)
    with env.tcp("web") as client:
        assert client.receive_line() == "app"
        mesh.upgrade()
        old = mesh.former[0]
        with pytest.raises(subprocess.TimeoutExpired):
            old.wait(2.5)
        client.send(b"x\n")
        assert client.receive_line() == "x"
        old.send_signal(signal.SIGTERM)
        assert old.wait(scaled(15)) == 0
        assert client.receive_to_end() == b""
    mesh.wait_for("stopped", cut="1")
    with env.tcp("web") as client:
        assert client.receive_line() == "app"


def test_systemd_is_told_who_is_the_service(env):
    config, _ = served(env)
    notify = NotifySocket(str(env.directory / "notify"))
    mesh = env.mesh(config, env=notify.environment(WATCHDOG_USEC="2000000"))
    first = mesh.pid
    notify.wait_for("READY")
    mesh.upgrade()
    assert notify.wait_for("MAINPID")["MAINPID"] == str(mesh.pid) != str(first)
    notify.wait_for("READY", count=2)
    assert notify.times("MAINPID")[0] <= notify.times("READY")[1], "who is not the service yet may not speak"
    fed = len(notify.times("WATCHDOG"))
    notify.wait_for("WATCHDOG", count=fed + 3)
    assert not notify.times("STOPPING")
    notify.close()


def test_systemd_is_told_who_is_the_service_when_it_listens_again(env):
    """Until then the process that it knows stays: its end would be the service's."""
    config, _ = served(env)
    address = str(env.directory / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(scaled(30))
        mesh = env.mesh(config, env={"NOTIFY_SOCKET": address})
        fill(address)
        mesh.upgrade()
        mesh.wait_for("stopped")
        assert mesh.former[0].poll() is None
        goes_on(mesh, env, mesh.pid)
        while (word := manager.recv(4096)) != b"MAINPID=%d" % mesh.pid:
            assert not word.startswith(b"MAINPID"), word
    assert mesh.former[0].wait(scaled(20)) == 0


def test_the_store_and_the_orders_follow(env):
    env.backend("app")
    config = {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "certificatesResolvers": {"le": env.resolver()},
        "tcp": {"routers": {"shop": {"rule": rule("shop.example"), "service": "app", "tls": {"certResolver": "le"}}},
                "services": {"app": service(env.endpoint("backend-app"))}},
    }
    mesh = env.mesh(config)
    mesh.wait_for("cert_live", seconds=30)
    lock = mesh.directory / "mesh.db.lock"
    assert int(lock.read_text()) == mesh.pid

    # An order under way goes on in the new process, whatever the CA does meanwhile.
    config["tcp"]["routers"]["more"] = {"rule": rule("more.example"), "service": "app", "tls": {"certResolver": "le"}}
    mesh.write_config(config)
    assert mesh.json("reload")["applied"]
    mesh.wait_for("order_started", count=2)
    mesh.upgrade()
    assert int(lock.read_text()) == mesh.pid
    wait_until(lambda: len(mesh.events("cert_live")) == 2, 30, "the second certificate")
    assert not mesh.events("order_failed")
    with env.tls("more.example") as client:
        assert client.receive_line() == "app"

    # Given back after a failure, too.
    refused(mesh, "--binary", "/bin/false")
    with env.tls("shop.example") as client:
        before = client.serial
    mesh.command("certs", "renew", "shop.example")
    mesh.wait_for("cert_live", count=3, seconds=30)
    with env.tls("shop.example") as client:
        assert client.serial != before


def test_many_orders_under_way(env):
    """Whoever answers the CA, and whoever goes on with which order: none fails, and none is lost."""
    env.backend("app")
    names = [f"n{i}.example" for i in range(15)]
    mesh = env.mesh({
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "certificatesResolvers": {"le": env.resolver()},
        "tcp": {"routers": {name.split(".")[0]: {"rule": rule(name), "service": "app", "tls": {"certResolver": "le"}}
                            for name in names},
                "services": {"app": service(env.endpoint("backend-app"))}},
    })
    for count in (1, 3, 8):
        mesh.wait_for("order_started", count=count, seconds=30)
        mesh.upgrade()
    wait_until(lambda: mesh.json("status")["certificates"]["valid"] == len(names), 90, "all are there")
    assert not mesh.events("order_failed")
    for name in names:
        with env.tls(name) as client:
            assert client.receive_line() == "app"


def test_a_reload_meanwhile_is_not_lost(env):
    """Who changes the file tells the old process, and the new one has read it before."""
    for name in ("app", "other"):
        env.backend(name)
    config = {
        "entryPoints": {"web": {"address": env.endpoint("web")}, "websecure": {"address": env.endpoint()}},
        "certificatesResolvers": {"le": env.resolver()},
        "tcp": {"routers": {"plain": {"rule": "HostSNI(`*`)", "service": "app", "entryPoints": ["web"]},
                            "shop": {"rule": rule("shop.example"), "service": "app", "tls": {"certResolver": "le"},
                                     "entryPoints": ["websecure"]}},
                "services": {name: service(env.endpoint(f"backend-{name}")) for name in ("app", "other")}},
    }
    # Between the configuration, which is read first, and the watch on its file the store is read.
    mesh = env.mesh(config, env={"MESH_TEST_STORE_READ_DELAY_MS": "1000"})
    mesh.wait_for("cert_live", seconds=60)
    old = mesh.pid
    lock = mesh.directory / "mesh.db.lock"
    asking = threading.Thread(target=mesh.upgrade)
    asking.start()
    wait_until(lambda: lock.read_text().strip() not in ("", str(old)), 20, "the new process owns the store")
    config["tcp"]["routers"]["plain"]["service"] = "other"
    mesh.write_config(config)
    assert mesh.json("reload")["applied"]
    asking.join(scaled(60))
    assert mesh.pid != old

    def is_followed() -> bool:
        with env.tcp("web") as client:
            return client.receive_line() == "other"
    wait_until(is_followed, 20, "the routes of the reload")


def waits_on_its_way(env) -> dict:
    """A configuration with which a process that takes over waits some seconds for a provider that does not answer."""
    config, _ = served(env, providers={"consulCatalog": {"endpoint": {"address": env.endpoint("consul"),
                                                                      "scheme": "http"}}})
    return config


def with_one_more(env, config: dict) -> dict:
    """One more entry point that the router is on."""
    routers = config["tcp"]["routers"]
    routers = routers | {"plain": routers["plain"] | {"entryPoints": ["web", "more"]}}
    return config | {"entryPoints": config["entryPoints"] | {"more": {"address": env.endpoint("more")}},
                     "tcp": config["tcp"] | {"routers": routers}}


def serves_on(env, entry_point: str) -> bool:
    with contextlib.suppress(OSError), env.tcp(entry_point) as client:
        return client.receive_line() == "app"
    return False


def test_a_new_address_waits_for_the_new_process(env):
    """Which was given its sockets before: what the old one bound now would be bound by nobody afterwards."""
    config = waits_on_its_way(env)
    mesh = env.mesh(config)
    mesh.wait_for("provider_down")
    asking = threading.Thread(target=mesh.upgrade)
    asking.start()
    mesh.wait_for("provider_down", count=2)
    other = next(pid for pid in processes_on(mesh) if is_run(pid) and pid != mesh.pid)
    os.kill(other, signal.SIGSTOP)  # however long a command takes here, it comes in time
    mesh.write_config(with_one_more(env, config))
    answer = mesh.json("reload", expect=1)
    os.kill(other, signal.SIGCONT)
    assert not answer["applied"]
    assert [finding["code"] for finding in answer["findings"]] == ["cannot-bind"]
    assert "an upgrade is running" in answer["findings"][0]["message"]
    asking.join(scaled(60))
    wait_until(lambda: serves_on(env, "more"), 30, "the new process listens there")
    assert mesh.json("reload")["applied"]
    goes_on(mesh, env, mesh.pid)


def test_a_new_address_of_a_reload_after_an_upgrade_that_failed(env):
    config, _ = served(env)
    mesh = env.mesh(config)
    with hung_upgrade(env, mesh):
        mesh.write_config(with_one_more(env, config))
        assert "an upgrade is running" in mesh.json("reload", expect=1)["findings"][0]["message"]
    assert not serves_on(env, "more"), "who asked was told no"
    assert mesh.json("reload")["applied"]
    assert serves_on(env, "more")


def test_a_new_address_that_nobody_asked_for_after_an_upgrade_that_failed(env):
    """A process that begins to serve reads its file again by itself, which the next upgrade may come across: while the
    store of its first resolver is opened."""
    config = waits_on_its_way(env)
    mesh = env.mesh(config, env={"MESH_TEST_STORE_READ_DELAY_MS": "3000"})
    mesh.wait_for("provider_down")
    asking = threading.Thread(target=mesh.upgrade)
    asking.start()
    mesh.wait_for("provider_down", count=2)
    mesh.write_config(with_one_more(env, config) | {"certificatesResolvers": {"le": env.resolver()}})
    asking.join(scaled(60))
    with hung_upgrade(env, mesh):
        wait_until(lambda: mesh.events("reload_refused") or mesh.events("reload_applied"), 30, "the file was read")
    wait_until(lambda: serves_on(env, "more"), 30, "it was read again")


def test_commands_find_the_old_process_again(env):
    """Also when they cannot yet at the moment the upgrade fails."""
    config, _ = served(env)
    mesh = env.mesh(config)
    pid = mesh.pid
    file = mesh.directory / "mesh.db.sock"
    hung = program(env, "hung.sh", "#!/bin/sh\nexec sleep 600\n")
    asking = threading.Thread(target=refused, args=(mesh, "--binary", str(hung), "--timeout", "8"))
    asking.start()
    mesh.wait_for("upgrade_started")
    file.unlink()
    file.mkdir()
    asking.join(scaled(30))
    mesh.wait_for("control_socket_failed")
    file.rmdir()
    wait_until(file.is_socket, 30, "the socket is there again")
    goes_on(mesh, env, pid)


def test_told_to_stop_while_it_is_replaced(env):
    config, _ = served(env)
    mesh = env.mesh(config)
    hung = program(env, "hung.sh", "#!/bin/sh\nexec sleep 600\n")
    answer: dict = {}
    asking = threading.Thread(target=lambda: answer.update(refused(mesh, "--binary", str(hung))))
    asking.start()
    mesh.wait_for("upgrade_started")
    with env.tcp("web") as client:
        assert client.receive_line() == "app"
        mesh.signal(signal.SIGTERM)
        mesh.wait_for("draining")
        asking.join(scaled(30))
        assert answer["summary"] == "mesh is stopping"
        assert "mesh is stopping" in refused(mesh)["summary"]
        client.send(b"x\n")
        assert client.receive_line() == "x"
    assert mesh.wait_exit() == 0
    wait_until(lambda: not children_of_ours(), 10, "the process that was on its way is gone")


@pytest.mark.parametrize("moment", ["0 visits", "10 visits", "30 visits", "store", "ready"])
def test_told_to_stop_while_visitors_come(env, moment):
    """Whoever came before is served, and one process goes on for those who come after, or none is left. While the new
    process has the store and waits, when it has just begun to serve, and after so many visits, at whatever that is."""
    more = {"certificatesResolvers": {"le": env.resolver()}}
    if moment == "store":
        more["providers"] = {"consulCatalog": {"endpoint": {"address": env.endpoint("consul"), "scheme": "http"}}}
    config, _ = served(env, **more)
    mesh = env.mesh(config)
    old = mesh.pid
    lock = mesh.directory / "mesh.db.lock"
    answer: dict = {}
    asking = threading.Thread(target=lambda: answer.update(mesh.json("upgrade", expect=None)))
    with Visitors(env.at("web")) as visitors:
        wait_until(lambda: visitors.count > 20, 60, "visitors")
        asking.start()
        mesh.wait_for("upgrade_started")
        if moment == "store":
            wait_until(lambda: lock.read_text().strip() not in ("", str(old)), 20, "the new process owns the store")
        elif moment == "ready":
            mesh.wait_for("ready", count=2)
        else:
            seen, more_visits = visitors.count, int(moment.split()[0])
            wait_until(lambda: visitors.count >= seen + more_visits, 60, "visitors")
        visitors.closing = True
        mesh.signal_if_there(signal.SIGTERM)  # the old process, which may have ended
        asking.join(scaled(60))
        if answer["serving"]:
            assert moment != "store"
            mesh.replaced_by(answer["pid"])
            seen = visitors.count
            wait_until(lambda: visitors.count > seen + 50, 60, "visitors of the new process")
            assert not visitors.turned_away
        else:
            assert moment != "ready" and answer["summary"] == "mesh is stopping"
    assert not visitors.failures, visitors.failures[:3]
    if answer["serving"]:
        wait_until(lambda: mesh.former[0].poll() == 0, 30, "the old process has ended")
        goes_on(mesh, env, answer["pid"])
    else:
        assert mesh.wait_exit() == 0
        assert mesh.events("upgrade_failed") and mesh.events("stopped", cut="0")
        wait_until(lambda: not processes_on(mesh), 10, "the process that was on its way is gone")


def test_a_new_process_that_is_killed_on_its_way_leaves_everything(env):
    env.backend("app")
    config = {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "certificatesResolvers": {"le": env.resolver()},
        # Nobody answers there, which a process that is to take over waits for a while.
        "providers": {"consulCatalog": {"endpoint": {"address": env.endpoint("consul"), "scheme": "http"}}},
        "tcp": {"routers": {"shop": {"rule": rule("shop.example"), "service": "app", "tls": {"certResolver": "le"}}},
                "services": {"app": service(env.endpoint("backend-app"))}},
    }
    mesh = env.mesh(config)
    mesh.wait_for("cert_live", seconds=45)
    pid = mesh.pid
    lock = mesh.directory / "mesh.db.lock"
    answer: dict = {}
    asking = threading.Thread(target=lambda: answer.update(refused(mesh)))
    asking.start()
    def new_owner() -> int:
        owner = int(lock.read_text().strip() or pid)
        return 0 if owner == pid else owner

    other = wait_until(new_owner, 20, "the new process owns the store")
    assert "another upgrade is running" in refused(mesh)["summary"]
    with env.tls("shop.example") as client:
        assert client.receive_line() == "app", "the old process serves meanwhile"
    os.kill(other, signal.SIGKILL)
    asking.join(scaled(30))
    os.waitpid(other, 0)
    assert "ended before it served" in answer["summary"]
    assert int(lock.read_text()) == pid, "the store is owned again"
    mesh.command("certs", "renew", "shop.example")
    mesh.wait_for("cert_live", count=2, seconds=30)
    assert mesh.json("status")["pid"] == pid
