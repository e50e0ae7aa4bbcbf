# ctest: timeout=300 serial
"""Two hundred reloads in a row under load: nobody whom both configurations serve notices one."""

import copy
import random
import ssl
import statistics
import threading
import time

from mesh_env import Authority, TlsClient, scaled, wait_until
from mesh_env.certificates import SigningAuthority
from mesh_env.configuration import rule, service
from mesh_env.control import ControlSocket

RELOADS = 200
TYPOS = 20
CONNECTIONS_EACH = 10
RELOADS_IN_A_ROW = 20
"""Then as many connections without a reload: what disturbs the machine for a while disturbs few of such pairs."""
CONNECTIONS_BETWEEN = 200
NAMES = ["a.example", "b.example"]


class Clients:
    """Threads that connect, exchange a line and close; how long each took, and what failed."""

    def __init__(self, address, authority, threads=2):
        self.times: list[float] = []
        self.failures: list[str] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(address, authority, i), daemon=True)
                         for i in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(scaled(30))

    def mark(self) -> int:
        with self._lock:
            return len(self.times)

    def p99(self, since: int, until: int | None = None) -> float:
        with self._lock:
            return statistics.quantiles(self.times[since:until], n=100)[98]

    def _run(self, address, authority, turn):
        while not self._stop.is_set():
            turn += 1
            begun = time.monotonic()
            try:
                with TlsClient(address, NAMES[turn % len(NAMES)], authority) as client:
                    assert client.receive_line() == "app"
                    client.send(b"x\n")
                    assert client.receive_line() == "x"
                with self._lock:
                    self.times.append(time.monotonic() - begun)
            except Exception as error:  # whatever it is, a user would have met it
                with self._lock:
                    self.failures.append(f"{type(error).__name__}: {error}")
            time.sleep(0.005)


def changed(env, config: dict, turn: int) -> dict:
    """The next configuration: one kind of change after the other, none of which concerns the names
    that the clients ask for."""
    config = copy.deepcopy(config)
    routers = config["tcp"]["routers"]
    kind = turn % 8
    if kind == 0:
        routers[f"extra{turn}"] = {"rule": rule(f"extra{turn}.example"), "service": "app", "tls": {}}
    elif kind == 1:
        routers.pop(f"extra{turn - 1}", None)
    elif kind == 2:
        config["entryPoints"]["more"] = {"address": env.endpoint("more"), "onRemove": "close"}
    elif kind == 3:
        config["entryPoints"].setdefault("more", {})["address"] = env.endpoint("moved")
    elif kind == 4:
        config["entryPoints"].pop("more", None)
    elif kind == 5:
        config["tls"]["options"]["other"] = {"minVersion": random.choice(["VersionTLS12", "VersionTLS13"]),
                                             "alpnProtocols": [f"p{turn}"]}
        routers["other"] = {"rule": rule("other.example"), "service": "app", "tls": {"options": "other"}}
    elif kind == 6:
        config["certificatesResolvers"][f"ca{turn // 8 % 3}"] = {"acme": {
            "caServer": f"https://{env.loopback.address}:1/dir{turn}", "storage": "mesh.db", "tlsChallenge": {}}}
        config["log"] = {"level": "INFO", "format": random.choice(["common", "common"])}
    else:
        config["certificatesResolvers"].pop(f"ca{turn // 8 % 3}", None)
        routers["other"]["priority"] = turn
    return config


def broken(config: dict, turn: int) -> dict:
    config = copy.deepcopy(config)
    kinds = [
        lambda: config["tcp"]["routers"]["a"].update(rule="HostSNI(`a.example`"),
        lambda: config["tcp"]["routers"]["a"].update(service="apq"),
        lambda: config["tcp"]["routers"]["a"].update(ruel="x"),
        lambda: config["entryPoints"]["websecure"].update(address="nowhere"),
        lambda: config["tls"]["options"]["default"].update(minVersion="VersionTLS1"),
    ]
    kinds[turn % len(kinds)]()
    return config


def test_two_hundred_reloads_under_load(env):
    env.backend("app")
    authority = SigningAuthority()
    pair = authority.write_pair(env.directory / "tls", "pair", *NAMES, "other.example")
    trust = Authority(authority.pem)
    config = {
        "entryPoints": {"websecure": {"address": env.endpoint()}},
        "certificatesResolvers": {"none": {"acme": {"caServer": f"https://{env.loopback.address}:1/dir",
                                                    "storage": "mesh.db", "tlsChallenge": {}}}},
        "tcp": {"routers": {name[0]: {"rule": rule(name), "service": "app", "tls": {}} for name in NAMES},
                "services": {"app": service(env.endpoint("backend-app"))}},
        "tls": {"certificates": [{"certFile": str(pair[0]), "keyFile": str(pair[1])}],
                "options": {"default": {"minVersion": "VersionTLS12"}}},
    }
    mesh = env.mesh(config)
    established = [env.tls(NAMES[0], trust) for _ in range(20)]
    for client in established:
        assert client.receive_line() == "app"
    ticket_client = env.tls(NAMES[0], Authority(authority.pem, maximum=ssl.TLSVersion.TLSv1_2))
    ticket_client.close()

    typos = set(random.Random(7).sample(range(RELOADS), TYPOS))
    slowest, windows = 0.0, []
    with Clients(env.at(), trust) as clients, ControlSocket(mesh.directory / "mesh.db.sock") as control:
        wait_until(lambda: clients.mark() > 1000, 60, "handshakes before")
        for turn in range(RELOADS):
            if turn % RELOADS_IN_A_ROW == 0:
                quiet = clients.mark()
                wait_until(lambda: clients.mark() >= quiet + CONNECTIONS_BETWEEN, 60, "connections without a reload")
                windows.append((quiet, clients.mark()))
            if turn in typos:
                status = mesh.json("status")["configuration"]["sha256"] if turn % 4 == 0 else None
                mesh.write_config(broken(config, turn))
                assert control.ask("reload")["applied"] is False, turn
                if status:
                    mesh.write_config(config)
                    assert mesh.json("status")["configuration"]["sha256"] == status
                continue
            config = changed(env, config, turn)
            mesh.write_config(config)
            begun = time.monotonic()
            answer = control.ask("reload")
            slowest = max(slowest, time.monotonic() - begun)
            assert answer["applied"] is True, (turn, answer)
            served = clients.mark()
            wait_until(lambda: clients.mark() >= served + CONNECTIONS_EACH, 30, "connections between two reloads")
        end = clients.mark()
    assert not clients.failures, (len(clients.failures), clients.failures[:3])
    next_quiet = [begin for begin, _ in windows[1:]] + [end]
    ratios = [clients.p99(reloads, until) / clients.p99(begin, reloads)
              for (begin, reloads), until in zip(windows, next_quiet)]
    print(f"\n{RELOADS} reloads, {TYPOS} of them refused, slowest {slowest * 1000:.0f} ms; {end - windows[0][0]} "
          f"connections; p99 with reloads / without: median {statistics.median(ratios):.2f}, "
          f"from {min(ratios):.2f} to {max(ratios):.2f}")
    assert statistics.median(ratios) <= 2

    for client in established:
        client.send(b"still here\n")
        assert client.receive_line() == "still here"
        client.close()
