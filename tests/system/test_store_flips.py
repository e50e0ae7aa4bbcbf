# ctest: timeout=150
"""Bytes of the store change under a running mesh: loaded names are served on, cold ones come from the
copy, nothing is ordered, and a restart ends with every certificate served. test_store_flips_many.py
has more of them."""

from flip_sweep import Sweep


def test_F85_F87_40_flipped_bytes(unprivileged):
    Sweep(unprivileged, rounds=4, seed=1).run()
