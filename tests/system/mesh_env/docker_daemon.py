"""A dockerd or a Podman service of a test's own, spoken to by the Engine API alone, and containers in it.

Everything a daemon keeps lies in a short folder below /tmp (paths of Unix sockets are short). At the end its
containers, processes, mounts and that folder are gone, also when the daemon was killed or never came up.
Containers use the host's network: all traffic stays on loopback, and no bridge or firewall rule is made."""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse
from pathlib import Path

from pebble_env import EnvironmentFailure, Process, require_tool

from .waiting import scaled, wait_until

_BUSYBOX = "/bin/busybox"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float):
        super().__init__("engine", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _mount_points() -> list[str]:
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


_claims: list[socket.socket] = []
"""One for each port this process was given: nobody listens there yet, or not at the moment."""


def free_port() -> int:
    """On every address of this host, outside of the range outgoing connections take theirs from. No other test
    program is given it while this one lives."""
    while True:
        port = random.SystemRandom().randint(15000, 31000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0mesh-test-port-{port}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        return port


def _root_folder() -> bytes:
    """A tar archive with a static busybox under the names that containers here use."""
    if not os.access(_BUSYBOX, os.X_OK) or b"busybox-static" not in subprocess.run(
            ["dpkg-query", "-W", "-f", "${Package}", "busybox-static"], capture_output=True).stdout:
        raise EnvironmentFailure("containers need a static busybox: apt-get install busybox-static")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(os.path.realpath(_BUSYBOX), "bin/busybox")
        for name in ("sh", "cat", "echo", "nc", "rm", "sleep", "test", "touch"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name in ("tmp", "etc", "proc", "sys", "dev"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
    return archive.getvalue()


class Container:
    """A running container: a server that says its name and then echoes, on a port of 127.0.0.1."""

    def __init__(self, engine: Engine, identifier: str, name: str, port: int):
        self._engine = engine
        self.id = identifier
        self.name = name
        self.port = port

    def stop(self) -> None:
        self._engine.api("POST", f"/containers/{self.id}/stop", expect=(204, 304))

    def start(self) -> None:
        self._engine.api("POST", f"/containers/{self.id}/start", expect=(204, 304))

    def remove(self) -> None:
        self._engine.api("DELETE", f"/containers/{self.id}?force=true&v=true", expect=(200, 204, 404))

    def execute(self, *command: str) -> None:
        created = self._engine.api("POST", f"/containers/{self.id}/exec", {"Cmd": list(command)}, expect=(201,))
        self._engine.api("POST", f"/exec/{created['Id']}/start", {"Detach": True}, expect=(200, 204))

    def health(self) -> str:
        state = self._engine.api("GET", f"/containers/{self.id}/json")["State"]
        return (state.get("Health") or {}).get("Status", "")


class Engine:
    """What Docker and Podman have in common. `with` it, or start() and close()."""

    name = "engine"

    def __init__(self, log_directory: Path):
        if os.geteuid() != 0:
            raise EnvironmentFailure(f"{self.name} of the tests runs as root: run the tests as root")
        self.folder = Path(tempfile.mkdtemp(prefix=f"mesh-{self.name}-", dir="/tmp"))
        self.socket = self.folder / "api.sock"
        self.process = Process(self.name, log_directory / f"{self.name}.log")
        self._image = ""

    # --- for each of them ---

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    # --- life ---

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"

    def __enter__(self) -> Engine:
        return self.start()

    def __exit__(self, *_) -> None:
        self.close()

    def start(self, seconds: float = 60.0) -> Engine:
        try:
            self.process.start([*self._own_root(), *self.command()], self.environment())
            self.process.wait_until_answering(self._answers, scaled(seconds))
        except BaseException:
            self.close()
            raise
        return self

    def stop(self) -> None:
        """The daemon ends; its containers go on."""
        self.process.stop(scaled(20))

    def kill(self) -> None:
        """The daemon crashes; its containers go on."""
        self.process.kill()
        # Its containerd went with it, but counts as running where nobody reaps it.
        (self.folder / "exec/containerd/containerd.pid").unlink(missing_ok=True)

    def close(self) -> None:
        if not self.folder.exists():
            return
        if self.process.running:
            self._remove_containers()
        self.process.stop(scaled(20))
        self._kill_what_is_left()
        self._unmount()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            self.api("GET", "/version", seconds=2)
        except (http.client.HTTPException, AssertionError):
            return False
        return True

    def _remove_containers(self) -> None:
        try:
            for one in self.api("GET", "/containers/json?all=true"):
                self.api("DELETE", f"/containers/{one['Id']}?force=true&v=true", expect=(200, 204, 404, 409))
        except (OSError, http.client.HTTPException, AssertionError):
            pass  # a daemon that cannot: what it leaves is killed

    def _ours(self) -> list[int]:
        """Processes whose command line names our folder: containerd, shims, monitors; and what these started."""
        mark = str(self.folder).encode()
        parents: dict[int, int] = {}
        ours = set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if mark in (entry / "cmdline").read_bytes():
                    ours.add(int(entry.name))
            except (OSError, IndexError):
                continue
        grown = True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in ours and pid not in ours}
            grown = bool(more)
            ours |= more
        return sorted(ours)

    def _kill_what_is_left(self) -> None:
        deadline = time.monotonic() + scaled(10)
        while (left := self._ours()) and time.monotonic() < deadline:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        assert not left, f"processes of {self.name} do not end: {left}"

    @staticmethod
    def _own_root() -> list[str]:
        """Daemons and containers need a root that is a mount point, and control groups: not so in a plain chroot."""
        mounted = _mount_points()
        if "/" in mounted and any(point.startswith("/sys/fs/cgroup") for point in mounted):
            return []
        return [sys.executable, str(Path(__file__).with_name("own_root.py"))]

    def _unmount(self) -> None:
        for point in reversed(self._mounts()):
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
        assert not self._mounts(), f"mounts of {self.name} do not go: {self._mounts()}"

    def _mounts(self) -> list[str]:
        return [point for point in _mount_points() if point.startswith(f"{self.folder}/")]

    # --- the API ---

    def api(self, method: str, path: str, body: dict | bytes | None = None, expect: tuple[int, ...] = (200,),
            seconds: float = 30.0):
        """The decoded answer; fails with the daemon's words on another status."""
        connection = _UnixConnection(self.socket, scaled(seconds))
        is_archive = isinstance(body, bytes)
        content = body if is_archive or body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/x-tar" if is_archive else "application/json"}
        try:
            connection.request(method, path, content, headers if content is not None else {})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        assert answer.status in expect, f"{self.name}: {method} {path}: {answer.status} {text}"
        try:
            return json.loads(text) if text else None
        except ValueError:
            return text

    # --- containers ---

    def image(self) -> str:
        """A folder with a static busybox, imported: no registry is asked."""
        if not self._image:
            answer = self.api("POST", "/images/create?fromSrc=-", _root_folder())
            lines = answer.splitlines() if isinstance(answer, str) else [json.dumps(answer)]
            self._image = json.loads(lines[-1])["status"]
        return self._image

    def run(self, name: str, labels: dict[str, str], *, says: str | None = None, port: int | None = None,
            health: str | None = None, expose: bool = True, echo: bool = False) -> Container:
        """A container that serves on a free port of this host. `says`: its line, else its name; with `echo` none.
        `health`: a shell command that is run each second."""
        port = port or free_port()
        greeting = "" if echo else f"echo {says or name}; "
        body = {
            "Image": self.image(), "Labels": labels,
            "Cmd": ["/bin/nc", "-ll", "-p", str(port), "-e", "/bin/sh", "-c", f"{greeting}exec cat"],
            "HostConfig": {"NetworkMode": "host"}, "StopSignal": "SIGKILL",
        }
        if expose:
            body["ExposedPorts"] = {f"{port}/tcp": {}}
        if health is not None:
            second = 1_000_000_000
            body["Healthcheck"] = {"Test": ["CMD-SHELL", health], "Interval": second, "Timeout": 5 * second,
                                   "Retries": 1}
        created = self.api("POST", f"/containers/create?name={urllib.parse.quote(name)}", body, expect=(201,))
        container = Container(self, created["Id"], name, port)
        container.start()
        wait_until(lambda: self._listens(port), 30, f"container {name} on port {port}")
        return container

    @staticmethod
    def _listens(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0


class DockerDaemon(Engine):
    """dockerd without network of its own. Containers outlive it (live-restore)."""

    name = "docker"

    def command(self) -> list[str]:
        configuration = self.folder / "daemon.json"
        configuration.write_text("{}")  # not that of the host
        (self.folder / "docker.pid").unlink(missing_ok=True)
        return [
            require_tool("dockerd", "docker.io"), f"--config-file={configuration}", f"--host={self.endpoint}",
            f"--data-root={self.folder / 'data'}", f"--exec-root={self.folder / 'exec'}",
            f"--pidfile={self.folder / 'docker.pid'}", "--storage-driver=vfs", "--live-restore", "--bridge=none",
            "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
        ]


class PodmanService(Engine):
    """Podman's service with Docker's API."""

    name = "podman"

    def command(self) -> list[str]:
        return [require_tool("podman", "podman"), f"--root={self.folder / 'root'}", f"--runroot={self.folder / 'run'}",
                f"--tmpdir={self.folder / 'tmp'}", "--storage-driver=vfs", "--events-backend=file",
                "--cgroup-manager=cgroupfs", "system", "service", "--time=0", self.endpoint]

    def environment(self) -> dict[str, str]:
        # Its default limits may be above what this host allows.
        settings = self.folder / "containers.conf"
        settings.write_text('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
                            '[engine]\nevents_logger = "file"\ncgroup_manager = "cgroupfs"\n')
        return {"CONTAINERS_CONF": str(settings)}
