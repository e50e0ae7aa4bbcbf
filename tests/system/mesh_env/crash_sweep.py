"""A death at every crash point of an order, each followed by a life that is left alone."""

from __future__ import annotations

import time

from .crash_bench import Bench, Story, Trial, complaints


class Sweep:
    """A death at every point one order passes."""

    def __init__(self, bench: Bench, renewal: bool, names: int = 1):
        self._names = names
        started = time.monotonic()
        kind = "renewal" if renewal else "first"
        clean = self._trial(bench, f"{kind}-clean", renewal)
        listed = clean.folder / "points"
        clean.start(MESH_TEST_CRASH_LIST=str(listed))
        clean.mesh.wait_for("cert_live", seconds=40)
        clean.mesh.stop()
        self.points = listed.read_text().split()
        assert len(self.points) > 20, f"crash points need a build with -DMESH_TEST_HOOKS=ON: {self.points}"

        trials = [self._trial(bench, f"{kind}-{number}", renewal, point) for number, point in enumerate(self.points)]

        before = bench.orders_made()

        def die_and_finish(trial: Trial) -> None:
            trial.start(MESH_TEST_CRASH_AT=trial.story.what)
            trial.wait_killed()
            trial.finish()

        bench.run_all(trials, die_and_finish)
        self.stories = {trial.story.what: trial.story for trial in trials}
        self.unaccounted = bench.audit(list(self.stories.values()), bench.orders_made() - before)
        self.seconds = time.monotonic() - started

    def _trial(self, bench: Bench, name: str, renewal: bool, what: str = "") -> Trial:
        more = tuple(f"n{number}.{name}.example" for number in range(1, self._names))
        trial = Trial(bench, Story(what, f"{name}.example", renewal, more))
        if renewal:
            trial.put_due_certificate()
        return trial

    def assert_all_well(self) -> None:
        bad = {point: complaints(story) for point, story in self.stories.items()}
        bad = {point: found for point, found in bad.items() if found}
        extra = [story.extra_orders for story in self.stories.values()]
        print(f"{len(self.points)} points, {sum(s.lives[0].at_the_point for s in self.stories.values() if s.lives)} "
              f"died at theirs, {sum(extra)} extra orders, at most {max(extra)} each, {len(bad)} failures, "
              f"{self.seconds:.0f} s")
        assert not bad, "\n".join(f"{point}: {'; '.join(found)}" for point, found in bad.items())
        assert not self.unaccounted, "orders the CA has made for nobody"

    def at(self, *points: str) -> list[Story]:
        """Those of the stories that died there, all of them well."""
        missing = [point for point in points if point not in self.stories]
        assert not missing, f"{missing} not among {self.points}"
        stories = [self.stories[point] for point in points]
        for story in stories:
            assert not complaints(story), (story.what, complaints(story))
            assert story.lives[0].at_the_point, story.what
        return stories
