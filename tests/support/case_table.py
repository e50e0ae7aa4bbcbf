"""A table of cases in Markdown, held against the tests that exist.

A row is `| CASE | what it is | held by |`. What holds it is named in backquotes: a TEST_CASE anywhere under tests/,
FILE.py::FUNCTION of a system test, or bad/NAME.yaml, a configuration whose exact findings stand beside it. Or the
last column is `n/a: reason`.
"""

import pathlib
import re

TESTS = pathlib.Path(__file__).resolve().parents[1]

ROW = re.compile(r"^\|\s*([A-Z]\d+)\s*\|[^|]*\|\s*(.*?)\s*\|$")
CASE = re.compile(r'^TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', re.MULTILINE)
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
FUNCTION = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


def known_tests() -> dict[str, str]:
    """Every name that can hold a row, with the text of the test where it is C++, else ""."""
    known = {}
    for source in TESTS.rglob("*.cpp"):
        text = source.read_text(encoding="utf-8")
        found = list(CASE.finditer(text))
        ends = [match.start() for match in found[1:]] + [len(text)]
        for match, end in zip(found, ends):
            known["".join(LITERAL.findall(match.group(1)))] = text[match.start():end]
    for source in TESTS.rglob("test_*.py"):
        for name in FUNCTION.findall(source.read_text(encoding="utf-8")):
            known[f"{source.name}::{name}"] = ""
    for source in (TESTS / "unit/config/bad").glob("*.yaml"):
        known[f"bad/{source.name}"] = ""
    return known


def check(table: str, cases: set[str], known: dict[str, str], named_inside: bool = False) -> list[str]:
    """One line per finding. With `named_inside`, a C++ test must also name the case it holds."""
    findings = []
    seen = set()
    for line in table.splitlines():
        row = ROW.match(line)
        if not row:
            continue
        case, held_by = row.groups()
        if case not in cases:
            findings.append(f"{case}: not a case of the list")
        if case in seen:
            findings.append(f"{case}: twice in the table")
        seen.add(case)
        names = re.findall(r"`([^`]+)`", held_by) if not held_by.startswith("n/a: ") else []
        for name in names:
            if name not in known:
                findings.append(f"{case}: no test is called {name!r}")
            elif named_inside and known[name] and not re.search(rf"\b{case}\b", known[name]):
                findings.append(f"{case}: {name!r} does not name it")
        if not names and not re.match(r"n/a: \S", held_by):
            findings.append(f"{case}: neither a test nor a reason (n/a: …)")
    for case in sorted(cases - seen, key=lambda c: (c[0], int(c[1:]))):
        findings.append(f"{case}: missing")
    return findings
