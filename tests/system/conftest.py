"""Fixtures of the system tests, and the logs of mesh and Pebble beside every failed test."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from mesh_env import Environment  # noqa: E402
from mesh_env.unprivileged import UnprivilegedEnvironment  # noqa: E402

_ENVIRONMENT = pytest.StashKey[Environment]()


@pytest.fixture
def env(tmp_path, request):
    """A fresh Environment; see mesh_env/environment.py for what it offers."""
    with Environment(tmp_path) as environment:
        request.node.stash[_ENVIRONMENT] = environment
        yield environment


@pytest.fixture
def unprivileged(request):
    """The same, with a mesh that has no rights of its own; see mesh_env/unprivileged.py."""
    with UnprivilegedEnvironment() as environment:
        request.node.stash[_ENVIRONMENT] = environment
        yield environment


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    environment = item.stash.get(_ENVIRONMENT, None)
    if report.failed and environment is not None:
        report.sections.extend(environment.report())


def pytest_collection_modifyitems(items):
    """A test that waits without end would hide behind ctest's timeout: skipping is not allowed either."""
    for item in items:
        for mark in item.iter_markers():
            if mark.name in ("skip", "skipif"):
                pytest.exit(f"{item.nodeid}: a system test never skips; say what to install instead", returncode=1)
