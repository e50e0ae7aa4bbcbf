# ctest: timeout=900 labels=long
"""test_store_flips.py with bytes all over the store."""

import random

from flip_sweep import Sweep


def test_F85_F87_500_flipped_bytes(unprivileged):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    Sweep(unprivileged, rounds=50, seed=seed).run()
