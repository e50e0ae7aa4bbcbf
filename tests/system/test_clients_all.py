# ctest: timeout=900 labels=long
"""Every client with every version, cipher suite, group and kind of resumption at once: what test_clients.py takes one
by one. The last test prints all of it as one table."""

import pytest
from real_client_cases import Bench, every_combination, run_case, table

from mesh_env.real_clients import CLIENTS

COMBINATIONS = every_combination()


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with Bench(tmp_path_factory.mktemp("clients")) as bench:
        yield bench


@pytest.mark.parametrize("case", COMBINATIONS)
@pytest.mark.parametrize("client", CLIENTS)
def test_client(bench, client, case):
    run_case(bench, client, case, COMBINATIONS[case])


def test_all_of_it_is_one_table(bench):
    print(table(bench.rows))
    assert len(bench.rows) == len(CLIENTS) * len(COMBINATIONS)
