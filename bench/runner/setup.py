"""What a run needs before it begins: the generator, mesh, the peers, and where they run."""

import argparse
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from .peers import Mesh, Peer, all_peers
from .processes import Failed, Load, Placement, may_use_real_time

BENCH = Path(__file__).resolve().parent.parent
REPOSITORY = BENCH.parent


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mesh", type=Path, help="(build/release/mesh, which is built if it is not there)")
    parser.add_argument("--load", type=Path, help="mesh_load; without it, it is built into build/bench")
    parser.add_argument("--scheduling", choices=["rr", "other"], help="rr: real-time, as root (default where allowed)")
    parser.add_argument("--install", action="store_true", help="install with apt-get what is missing, as root")
    parser.add_argument("--results", type=Path, default=BENCH / "results", help="folder of the JSON (bench/results)")


def chosen(names: str | None, all_of: list, what: str) -> list:
    if names is None:
        return all_of
    by_name = {one.name: one for one in all_of}
    unknown = [name for name in names.split(",") if name not in by_name]
    if unknown:
        raise Failed(f"no {what} '{unknown[0]}'; there are: {' '.join(by_name)}")
    return [one for one in all_of if one.name in names.split(",")]


def install(peers: list[Peer]) -> None:
    """What cannot be installed stays missing, and is named as such later."""
    absent = [peer for peer in peers if peer.missing() and peer.package]
    if not absent:
        return
    with services_stay_off():
        apt_get("update")
        for peer in absent:
            print(f"installing {peer.package}", flush=True)
            apt_get("install", "--no-install-recommends", "-y", *peer.package.split())


def apt_get(*arguments: str) -> None:
    done = subprocess.run(["apt-get", "-qq", "-o", "Acquire::Retries=3", *arguments], capture_output=True, text=True,
                          env={"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    if done.returncode != 0:
        print(f"apt-get {' '.join(arguments)}: {done.stderr.strip().splitlines()[-1:] or done.returncode}")


@contextmanager
def services_stay_off():
    """The runner starts the servers itself, with settings of its own."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists() or os.geteuid() != 0:
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def build(what: str, *commands: list) -> None:
    for command in commands:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=REPOSITORY)
        if done.returncode != 0:
            raise Failed(f"{what} does not build: {' '.join(map(str, command))}\n{(done.stdout + done.stderr)[-3000:]}")


def build_mesh(with_dependencies: bool) -> None:
    print("building mesh", flush=True)
    if with_dependencies:
        build("mesh", ["scripts/install-build-deps", "build"])
    build("mesh", ["cmake", "--preset", "release", "-DMESH_TESTS=OFF"],
          ["cmake", "--build", "--preset", "release", "--target", "mesh"])


def built_load() -> Path:
    folder = REPOSITORY / "build/bench"
    build("the generator", ["cmake", "-S", BENCH, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"],
          ["cmake", "--build", folder])
    return folder / "mesh_load"


def mesh_for(arguments: argparse.Namespace) -> Path:
    if arguments.mesh:
        return arguments.mesh.resolve()
    mesh = REPOSITORY / "build/release/mesh"
    if not mesh.exists():
        build_mesh(arguments.install)
    return mesh


def present_peers(arguments: argparse.Namespace, load: Path) -> list[Peer]:
    wants_mesh = arguments.peers is None or "mesh" in arguments.peers.split(",")
    mesh = mesh_for(arguments) if wants_mesh else Path("none")
    peers = chosen(arguments.peers, all_peers(mesh, load), "peer")
    for also in arguments.also:
        name, equals, path = also.partition("=")
        if not equals:
            raise Failed(f"--also {also}: NAME=FILE is wanted")
        peers.append(Mesh(Path(path).resolve(), name))
    if arguments.install:
        install(peers)
    for peer in peers:
        if peer.missing() and isinstance(peer, Mesh):
            raise Failed(peer.missing())
        if peer.missing():
            print(f"missing, and so not measured: {peer.missing()}; --install installs it")
    there = [peer for peer in peers if not peer.missing()]
    if not there:
        raise Failed("no server is there")
    return there


def load_for(arguments: argparse.Namespace) -> Load:
    real_time = may_use_real_time() if arguments.scheduling is None else arguments.scheduling == "rr"
    return Load(arguments.load.resolve() if arguments.load else built_load(), Placement(real_time))
