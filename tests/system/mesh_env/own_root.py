"""Runs a command in a mount namespace whose root is this process's root: `python3 own_root.py COMMAND…`.

In a plain chroot the root of the namespace is somebody else's folder, and a container's processes that join its
namespace later (docker exec, health checks) would find themselves there. Control groups are mounted where there are
none. All of it ends with the last process inside; outside nothing is mounted."""

import ctypes
import os
import sys
from pathlib import Path

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
_BIND, _REC, _PRIVATE, _DETACH = 4096, 16384, 1 << 18, 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


def _check(what: str, result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    _check(f"mount {target}", _libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]))


def _mount_points() -> list[str]:
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def mount_groups() -> None:
    if any(point.startswith("/sys/fs/cgroup") for point in _mount_points()):
        return
    hierarchies = [line.split(":")[1] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    if hierarchies == [""]:
        return _mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0)
    _mount("cgroup", "/sys/fs/cgroup", "tmpfs", 0)
    for controllers in filter(None, hierarchies):
        place = Path("/sys/fs/cgroup") / controllers.removeprefix("name=")
        place.mkdir()
        _mount("cgroup", str(place), "cgroup", 0, f"none,{controllers}" if "=" in controllers else controllers)


def enter() -> None:
    """The parent process tells where the root is, seen from outside."""
    _check("unshare", _libc.unshare(_NEW_MOUNTS))
    own = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    _check("setns", _libc.setns(own, _NEW_MOUNTS))  # the namespace's root is this process's from here on
    os.close(own)
    _mount(None, "/", None, _REC | _PRIVATE)
    root = os.readlink(f"/proc/{os.getppid()}/root")
    if root != "/":
        _mount(root, root, None, _BIND | _REC)
        os.chdir(root)
        _check("pivot_root", _libc.syscall(_PIVOT_ROOT[os.uname().machine], b".", b"."))
        _check("umount", _libc.umount2(b".", _DETACH))
    os.chdir("/")


if __name__ == "__main__":
    enter()
    mount_groups()
    os.execvp(sys.argv[1], sys.argv[1:])
