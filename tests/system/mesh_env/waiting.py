"""Waiting for a condition, with a deadline that grows where the program is instrumented."""

from __future__ import annotations

import os
import time

SLOWNESS = float(os.environ.get("MESH_TEST_SLOWNESS", "1"))
"""How many times longer everything may take: 1 for a plain build, more under a sanitizer."""


def scaled(seconds: float) -> float:
    return seconds * SLOWNESS


def wait_until(condition, seconds: float = 10.0, what: str = "", interval: float = 0.02):
    """Returns the first true value of `condition()`; fails after `seconds` (scaled)."""
    deadline = time.monotonic() + scaled(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {scaled(seconds):g} s: {what or condition.__name__}")
        time.sleep(interval)
