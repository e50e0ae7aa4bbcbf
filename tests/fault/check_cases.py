#!/usr/bin/env python3
"""Holds the table of cases in README.md: every number is there once, with a test that exists or a reason.

    check_cases.py [TABLE]      default: README.md beside this file

Tests are named in backquotes: the name of a TEST_CASE anywhere under tests/, or FILE.py::FUNCTION of
a system test. Prints one line per finding and exits 1 when there is any. Needs no build.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent

GROUPS = {
    "A": range(1, 15),
    "B": [*range(15, 25), 31, 32, *range(35, 46)],
    "D": [*range(60, 68), 69, 70],
    "E": range(71, 82),
    "F": range(82, 89),
    "G": [90, 91],
    "H": [93, 94],
}
CASES = {f"{group}{number}" for group, numbers in GROUPS.items() for number in numbers}

ROW = re.compile(r"^\|\s*([A-H]\d+)\s*\|[^|]*\|\s*(.*?)\s*\|$")
CASE_NAME = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
FUNCTION = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


def known_tests() -> set[str]:
    known = set()
    for source in TESTS.rglob("*.cpp"):
        for match in CASE_NAME.finditer(source.read_text(encoding="utf-8")):
            known.add("".join(LITERAL.findall(match.group(1))))
    for source in TESTS.rglob("test_*.py"):
        for name in FUNCTION.findall(source.read_text(encoding="utf-8")):
            known.add(f"{source.name}::{name}")
    return known


def check(table: str, known: set[str]) -> list[str]:
    findings = []
    seen = set()
    for line in table.splitlines():
        row = ROW.match(line)
        if not row:
            continue
        case, held_by = row.groups()
        if case not in CASES:
            findings.append(f"{case}: not a case of the list")
        if case in seen:
            findings.append(f"{case}: twice in the table")
        seen.add(case)
        names = re.findall(r"`([^`]+)`", held_by)
        for name in names:
            if name not in known:
                findings.append(f"{case}: no test is called {name!r}")
        if not names and not re.match(r"n/a: \S", held_by):
            findings.append(f"{case}: neither a test nor a reason (n/a: …)")
    for case in sorted(CASES - seen, key=lambda c: int(c[1:])):
        findings.append(f"{case}: missing")
    return findings


def main() -> int:
    table = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "README.md"
    findings = check(table.read_text(encoding="utf-8"), known_tests())
    for finding in findings:
        print(f"{table.name}: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
