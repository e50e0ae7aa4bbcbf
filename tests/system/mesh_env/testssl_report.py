"""Debian's testssl.sh against one name, and what it found, read from its JSON."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pebble_env import require_tool

from .waiting import scaled

_HARMLESS = ("OK", "INFO", "DEBUG")
"""Severities below LOW. Whatever else it says counts: LOW, MEDIUM, HIGH, CRITICAL, and WARN and FATAL, by which it
tells that a check could not be made."""


@dataclass(frozen=True)
class Finding:
    id: str
    severity: str
    text: str

    @property
    def harmless(self) -> bool:
        return self.severity in _HARMLESS

    def __str__(self) -> str:
        return f"{self.severity:<8} {self.id}: {self.text}"


def run_testssl(address: tuple[str, int], name: str, folder: Path, *sections: str,
                seconds: float = 400) -> list[Finding]:
    """Every finding of the given sections (options such as '--protocols'). Asks nobody but `address`: no DNS, no
    revocation list."""
    report = folder / f"testssl-{name}.json"
    command = [require_tool("testssl", "testssl.sh"), "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none",
               "--ip", address[0], "--openssl", require_tool("openssl", "openssl"), "--jsonfile", str(report),
               *sections, f"https://{name}:{address[1]}"]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         timeout=scaled(seconds), text=True, errors="replace", cwd=folder)
    print(ran.stdout)
    assert report.exists(), f"testssl.sh ended with {ran.returncode} and wrote no report"
    return [Finding(entry["id"], entry["severity"], entry["finding"]) for entry in json.loads(report.read_text())]
