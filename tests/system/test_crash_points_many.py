# ctest: timeout=600 labels=long
"""The sweep of test_crash_points.py over orders of three names, at a CA that refuses nonces."""

import pytest

from mesh_env.crash_bench import Bench
from mesh_env.crash_sweep import Sweep


@pytest.mark.parametrize("renewal", [False, True], ids=["first", "renewal"])
def test_three_names_and_bad_nonces(env, renewal):
    env.pebble(nonce_reject_percent=15)
    Sweep(Bench(env), renewal, names=3).assert_all_well()
