# ctest: timeout=240
"""kill -9 at every moment of an order: before and after each commit, each request, each publication.

One clean run says which moments there are (MESH_TEST_CRASH_LIST); for each of them a mesh dies there
(MESH_TEST_CRASH_AT), is started again without the hook, and has to come to a certificate by itself.
E71 to E80 are numbers of the table of faults; E79 and E81 are in the store's unit tests."""

from pathlib import Path

import pytest

from mesh_env import Environment
from mesh_env.crash_bench import Bench
from mesh_env.crash_sweep import Sweep


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("crash")
    with Environment(folder) as environment:
        yield Bench(environment)


@pytest.fixture(scope="module")
def first(bench) -> Sweep:
    """The first order of a name, on a store that does not exist yet."""
    return Sweep(bench, renewal=False)


@pytest.fixture(scope="module")
def renewal(bench) -> Sweep:
    """The renewal of a certificate, with an account that exists."""
    return Sweep(bench, renewal=True)


def test_a_first_order_survives_death_at_every_point(first):
    first.assert_all_well()


def test_a_renewal_survives_death_at_every_point(renewal):
    renewal.assert_all_well()


def test_E71_account_key_made_and_not_told(first):
    for story in first.at("after-commit:account-key:1", "before-request:newAccount:1"):
        at_death = story.lives[0].stored.account
        assert at_death.key and not at_death.url
        assert story.end.account.key == at_death.key and story.end.account.url


def test_E72_account_made_and_its_url_not_stored(first):
    for story in first.at("after-request:newAccount:1", "before-commit:account-url:1"):
        assert not story.lives[0].stored.account.url
        assert story.new_account == ["200"], "the CA finds the account it made, and makes none"
    accounts = {story.end.account.url for story in first.stories.values()}
    assert len(accounts) == len(first.stories), "each store keeps the one account of its key"


def test_E73_order_placed_and_its_url_not_stored(first, renewal):
    for sweep in (first, renewal):
        for story in sweep.at("after-request:newOrder:1", "before-commit:order-url:1"):
            assert story.lives[0].stored.order.url == ""
            assert story.needless_orders == 1, "the CA could not be asked for an order nobody knows"
        for story in sweep.at("after-commit:order-url:1"):
            assert story.needless_orders == 0


def test_E74_challenge_published_and_not_told(first, renewal):
    for sweep in (first, renewal):
        for story in sweep.at("before-publish:challenge:1", "after-publish:challenge:1", "before-request:challenge:1"):
            assert story.needless_orders == 0


def test_E75_told_to_validate(first, renewal):
    for sweep in (first, renewal):
        for story in sweep.at("after-request:challenge:1", "before-commit:order-responded:1",
                              "after-commit:order-responded:1"):
            assert story.needless_orders == 0


def test_E76_certificate_key_made_and_not_used(first, renewal):
    for sweep in (first, renewal):
        for story in sweep.at("after-commit:order-key:1", "after-commit:order-finalize:1", "before-request:finalize:1"):
            assert story.lives[0].stored.order.key  # and complaints() holds it against the certificate's


def test_E77_finalized_and_not_downloaded(first, renewal):
    for sweep in (first, renewal):
        for story in sweep.at("after-request:finalize:1", "before-request:certificate:1"):
            assert story.lives[0].stored.order.finalized and story.lives[0].stored.order.key


def test_E78_downloaded_and_not_stored(first, renewal):
    for sweep in (first, renewal):
        for story in sweep.at("after-request:certificate:1", "before-commit:certificate:1"):
            assert story.lives[0].stored.order.finalized


def test_E80_stored_and_not_switched(first, renewal):
    for sweep in (first, renewal):
        for story in sweep.at("after-commit:certificate:1", "before-publish:certificate:1"):
            assert story.lives[0].stored.order is None and story.needless_orders == 0
