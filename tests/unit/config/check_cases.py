#!/usr/bin/env python3
"""Holds the table of cases in cases.md: every row is there once, with a test that exists or a reason.

    check_cases.py [TABLE]      default: cases.md beside this file

What holds a row stands in backquotes: the name of a TEST_CASE, a source file beside this one that has the row's number
as the first string of one of its cases, or a source file for an n/a row. Prints one line per finding and exits 1 when
there is any. Needs no build.
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "fault"))

from check_cases import known_tests  # noqa: E402

ROWS = [f"L{number}" for number in range(1, 47)]
ROW = re.compile(r"^\|\s*(L\d+)\s*\|[^|]*\|\s*(.*?)\s*\|$")


def has_row(source: pathlib.Path, row: str) -> bool:
    return re.search(rf'\{{"{row}[ "]', source.read_text(encoding="utf-8")) is not None


def check(table: str, known: set[str]) -> list[str]:
    findings = []
    seen = []
    for line in table.splitlines():
        match = ROW.match(line)
        if not match:
            continue
        row, held_by = match.groups()
        seen.append(row)
        reason = held_by.startswith("n/a: ")
        names = [] if reason else re.findall(r"`([^`]+)`", held_by.split(" (")[0])
        for name in names:
            if name.endswith(".cpp"):
                if not has_row(HERE / name, row):
                    findings.append(f"{row}: {name} has no case of this number")
            elif name not in known:
                findings.append(f"{row}: no test is called {name!r}")
        if not names and not reason:
            findings.append(f"{row}: neither a test nor a reason (n/a: …)")
    findings += [f"{row}: missing" for row in ROWS if row not in seen]
    findings += [f"{row}: not a row, or twice" for row in seen if row not in ROWS or seen.count(row) > 1]
    return findings


def main() -> int:
    table = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "cases.md"
    findings = check(table.read_text(encoding="utf-8"), known_tests())
    for finding in findings:
        print(f"{table.name}: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
