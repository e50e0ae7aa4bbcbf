"""Consul: one server on loopback whose registrations survive its restart, and what a test tells it."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import urllib.parse
from pathlib import Path

from pebble_env import EnvironmentFailure, Process

from .waiting import scaled

FETCH = Path(__file__).resolve().parents[1] / "consul-testenv" / "fetch"
MASTER_TOKEN = "6f1a4c53-0000-4000-8000-000000000001"
"""Of an agent with access control: may do everything."""


def consul_program() -> str:
    """The path of consul, fetched at first use."""
    done = subprocess.run([str(FETCH)], capture_output=True, text=True)
    if done.returncode != 0:
        raise EnvironmentFailure(f"{FETCH} failed: {done.stderr.strip()}")
    return str(Path(done.stdout.strip().splitlines()[-1]) / "consul")


class ConsulAgent:
    """A server of one, with its agent: `agent -dev` would lose its catalogue with the process. Other names and
    nodes than its own are put into the catalogue with `enter`."""

    def __init__(self, directory: Path, address: str, ports: dict[str, int], access_control: bool = False):
        """`ports`: http, server, serf."""
        self.directory = directory
        self.address = address
        self.port = ports["http"]
        self.token = MASTER_TOKEN if access_control else ""
        directory.mkdir(exist_ok=True)
        self.process = Process("consul", directory / "consul.log")
        self._config_file = directory / "consul.json"
        self._config_file.write_text(json.dumps(self._configuration(ports, access_control), indent=2))

    def _configuration(self, ports: dict[str, int], access_control: bool) -> dict:
        config = {
            "server": True, "bootstrap_expect": 1, "node_name": "agent-node", "datacenter": "dc1",
            "data_dir": str(self.directory / "data"), "bind_addr": self.address, "client_addr": self.address,
            "ports": {"http": ports["http"], "https": -1, "dns": -1, "grpc": -1, "server": ports["server"],
                      "serf_lan": ports["serf"], "serf_wan": -1},
            "disable_update_check": True, "disable_remote_exec": True, "leave_on_terminate": False,
            "performance": {"raft_multiplier": 1}, "telemetry": {"prometheus_retention_time": "1h"},
            "connect": {"enabled": False}, "log_level": "WARN",
        }
        if access_control:
            config["acl"] = {"enabled": True, "default_policy": "deny",
                             "tokens": {"master": MASTER_TOKEN, "agent": MASTER_TOKEN}}
        return config

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    # --- life ---

    def start(self) -> ConsulAgent:
        self.process.start([consul_program(), "agent", "-config-file", str(self._config_file)],
                           env={**os.environ, "GOMAXPROCS": "2"})
        self.process.wait_until_answering(self._has_leader, scaled(30))
        return self

    def _has_leader(self) -> bool:
        try:
            return bool(self.get("/v1/status/leader")) and "agent-node" in json.dumps(self.get("/v1/catalog/nodes"))
        except http.client.HTTPException as refused:
            raise OSError(str(refused)) from refused

    def stop(self) -> None:
        self.process.stop()

    # --- requests ---

    def request(self, method: str, path: str, body=None) -> bytes:
        """Answers other than 200 raise http.client.HTTPException with their text."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=scaled(15))
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"X-Consul-Token": self.token} if self.token else {})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise http.client.HTTPException(f"{method} {path}: {answer.status} {text[:300]!r}")
        return text

    def get(self, path: str):
        return json.loads(self.request("GET", path))

    def put(self, path: str, body=None) -> bytes:
        return self.request("PUT", path, body)

    # --- services of this agent ---

    def register(self, name: str, port: int, tags: list[str], *, id: str = "", address: str = "",
                 check: bool = True) -> str:
        """A passing instance; with `check`, set_status says later how it is. Returns its ID."""
        id = id or name
        body = {"Name": name, "ID": id, "Port": port, "Tags": tags, "Address": address}
        if check:
            body["Check"] = {"CheckID": f"service:{id}", "TTL": "1h", "Status": "passing"}
        self.put("/v1/agent/service/register", body)
        if check:
            self.set_status(id, "passing")  # a status given at registration is forgotten at a restart, one set is not
        return id

    def deregister(self, id: str) -> None:
        self.put(f"/v1/agent/service/deregister/{urllib.parse.quote(id, safe='')}")

    def set_status(self, id: str, status: str) -> None:
        """passing, warning or critical."""
        self.put(f"/v1/agent/check/update/{urllib.parse.quote(f'service:{id}', safe='')}", {"Status": status})

    def maintenance(self, id: str, on: bool) -> None:
        self.put(f"/v1/agent/service/maintenance/{urllib.parse.quote(id, safe='')}?enable={str(on).lower()}")

    # --- the catalogue itself ---

    def enter(self, node: str, name: str, id: str, address: str, port: int, tags: list[str],
              status: str = "passing") -> None:
        """An instance on any node, as that node's agent would enter it."""
        self.put("/v1/catalog/register", {
            "Node": node, "Address": "127.0.0.1", "SkipNodeUpdate": False,
            "Service": {"ID": id, "Service": name, "Address": address, "Port": port, "Tags": tags},
            "Check": self.check(node, name, id, status)})

    @staticmethod
    def check(node: str, name: str, id: str, status: str) -> dict:
        return {"Node": node, "CheckID": f"service:{id}", "Name": "check", "Status": status, "ServiceID": id,
                "ServiceName": name}

    def set_checks(self, checks: list[dict]) -> None:
        """Many at once; see `check`."""
        for begin in range(0, len(checks), 60):
            self.put("/v1/txn", [{"Check": {"Verb": "set", "Check": {**one, "ServiceTags": []}}}
                                 for one in checks[begin:begin + 60]])

    # --- access control ---

    def make_token(self, rules: str) -> tuple[str, str]:
        """A token with these rules (HCL) and no other: the secret, and the name it is managed by."""
        name = f"policy-{abs(hash(rules))}"
        self.put("/v1/acl/policy", {"Name": name, "Rules": rules})
        made = json.loads(self.put("/v1/acl/token", {"Policies": [{"Name": name}]}))
        return made["SecretID"], made["AccessorID"]

    def delete_token(self, accessor: str) -> None:
        self.request("DELETE", f"/v1/acl/token/{accessor}")

    # --- what it was asked ---

    def requests(self, path: str = "") -> int:
        """GETs it has answered since its start whose path, dots for slashes, begins with `path`: 'v1.health'."""
        text = self.request("GET", "/v1/agent/metrics?format=prometheus").decode()
        wanted = path.replace(".", "_")
        return sum(int(float(count)) for name, count in re.findall(r"^consul_http_GET_(\w+)_count (\S+)$", text, re.M)
                   if name.startswith(wanted))
