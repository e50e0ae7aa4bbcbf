"""One scenario against all servers: first that they do it right, then rounds in which each has its turn."""

import json
import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

from .certificates import NAME, Certificate
from .peers import Peer, Wanted
from .processes import Backend, Load, Placement, Server, cpu_ticks, pss_bytes, start_server
from .scenarios import Scenario

SOURCES = ",".join(f"127.0.78.{i}" for i in range(1, 17))
"""Client addresses: each has 28,000 ports, and a closed connection keeps its own for a minute."""
PORT = 8443


@dataclass
class Effort:
    rounds: int
    window_ms: int
    warmup_ms: int
    idle_connections: int


@dataclass
class Bench:
    """What all scenarios share."""

    folder: Path
    load: Load
    placement: Placement
    certificate: Certificate
    peers: list[Peer]
    effort: Effort

    def with_window(self, window_ms: int) -> "Bench":
        return replace(self, effort=replace(self.effort, window_ms=window_ms))

    def start(self, peer: Peer, scenario: Scenario, number: int) -> Server:
        folder = self.folder / scenario.name / peer.name
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)  # sniproxy writes its errors as nobody
        address = f"127.0.77.{10 + number}:{PORT}"
        wanted = Wanted(scenario.transport, address, Backend.at(scenario.backend, number), self.certificate, folder)
        return start_server(peer.name, address, peer.command(wanted), folder, self.placement)

    def arguments(self, scenario: Scenario, server: Server) -> list:
        return [scenario.mode, "--to", server.address, "--from", SOURCES, "--name", NAME,
                "--transport", scenario.transport, "--watch", ",".join(map(str, server.pids))]


class Round:
    """The servers of one scenario, running side by side; only one has something to do at a time."""

    def __init__(self, bench: Bench, scenario: Scenario):
        self.bench, self.scenario = bench, scenario
        self.servers: dict[str, Server] = {}

    def __enter__(self):
        for number, peer in enumerate(self.bench.peers):
            if self.scenario.transport in peer.transports:
                self.servers[peer.name] = self.bench.start(peer, self.scenario, number)
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            server.stop()

    def check(self, peer: str) -> str | None:
        """What is wrong with what this server does; certificates and bytes are verified."""
        scenario, server = self.scenario, self.servers[peer]
        if scenario.mode == "idle":
            return None  # each connection has its byte echoed anyway
        moves_all = "--bytes" in scenario.check
        arguments = [*self.bench.arguments(scenario, server), *(scenario.check or scenario.arguments),
                     "--window", 20_000 if moves_all else 300]
        if scenario.transport == "tls":
            arguments += ["--ca", self.bench.certificate.root]
        result = self.bench.load.run(*arguments)
        if moves_all and result["operations"] != scenario.connections:
            return (f"{result['operations']} of {scenario.connections} connections got all their bytes:"
                    f" {result['errors']}")
        return scenario.wrong(result)

    def measure(self, peer: str) -> dict:
        effort, server = self.bench.effort, self.servers[peer]
        before = cpu_ticks(server.pids)
        result = self.bench.load.run(*self.bench.arguments(self.scenario, server), *self.scenario.arguments,
                                     "--window", effort.window_ms, "--warmup", effort.warmup_ms)
        # Of the warm-up too, and to 10 ms: how it splits, not how much it is.
        user, system = (after - then for after, then in zip(cpu_ticks(server.pids), before))
        return {**result, "system_share": system / max(user + system, 1)}


def check_all(bench: Bench, scenario: Scenario) -> dict[str, str | None]:
    with Backend(bench.load, verify=True), Round(bench, scenario) as servers:
        return {peer: servers.check(peer) for peer in servers.servers}


@dataclass
class Outcome:
    costs: dict[str, list]
    troubles: dict[str, list[str]]
    results: dict[str, list]


def measure_all(bench: Bench, scenario: Scenario, progress) -> Outcome:
    outcome = Outcome({}, {}, {})
    chance = random.Random(scenario.name)

    def note(peer: str, result: dict) -> None:
        trouble = scenario.wrong(result)
        outcome.results.setdefault(peer, []).append(result)
        outcome.costs.setdefault(peer, []).append(None if trouble else scenario.cost(result))
        if trouble:
            outcome.troubles.setdefault(peer, []).append(trouble)

    with Backend(bench.load):
        if scenario.mode == "idle":
            for peer, result in idle_costs(bench, scenario):
                outcome.costs[peer] = [None if result["troubles"] else result["cost"]]
                outcome.results[peer] = [result]
                outcome.troubles[peer] = result["troubles"]
            return outcome
        with Round(bench, scenario) as servers:
            order = list(servers.servers)
            for peer in order:
                outcome.costs[peer] = []
                servers.measure(peer)  # caches and pools fill; not counted
            for number in range(bench.effort.rounds):
                chance.shuffle(order)
                for peer in order:
                    note(peer, servers.measure(peer))
                progress(number + 1)
    return outcome


def idle_costs(bench: Bench, scenario: Scenario):
    """Each server alone: what it grows by from a tenth of the connections to all of them, for each. So what it
    makes once, for its first connections, is no connection's."""
    all_of_them = bench.effort.idle_connections
    first = all_of_them // 10
    for number, peer in enumerate(bench.peers):
        if scenario.transport not in peer.transports:
            continue
        server = bench.start(peer, scenario, number)
        try:
            few = Crowd(bench.load, bench.arguments(scenario, server), first)
            before = settled_pss(server)
            rest = Crowd(bench.load, bench.arguments(scenario, server), all_of_them - first)
            after = settled_pss(server)
            troubles = rest.let_go() + few.let_go()
            yield peer.name, {"cost": (after - before) / (all_of_them - first) / 1000, "connections": all_of_them,
                              "connections_before": first, "pss_before": before, "pss_after": after,
                              "troubles": troubles}
        finally:
            server.stop()


class Crowd:
    """Idle connections, until they are let go."""

    def __init__(self, load: Load, arguments: list, connections: int):
        self.connections = connections
        self.process = load.start(*arguments, "--connections", connections)
        self.opened = json.loads(self.process.stdout.readline() or "{}").get("open")

    def let_go(self) -> list[str]:
        """What went wrong with them."""
        output, _ = self.process.communicate(timeout=60)
        errors = json.loads(output or "{}").get("errors", {"the generator failed": 1})
        troubles = [f"{count} x {what}" for what, count in errors.items()]
        if self.opened != self.connections:
            troubles.append(f"{self.opened} of {self.connections} connections came about")
        return troubles


def settled_pss(server: Server, seconds: float = 3) -> int:
    """The least that is seen in a while: buffers are given back when connections have been idle for a moment."""
    end, least = time.monotonic() + seconds, pss_bytes(server.pids)
    while time.monotonic() < end:
        time.sleep(0.25)
        least = min(least, pss_bytes(server.pids))
    return least
