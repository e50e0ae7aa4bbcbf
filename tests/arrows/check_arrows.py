#!/usr/bin/env python3
"""Holds the architecture: which room may include which, and where third-party headers may occur.

    check_arrows.py [SOURCE_ROOT]      default: src/ of this repository

Prints one line per finding, `file:line: what`, and exits 1 when there is any. The table below is
that of docs/architecture.md; a new arrow is added in both, with a reason.
"""

import pathlib
import re
import sys
from collections import defaultdict
from typing import Iterator, NamedTuple

# Direct arrows. A room may also use what those it may use may use.
MAY_USE = {
    "base": [],
    "rules": ["base"],
    "model": ["base", "rules"],
    "config": ["base", "rules", "model"],
    "tls": ["base"],
    "certs": ["base", "tls"],
    "proxy": ["base", "rules", "model", "tls", "certs"],
    "http": ["base"],
    "providers": ["config", "http"],
    "acme": ["base", "tls", "http"],
    "store": ["base"],
    "control": ["model", "certs", "acme", "store"],
    "observe": ["base"],
    "ipc": ["base"],
    "watch": ["base"],
    "app": ["config", "providers", "proxy", "control", "observe", "ipc", "watch"],
    "cli": ["app"],
    "main": ["cli"],
}

# What the closure of the table could come to allow by a careless edit, and must not.
NEVER = [
    ("proxy", {"config", "control", "acme", "store", "http", "providers"}),
    ("acme", {"store"}),
    ("store", {"acme"}),
]


class Library(NamedTuple):
    """A third-party library that stays behind the doors of some rooms.

    Headers of such a room may include it as long as no other room includes those headers: what a
    library costs to compile, and how to use it safely, is then one room's business.
    """

    name: str
    header: str  # regular expression over the text between < and >
    rooms: tuple = ()  # may include it; () = every room


LIBRARIES = [
    Library("OpenSSL", r"openssl/", ("tls",)),
    Library("libcurl", r"curl/", ("http",)),
    Library("SQLite", r"SQLiteCpp/|sqlite3\.h$", ("store",)),
    Library("Asio", r"boost/asio", ("proxy", "app")),
    Library("yaml-cpp", r"yaml-cpp/", ("config",)),
    Library("RE2", r"re2/", ("rules",)),
    Library("libidn2", r"idn2\.h$", ("base",)),
    Library("CLI11", r"CLI/", ("cli",)),
    Library("nlohmann/json.hpp", r"nlohmann/json\.hpp$"),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
USES = re.compile(r"\bUSES\s+((?:[a-z_]+\s*)+)")
VAGUE_CLASS = re.compile(r"\b(?:class|struct)\s+(\w*(?:Manager|Helper|Util|Utils))\b")
VAGUE_FILE = re.compile(r"(?:^|_)(?:manager|helpers?|utils?)$")
# Written so that a search of the tree for these words does not find this line.
LEFT_OVER = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b")


class Include(NamedTuple):
    line: int
    ours: str  # path below the source root, or ""
    theirs: str  # what stands between < and >, or ""


class Source(NamedTuple):
    path: str  # below the source root, with /
    room: str
    lines: list
    includes: list

    @property
    def is_header(self) -> bool:
        return self.path.endswith(".hpp")


def closure(table: dict) -> dict:
    """Everything each room may use, itself included."""

    def reach(room: str, seen: set) -> set:
        if room not in seen:
            seen.add(room)
            for used in table[room]:
                reach(used, seen)
        return seen

    return {room: reach(room, set()) for room in table}


def read_sources(root: pathlib.Path) -> dict:
    sources = {}
    for path in sorted(root.rglob("*")):
        if path.suffix not in (".hpp", ".cpp", ".h", ".in") or not path.is_file():
            continue
        name = path.relative_to(root).as_posix()
        room = name.split("/")[0] if "/" in name else path.stem
        lines = path.read_text(encoding="utf-8").splitlines()
        includes = []
        for number, line in enumerate(lines, 1):
            if found := INCLUDE.match(line):
                includes.append(Include(number, found[1] or "", found[2] or ""))
        sources[name] = Source(name, room, lines, includes)
    return sources


def check_rooms(sources: dict, root: pathlib.Path) -> Iterator[str]:
    allowed = closure(MAY_USE)
    for room, forbidden in NEVER:
        for used in sorted(allowed[room] & forbidden):
            yield f"the table itself lets {room} use {used}"
    for source in sources.values():
        if source.room not in allowed:
            yield f"{source.path}:1: no such room: {source.room}"
            continue
        for include in source.includes:
            if not include.ours:
                continue
            at = f"{source.path}:{include.line}"
            if include.ours not in sources:
                yield f'{at}: "{include.ours}" is no file below the source root'
                continue
            used = sources[include.ours].room
            if used not in allowed[source.room]:
                yield f"{at}: {source.room} may not use {used}"
    for listing in sorted(root.glob("*/CMakeLists.txt")):
        room = listing.parent.name
        for found in USES.finditer(listing.read_text(encoding="utf-8")):
            for used in found[1].split():
                if used not in allowed.get(room, set()):
                    yield f"{room}/CMakeLists.txt:1: {room} may not use {used}"


def check_cycles(sources: dict) -> Iterator[str]:
    done, path = set(), []

    def visit(name: str) -> Iterator[str]:
        if name in path:
            yield f"{name}:1: includes itself: " + " -> ".join(path[path.index(name) :] + [name])
            return
        if name in done or name not in sources:
            return
        path.append(name)
        for include in sources[name].includes:
            if include.ours:
                yield from visit(include.ours)
        path.pop()
        done.add(name)

    for name in sources:
        yield from visit(name)


def headers_that_reach(sources: dict, header: re.Pattern) -> dict:
    """Our headers through which one gets `header`, each with the reason."""
    reason, includers = {}, defaultdict(list)
    for source in sources.values():
        for include in source.includes:
            if include.ours:
                includers[include.ours].append(source)
            elif source.is_header and header.match(include.theirs):
                reason[source.path] = f"<{include.theirs}>"
    waiting = list(reason)
    while waiting:
        reached = waiting.pop()
        for source in includers[reached]:
            if source.is_header and source.path not in reason:
                reason[source.path] = reached
                waiting.append(source.path)
    return reason


def check_library(sources: dict, library: Library) -> Iterator[str]:
    header = re.compile(library.header)
    reaching = headers_that_reach(sources, header)
    for source in sources.values():
        for include in source.includes:
            at = f"{source.path}:{include.line}"
            if include.theirs and header.match(include.theirs):
                if library.rooms and source.room not in library.rooms:
                    yield f"{at}: {library.name} belongs into {', '.join(library.rooms)} only"
            elif include.ours in reaching and source.room != include.ours.split("/")[0]:
                yield f"{at}: brings {library.name} along, by way of {reaching[include.ours]}"


def check_words(sources: dict) -> Iterator[str]:
    for source in sources.values():
        if VAGUE_FILE.search(pathlib.PurePosixPath(source.path).stem.split(".")[0]):
            yield f"{source.path}:1: name the file after what it does"
        for number, line in enumerate(source.lines, 1):
            if found := VAGUE_CLASS.search(line):
                yield f"{source.path}:{number}: name {found[1]} after what it does"
            if found := LEFT_OVER.search(line):
                yield f"{source.path}:{number}: {found[1]}: do it, or leave it out"


def findings(root: pathlib.Path) -> list:
    sources = read_sources(root)
    found = [*check_rooms(sources, root), *check_cycles(sources), *check_words(sources)]
    for library in LIBRARIES:
        found += check_library(sources, library)
    return found if sources else [f"{root}: no source files"]


def main() -> int:
    repository = pathlib.Path(__file__).resolve().parents[2]
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else repository / "src"
    found = findings(root)
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
