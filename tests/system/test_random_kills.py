# ctest: timeout=900 labels=long
"""kill -9 at 200 random moments, in the middle of orders and of the starts after them.

MESH_TEST_SEED repeats a run's moments; what the CA does between them differs all the same."""

import os
import random
import time

from mesh_env.crash_bench import Bench, Story, Trial, complaints

KILLS = 200


def test_two_hundred_random_kills(env):
    seed = int(os.environ.get("MESH_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"MESH_TEST_SEED={seed}")
    source = random.Random(seed)
    bench = Bench(env)
    usual = clean_run(bench)

    trials, moments = [], {}
    left = KILLS
    while left > 0:
        number = len(trials)
        trial = Trial(bench, Story(f"kill {number}", f"kill-{number}.example", renewal=number % 2 == 1), patient=False)
        if trial.story.renewal:
            trial.put_due_certificate()
        # Most are killed once, some again while they recover.
        moments[trial] = [source.uniform(0, usual) for _ in range(min(left, source.choice((1, 1, 2, 3))))]
        left -= len(moments[trial])
        trials.append(trial)

    def live_and_die(trial: Trial) -> None:
        for moment in moments[trial]:
            trial.start()
            trial.kill_after(moment)
        trial.finish()

    before = bench.orders_made()
    bench.run_all(trials, live_and_die)
    stories = [trial.story for trial in trials]
    unaccounted = bench.audit(stories, bench.orders_made() - before)
    bad = {story.what: complaints(story) for story in stories if complaints(story)}
    extra = [story.extra_orders for story in stories]
    kills = sum(len(story.lives) for story in stories)
    most = max(story.extra_orders / max(1, len(story.lives)) for story in stories)
    unvalidated = sum(order.status == "invalid" for story in stories for order in story.orders)
    print(f"{kills} kills of {len(stories)} orders within {usual:.1f} s each; {sum(extra)} extra orders "
          f"({unvalidated} because the CA found nobody to validate), at most {most:g} per restart; {len(bad)} failures")
    assert kills == KILLS
    assert not bad, "\n".join(f"{what}: {'; '.join(found)}" for what, found in bad.items())
    assert not unaccounted, "orders the CA has made for nobody"


def clean_run(bench: Bench) -> float:
    """How long an order takes when nobody interferes."""
    trial = Trial(bench, Story("clean", "clean.example", False))
    started = time.monotonic()
    trial.start()
    trial.mesh.wait_for("cert_live", seconds=40)
    took = time.monotonic() - started
    trial.mesh.stop()
    return took
