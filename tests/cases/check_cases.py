#!/usr/bin/env python3
"""Holds the tables of this folder: every row names tests that exist, or gives a reason.

    check_cases.py [TABLE...]      default: all of this folder

Tests are named in backquotes in the last column: the name of a TEST_CASE anywhere under tests/, or
FILE.py::FUNCTION of a system test. Which rows a table must have stands in it: "Rows: C1-C22, C30."
Prints one line per finding and exits 1 when there is any. Needs no build.
"""

import importlib.util
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROW = re.compile(r"^\|\s*([A-Z]*\d+[a-z]?)\s*\|.*\|\s*([^|]*?)\s*\|$")
RANGE = re.compile(r"([A-Z]*)(\d+)(?:-[A-Z]*(\d+))?")


def known_tests() -> set[str]:
    """As the table of the fault CA finds them."""
    spec = importlib.util.spec_from_file_location("fault_cases", HERE.parent / "fault" / "check_cases.py")
    fault_cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fault_cases)
    return fault_cases.known_tests()


def expected_rows(text: str) -> set[str]:
    rows = set()
    for line in re.findall(r"^Rows: (.*?)\.$", text, re.MULTILINE):
        for prefix, first, last in RANGE.findall(line):
            rows |= {f"{prefix}{number}" for number in range(int(first), int(last or first) + 1)}
    return rows


def check(text: str, known: set[str]) -> list[str]:
    findings, seen = [], set()
    expected = expected_rows(text)
    if not expected:
        findings.append("no line 'Rows: …' says which rows there must be")
    for line in text.splitlines():
        row = ROW.match(line)
        if not row:
            continue
        case, held_by = row.groups()
        if case in seen:
            findings.append(f"{case}: twice in the table")
        if case not in expected:
            findings.append(f"{case}: not a row of this table")
        seen.add(case)
        names = re.findall(r"`([^`]+)`", held_by)
        findings += [f"{case}: no test is called {name!r}" for name in names if name not in known]
        if not names and not re.match(r"n/a: \S", held_by):
            findings.append(f"{case}: neither a test nor a reason (n/a: …)")
    return findings + [f"{case}: missing" for case in sorted(expected - seen)]


def main() -> int:
    tables = [pathlib.Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("*.md"))
    known = known_tests()
    findings = [f"{table.name}: {finding}" for table in tables
                for finding in check(table.read_text(encoding="utf-8"), known)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
