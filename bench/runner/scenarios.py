"""What is measured, and what mesh has to reach."""

from dataclasses import dataclass, field

MEGABYTE = 1_000_000


@dataclass
class Scenario:
    """One kind of load, the same for every server. The cost is the server's CPU time for one operation
    or byte; of idle connections it is memory."""

    name: str
    what: str
    mode: str
    transport: str  # tls: the server ends it; hello: it passes TLS through
    backend: str
    unit: str
    arguments: tuple = ()
    check: tuple = ()  # instead of `arguments` when what arrives is compared
    per: str = "operations"
    scale: float = 1e6  # seconds to the unit
    targets: dict[str, float] = field(default_factory=dict)  # ratio to a peer that mesh must not exceed
    bound: float | None = None  # or the cost itself

    @property
    def connections(self) -> int:
        return self.arguments[self.arguments.index("--connections") + 1]

    def cost(self, result: dict) -> float:
        return result["server_cpu_s"] / result[self.per] * self.scale

    def wrong(self, result: dict) -> str | None:
        """Why the result counts for nothing."""
        if result["errors"]:
            return ", ".join(f"{count} x {what}" for what, count in result["errors"].items())
        if not result[self.per]:
            return "nothing happened"
        if not result["server_cpu_s"]:
            return "the server spent no CPU time: somebody else has served"
        if "--resume" in self.arguments and result["resumed"] != result["operations"]:
            return f"{result['operations'] - result['resumed']} of {result['operations']} were not resumed"
        return None


def handshakes(name, what, *arguments, **rest) -> Scenario:
    return Scenario(name, what, "connect", "tls", "echo", "us", ("--connections", 32, *arguments), **rest)


def bulk(name, what, transport, direction, connections, **rest) -> Scenario:
    arguments = ("--direction", direction, "--connections", connections)
    return Scenario(name, what, "bulk", transport, "source" if direction == "out" else "sink", "ns", arguments,
                    per="bytes", scale=1e9,
                    check=(*arguments, "--verify", "--bytes", 64 * MEGABYTE // connections), **rest)


SCENARIOS = [
    handshakes("hs-full", "full TLS 1.3 handshake, P-256, one byte there and back, close", "--lean",
               check=("--connections", 32), targets={"haproxy": 0.71, "nginx": 0.88}),
    handshakes("hs-resumed", "the same, resumed with the last ticket", "--resume", targets={"haproxy": 0.79}),
    bulk("bulk-out-1", "bytes to the client through TLS, 1 connection", "tls", "out", 1, targets={"haproxy": 0.80}),
    bulk("bulk-out-64", "the same, 64 connections", "tls", "out", 64, targets={"haproxy": 0.80}),
    bulk("bulk-in-1", "bytes from the client through TLS, 1 connection", "tls", "in", 1),
    bulk("bulk-in-64", "the same, 64 connections", "tls", "in", 64),
    bulk("pass-out-1", "bytes to the client, TLS passed through, 1 connection", "hello", "out", 1,
         targets={"haproxy": 0.58}),
    bulk("pass-out-64", "the same, 64 connections", "hello", "out", 64, targets={"haproxy": 0.22}),
    bulk("pass-in-64", "bytes from the client, TLS passed through, 64 connections", "hello", "in", 64),
    Scenario("pass-new", "new connection, TLS passed through: ClientHello there and back, close", "connect", "hello",
             "echo", "us", ("--connections", 32), targets={"haproxy": 0.87}),
    Scenario("echo-1", "64 bytes there and back over one open TLS connection", "echo", "tls", "echo", "us",
             ("--connections", 1)),
    Scenario("echo-64", "64 bytes there and back over 64 open TLS connections", "echo", "tls", "echo", "us",
             ("--connections", 64), targets={"haproxy": 0.90}),
    Scenario("idle-tls", "memory (PSS) of an idle TLS connection", "idle", "tls", "echo", "kB", bound=14.5),
    Scenario("idle-pass", "memory (PSS) of an idle connection, TLS passed through", "idle", "hello", "echo", "kB",
             bound=0.8),
]
