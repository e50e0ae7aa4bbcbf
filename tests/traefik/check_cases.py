#!/usr/bin/env python3
"""Holds the table of Traefik's cases in README.md: every row is there once, with a test that exists and names it, or
a reason.

    check_cases.py [TABLE]      default: README.md beside this file

Prints one line per finding and exits 1 when there is any. Needs no build.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from case_table import check, known_tests  # noqa: E402

GROUPS = {
    "R": range(1, 33),
    "S": range(1, 38),
    "D": [*range(1, 17), *range(20, 30), *range(40, 46), *range(50, 61), *range(70, 79), *range(80, 92)],
    "X": range(1, 31),
    "P": range(1, 16),
}
CASES = {f"{group}{number}" for group, numbers in GROUPS.items() for number in numbers}


def main() -> int:
    table = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "README.md"
    findings = check(table.read_text(encoding="utf-8"), CASES, known_tests(), named_inside=True)
    for finding in findings:
        print(f"{table.name}: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
