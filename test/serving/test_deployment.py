"""What runs can be told from what ran before and from what lies in its folder, and gone back to."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own_weights import damage, overwrite_in_place, own_weights
from supplying import at_rest, frame, roll_back, serve, serve_until, swap_to

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.serving.supply import EngineSupply


@pytest.fixture
def own(tmp_path) -> Path:
    """Folder of weights of one's own."""
    return own_weights(tmp_path / "mine", change=1).folder


@pytest.fixture
def on_own(own, settings):
    """A supply that runs on them."""
    supply = EngineSupply(replace(settings, weights=str(own)))
    yield supply
    supply.close()


def result(supply):
    return supply.current()(*frame()).depth


def test_roll_back_leads_to_what_ran_before_and_forward_again(local, settings, own):
    serve(local)
    first, before = local.current(), result(local)
    swap_to(local, replace(settings, weights=str(own)))
    changed = result(local)
    old, new = roll_back(local)
    assert (old.info.weights_id, new.info.weights_id) == (local.state().previous.info.weights_id, _runs(local))
    assert local.current() is first and local.state().settings == settings
    np.testing.assert_array_equal(result(local), before)
    roll_back(local)
    np.testing.assert_array_equal(result(local), changed)
    assert not np.array_equal(changed, before)


def test_a_filter_and_a_network_take_turns_and_each_serves_as_before(local, settings):
    """JIIF has no live weights to keep."""
    rgb, coarse = frame()
    finer = coarse.repeat(4, 0).repeat(4, 1)  # of a ratio that no weights are for

    def result(supply):
        return supply.current()(rgb, finer).depth

    before = result(local)
    assert local.state().serving.deployment.artifact is not None
    swap_to(local, replace(settings, model="jiif", scale=0))
    by_filter = result(local)
    assert (local.describe().label, local.state().serving.deployment.artifact) == ("live_filter", None)
    assert not np.array_equal(by_filter, before)
    old, new = roll_back(local)
    assert old.deployment.artifact is None and new.info.scale == 8
    np.testing.assert_array_equal(result(local), before)
    roll_back(local)
    np.testing.assert_array_equal(result(local), by_filter)
    assert local.state().settings.scale == 0


def test_scale_0_takes_the_scale_of_ones_own_weights(local, settings, own):
    swap_to(local, replace(settings, scale=0, weights=str(own)))
    assert (local.describe().scale, local.describe().weights_id) == (8, read_artifact(own).weights_id)


def test_an_engine_whose_memory_was_freed_serves_the_same_again(settings, own):
    supply = EngineSupply(settings, keep_previous=False)
    serve(supply)
    before = result(supply)
    swap_to(supply, replace(settings, weights=str(own)))
    roll_back(supply)
    np.testing.assert_array_equal(result(supply), before)
    supply.close()


def _runs(supply) -> str:
    return supply.state().serving.info.weights_id


def test_the_same_folder_with_other_content_is_taken_when_it_is_set_again(on_own, own):
    settings, old = on_own.state().settings, _runs(on_own)
    before = result(on_own)
    new = own_weights(own, change=2).weights_id
    on_own.change(settings)
    on_own.change(replace(settings, threads=2))
    serve_until(on_own, lambda: on_own.state().swaps)
    assert _runs(on_own) == old  # the folder was not meant
    swap_to(on_own, settings, reread=True)
    assert (_runs(on_own), on_own.state().previous.info.weights_id) == (new, old)
    assert not np.array_equal(result(on_own), before)


def test_the_same_folder_with_the_same_content_changes_nothing(on_own, own):
    serve(on_own)
    own_weights(own, change=1)
    on_own.change(on_own.state().settings, reread=True)
    assert not at_rest(on_own)
    serve_until(on_own, lambda: at_rest(on_own))
    assert on_own.state().swaps == 0


def test_a_folder_that_is_set_again_is_read_also_when_something_else_is_set_after_it(on_own, own):
    new = own_weights(own, change=2).weights_id
    settings = on_own.state().settings
    on_own.change(settings, reread=True)
    on_own.change(replace(settings, threads=2))
    serve_until(on_own, lambda: on_own.state().swaps)
    assert _runs(on_own) == new


def test_weights_that_were_written_over_can_be_gone_back_to(on_own, own):
    """The settings then name the copy that was kept."""
    settings, old, before = on_own.state().settings, _runs(on_own), result(on_own)
    own_weights(own, change=2)
    swap_to(on_own, settings, reread=True)
    roll_back(on_own)
    assert _runs(on_own) == old
    np.testing.assert_array_equal(result(on_own), before)
    kept = Path(on_own.state().settings.weights)
    again = EngineSupply(replace(settings, weights=str(kept)))
    assert kept != own and again.describe().weights_id == old
    again.close()


@pytest.mark.parametrize("how", ["removed", "overwritten"])
def test_what_happens_to_the_folder_does_not_reach_what_runs(on_own, own, tmp_path, how):
    """Not even a frame of another size, for which the weights are read again."""
    serve(on_own)
    before, old = result(on_own), _runs(on_own)
    if how == "removed":
        shutil.rmtree(own)
    else:
        overwrite_in_place(read_artifact(own), own_weights(tmp_path / "other", change=2))
    rgb, depth = frame()
    on_own.current()(np.pad(rgb, ((0, 8), (0, 8), (0, 0))), np.pad(depth, ((0, 1), (0, 1)), mode="edge"))
    np.testing.assert_array_equal(result(on_own), before)
    assert _runs(on_own) == old


def test_damaged_content_in_the_same_folder_is_refused_and_the_old_serves_on(on_own, own):
    serve(on_own)
    before = result(on_own)
    damage(own_weights(own, change=2))
    on_own.change(on_own.state().settings, reread=True)
    serve_until(on_own, lambda: on_own.state().failure)
    assert "damaged file" in on_own.state().failure and "goes on" in on_own.state().failure
    np.testing.assert_array_equal(result(on_own), before)
    assert on_own.state().previous is None
