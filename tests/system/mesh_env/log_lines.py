"""mesh's log lines, in either format, as objects."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_FIELD = re.compile(r'([A-Za-z_][\w.-]*)=("(?:[^"\\]|\\.)*"|\S*)')
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)")
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True)
class LogLine:
    text: str
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def event(self) -> str:
        return self.fields.get("event", "")

    @property
    def level(self) -> str:
        return self.fields.get("level", "")

    def __getitem__(self, key: str) -> str:
        return self.fields[key]

    def get(self, key: str, default: str = "") -> str:
        return self.fields.get(key, default)

    def matches(self, event: str, wanted: dict) -> bool:
        """A wanted value is a string (equal), a compiled pattern (found in) or a predicate."""
        return self.event == event and all(_is(self.get(key), value) for key, value in wanted.items())


def _is(value: str, wanted) -> bool:
    if isinstance(wanted, re.Pattern):
        return wanted.search(value) is not None
    if callable(wanted):
        return bool(wanted(value))
    return value == str(wanted)


def _unquote(value: str) -> str:
    if not value.startswith('"'):
        return value

    def plain(found: re.Match) -> str:
        code = found[1]
        if code.startswith("x") and len(code) == 3:
            return chr(int(code[1:], 16))
        return _SIMPLE.get(code, code)

    return _ESCAPE.sub(plain, value[1:-1])


def parse_line(text: str) -> LogLine:
    """Never fails: a line that is not a log record has no fields."""
    body = re.sub(r"^<\d>", "", text.strip())
    if body.startswith("{"):
        try:
            return LogLine(text, {key: value if isinstance(value, str) else json.dumps(value)
                                  for key, value in json.loads(body).items()})
        except (ValueError, AttributeError):
            return LogLine(text)
    return LogLine(text, {key: _unquote(value) for key, value in _FIELD.findall(body)})
