# ctest: timeout=180
"""Mesh with the TLS clients that everybody has: versions, cipher suites, groups, ALPN, client certificates and
resumption, a test for each client and case. The last test prints all of it as one table."""

import pytest
from real_client_cases import CASES, Bench, run_case, table

from mesh_env.real_clients import CLIENTS


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with Bench(tmp_path_factory.mktemp("clients")) as bench:
        yield bench


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("client", CLIENTS)
def test_client(bench, client, case):
    run_case(bench, client, case, CASES[case])


def test_all_of_it_is_one_table(bench):
    print(table(bench.rows))
    assert len(bench.rows) == len(CLIENTS) * len(CASES)
