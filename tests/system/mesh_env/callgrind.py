"""What a mesh does, counted by valgrind's callgrind: instructions, system calls, allocations. No clock is involved.

Only what runs in the workers' event loops counts. The processor's features that libraries choose their code by are
hidden, so that the numbers are the same on every machine.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from pebble_env import require_tool

from .mesh import Mesh
from .waiting import wait_until

_COUNTED = "mesh::proxy::EventLoop::run(*"
_ENDS_A_COUNT = "mesh::observe::LogWriter::reopen(*"
"""Entered once for each SIGUSR1, on another thread than a worker's, which hears nothing of it."""

_ANY_PROCESSOR = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-BMI2,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load",
    # Without AVX, FMA, XOP, MOVBE, XSAVE and RDRAND, nor anything of CPUID's leaf 7.
    "OPENSSL_ia32cap": "~0x5c40180000000000:0",
}
_ALLOCATES = {"malloc", "calloc", "realloc"}  # the others end there
# Waits, looks at what is half-closed (ioctl), both a matter of timing; clocks, which without valgrind are no calls.
_NOT_ASKED = ("epoll_wait", "ioctl", "clock_gettime", "time_syscall")


@dataclass
class Counts:
    own: float = 0
    """Instructions outside libcrypto: mesh, libssl, libc, libstdc++."""
    libcrypto: float = 0
    system_calls: float = 0
    """Without those whose number is a matter of timing, and the readings of a clock."""
    allocations: float = 0

    def each(self, operations: int) -> Counts:
        return Counts(*(value / operations for value in vars(self).values()))


class Callgrind:
    """`mesh` is started by it, and not running yet."""

    def __init__(self, mesh: Mesh):
        self._mesh = mesh
        self._output = mesh.directory / "callgrind"
        self._ended = 0
        mesh.start(wrapper=self._command(), env=_ANY_PROCESSOR, seconds=60)

    def _command(self) -> tuple[str, ...]:
        return (require_tool("valgrind", "valgrind"), "--quiet", "--tool=callgrind", "--vgdb=no",
                f"--callgrind-out-file={self._output}", "--compress-strings=no", "--compress-pos=no",
                "--dump-instr=yes", "--collect-systime=yes", f"--toggle-collect={_COUNTED}",
                f"--dump-before={_ENDS_A_COUNT}")

    def count(self) -> Counts:
        """All since the last call."""
        self._ended += 1
        file = Path(f"{self._output}.{self._ended}")
        self._mesh.signal(signal.SIGUSR1)
        wait_until(lambda: file.exists() and "\ntotals:" in file.read_text(), 30,
                   f"{file}, as {_ENDS_A_COUNT} is to be entered once for each SIGUSR1")
        return _counts_in(file)


def _counts_in(file: Path) -> Counts:
    counts = Counts()
    calls: dict[str, tuple[int, int]] = {}  # the first instruction of each: where, and how often it was executed
    library = function = ""
    of_call = False
    for line in file.read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "ob":
            library = os.path.basename(value)
        elif key == "fn":
            function = value
        elif key == "calls":
            of_call = True  # the next line is what it cost, which is in the function's own lines
        elif line.startswith("0x") and not of_call:
            address, _, instructions, *more = line.split()
            _add(counts, library, function, int(instructions), int(more[0]) if more else 0)
            if function in _ALLOCATES:
                first = (int(address, 16), int(instructions))
                calls[function] = min(first, calls.get(function, first))
        else:
            of_call = False
    counts.allocations = sum(times for _, times in calls.values())
    return counts


def _add(counts: Counts, library: str, function: str, instructions: int, system_calls: int) -> None:
    if library.startswith("libcrypto."):
        counts.libcrypto += instructions
    else:
        counts.own += instructions
    if not function.startswith(_NOT_ASKED):
        counts.system_calls += system_calls
