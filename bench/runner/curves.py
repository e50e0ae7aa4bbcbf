"""How a cost grows: the same load, with more of one thing, as a multiple of what it costs with little of it."""

import random
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from . import many_names, ratios
from .measuring import PORT, SOURCES, Bench
from .peers import Haproxy, Mesh, Wanted
from .processes import LOAD_CORE, SERVER_CORE, Backend, Server, start_server
from .scenarios import SCENARIOS, Scenario


def scenario(name: str) -> Scenario:
    return next(one for one in SCENARIOS if one.name == name)


@dataclass
class Point:
    """One of the amounts, with the server that has it and the load that uses it."""

    amount: int
    server: Server
    arguments: list


@dataclass
class Curve:
    name: str
    what: str  # is done at each point
    amounts: str  # what there is more and more of
    cost: Scenario
    points: Callable  # (bench, stack, amounts): points; the first of the amounts is 1
    full: tuple
    quick: tuple
    series: str = "mesh"


class Starter:
    """Servers at addresses of their own, until the stack is left."""

    def __init__(self, bench: Bench, stack: ExitStack):
        self.bench, self.stack, self.count = bench, stack, 0

    def wanted(self, transport: str) -> Wanted:
        self.count += 1
        folder = Path(tempfile.mkdtemp(dir=self.bench.folder))
        folder.chmod(0o755)
        return Wanted(transport, f"127.0.77.{100 + self.count}:{PORT}", Backend.at("echo", self.count),
                      self.bench.certificate, folder)

    def start(self, wanted: Wanted, command: list, cores: tuple = (SERVER_CORE,)) -> Server:
        server = start_server("server", wanted.address, command, wanted.folder, self.bench.placement, 60, cores)
        self.stack.callback(server.stop)
        return server


def the_mesh(bench: Bench) -> Mesh:
    return next(peer for peer in bench.peers if isinstance(peer, Mesh))


def over_connections(peer_type):
    def points(bench: Bench, stack: ExitStack, amounts: tuple) -> list[Point]:
        starter = Starter(bench, stack)
        wanted = starter.wanted("tls")
        peer = next(peer for peer in bench.peers if isinstance(peer, peer_type))
        server = starter.start(wanted, peer.command(wanted))
        return [Point(amount, server, ["echo", "--name", "bench.example", "--connections", amount])
                for amount in amounts]
    return points


def over_routers(bench: Bench, stack: ExitStack, amounts: tuple) -> list[Point]:
    starter, found = Starter(bench, stack), []
    for amount in amounts:
        wanted = starter.wanted("hello")
        names = [f"r{i:06}.routers.example" for i in range(amount)]
        routers = "\n".join(
            f"    r{i:06}: {{ rule: \"HostSNI(`{name}`)\", service: bench, tls: {{ passthrough: true }} }}"
            for i, name in enumerate(names))
        file = wanted.write("mesh.yaml", f"""
workers: 1
log: {{ level: ERROR }}
entryPoints: {{ in: {{ address: "{wanted.address}" }} }}
tcp:
  services: {{ bench: {{ loadBalancer: {{ servers: [{{ address: "{wanted.backend}" }}] }} }} }}
  routers:
{routers}
""")
        asked = wanted.write("names", "\n".join(names) + "\n")
        server = starter.start(wanted, [the_mesh(bench).program(), "run", "--config", str(file)])
        found.append(Point(amount, server, ["connect", "--transport", "hello", "--names", asked]))
    return found


def over_names(store: Path):
    def points(bench: Bench, stack: ExitStack, amounts: tuple) -> list[Point]:
        starter, found = Starter(bench, stack), []
        for amount in amounts:
            names = many_names.make(store / f"names-{amount}", amount)
            wanted = starter.wanted("tls")
            server = starter.start(wanted, many_names.mesh_command(the_mesh(bench), wanted, names))
            load = ["connect", "--lean", "--names", names.file]
            bench.load.run(*load, "--to", server.address, "--in-turn", "--operations", amount, "--window", 600_000)
            found.append(Point(amount, server, load))
        return found
    return points


def over_workers(bench: Bench, stack: ExitStack, amounts: tuple) -> list[Point]:
    starter, found = Starter(bench, stack), []
    for amount in amounts:
        wanted = starter.wanted("tls")
        command = the_mesh(bench).command(wanted)
        file = Path(command[-1])
        file.write_text(file.read_text().replace("workers: 1", f"workers: {amount}"))
        cores = (SERVER_CORE,) if amount == 1 else (SERVER_CORE, LOAD_CORE)
        found.append(Point(amount, starter.start(wanted, command, cores),
                           ["connect", "--lean", "--name", "bench.example", "--connections", 32 * amount]))
    return found


def all_curves(store: Path) -> list[Curve]:
    connections = ((64, 1, 4, 16, 256, 1024, 4096, 9000), (64, 1, 1024))
    return [
        Curve("connections", "64 bytes there and back over TLS", "open connections", scenario("echo-64"),
              over_connections(Mesh), *connections),
        Curve("connections-haproxy", "64 bytes there and back over TLS", "open connections", scenario("echo-64"),
              over_connections(Haproxy), *connections, series="haproxy"),
        Curve("routers", "a new connection passed through, names at random", "routers", scenario("pass-new"),
              over_routers, (10, 100, 1000, 10_000), (10, 1000)),
        Curve("names", "a full handshake, names at random, each asked for before", "certificates", scenario("hs-full"),
              over_names(store), (10, 100, 1000, 10_000, 100_000), (10, 1000)),
        Curve("workers", "a full handshake", "workers", scenario("hs-full"), over_workers, (1, 2), (1, 2)),
    ]


def measure(bench: Bench, curve: Curve, amounts: tuple) -> dict:
    costs: dict[int, list] = {amount: [] for amount in amounts}
    troubles = set()
    with Backend(bench.load), ExitStack() as stack:
        points = curve.points(bench, stack, amounts)
        order = list(points)
        for turn in range(bench.effort.rounds):
            random.Random(turn).shuffle(order)
            for point in order:
                result = bench.load.run(*point.arguments, "--to", point.server.address, "--from", SOURCES, "--watch",
                                        ",".join(map(str, point.server.pids)), "--window", bench.effort.window_ms,
                                        "--warmup", bench.effort.warmup_ms, "--seed", turn)
                trouble = curve.cost.wrong(result)
                if trouble:
                    troubles.add(f"{point.amount}: {trouble}")
                costs[point.amount].append(None if trouble else curve.cost.cost(result))
    grown = {amount: ratios.paired(costs[amount], costs[amounts[0]]) for amount in sorted(amounts)}
    return {"curve": curve.name, "what": curve.what, "amounts": curve.amounts, "series": curve.series,
            "one_at": amounts[0], "unit": curve.cost.unit, "costs": costs, "troubles": sorted(troubles),
            "points": [{"amount": amount, **ratio.as_json()} for amount, ratio in grown.items() if ratio]}


def table(result: dict) -> str:
    lines = [f"{result['curve']}: {result['what']} ({result['one_at']} {result['amounts']} = 1)",
             f"  {result['amounts']:>18} {'cost':>6}  {'95 %':>12}"]
    lines += [f"  {point['amount']:>18} {point['median']:>6.2f}  {point['low']:.2f}..{point['high']:.2f}"
              for point in result["points"]]
    lines += [f"  does not count: {trouble}" for trouble in result["troubles"]]
    return "\n".join(lines)


def plot(results: list[dict], folder: Path, stem: str) -> Path:
    """One picture of all curves, by gnuplot; those of the same thing share their axes."""
    pictures: dict[str, list[dict]] = {}
    for result in results:
        pictures.setdefault(result["what"], []).append(result)
    commands = [f"set terminal pngcairo size 1000,{320 * len(pictures)}", f'set output "{folder}/{stem}.png"',
                f"set multiplot layout {len(pictures)},1", "set logscale x", "set grid", "set yrange [0:*]",
                "set offsets graph 0.02, graph 0.02, graph 0.1, 0", "set key left bottom", 'set ylabel "multiple"']
    for what, together in pictures.items():
        lines = []
        for result in together:
            data = folder / f"{stem}-{result['curve']}.dat"
            data.write_text("# amount median low high (95 %)\n" + "".join(
                f"{p['amount']} {p['median']:.4f} {p['low']:.4f} {p['high']:.4f}\n" for p in result["points"]))
            lines.append(f'"{data}" using 1:2:3:4 with yerrorlines title "{result["series"]}"')
        commands += [f'set title "{what}"',
                     f'set xlabel "{together[0]["amounts"]} ({together[0]["one_at"]} = 1)"', "plot " + ", ".join(lines)]
    script = folder / f"{stem}.gnuplot"
    script.write_text("\n".join([*commands, "unset multiplot", ""]))
    subprocess.run(["gnuplot", str(script)], check=True, capture_output=True)
    return folder / f"{stem}.png"
