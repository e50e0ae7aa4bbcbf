#!/usr/bin/env python3
"""Holds the table of cases in README.md: every number is there once, with a test that exists or a reason.

    check_cases.py [TABLE]      default: README.md beside this file

Prints one line per finding and exits 1 when there is any. Needs no build.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

from case_table import check, known_tests  # noqa: E402

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


def main() -> int:
    table = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "README.md"
    findings = check(table.read_text(encoding="utf-8"), CASES, known_tests())
    for finding in findings:
        print(f"{table.name}: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
