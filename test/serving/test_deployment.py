"""What runs can be told from what ran before and from what lies in its folder, and gone back to."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own_weights import damage, overwrite_in_place, own_weights
from supplying import at_rest, frame, rest, serve, serve_until, step

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.serving.deployment import Deployment
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.supply import EngineSupply
from depth_sr_ros.serving.supply_state import RollBackRefused


@pytest.fixture
def settings(tmp_path):
    return EngineSettings(precision="fp32", threads=1, engine_cache=str(tmp_path / "plans"))


@pytest.fixture
def supply(settings):
    supply = EngineSupply(settings)
    yield supply
    supply.close()


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


def swap_to(supply, settings, **how) -> None:
    swaps = supply.state().swaps
    supply.change(settings, **how)
    serve_until(supply, lambda: supply.state().swaps > swaps)


def roll_back(supply):
    swaps = supply.state().swaps
    answer = supply.roll_back()
    serve_until(supply, lambda: supply.state().swaps > swaps)
    return answer


def result(supply):
    return supply.current()(*frame()).depth


@pytest.mark.parametrize("keep_previous", [True, False])
def test_roll_back_leads_to_what_ran_before_and_forward_again(settings, own, keep_previous):
    supply = EngineSupply(settings, keep_previous=keep_previous)
    serve(supply)
    first, before = supply.current(), result(supply)
    swap_to(supply, replace(settings, weights=str(own)))
    changed = result(supply)
    if keep_previous:
        assert first._engine is not None
    else:
        serve_until(supply, lambda: first._engine is None)
    old, new = roll_back(supply)
    assert (old.info.weights_id, new.info.weights_id) == (supply.state().previous.info.weights_id, _runs(supply))
    assert supply.current() is first and supply.state().settings == settings
    np.testing.assert_array_equal(result(supply), before)
    roll_back(supply)
    np.testing.assert_array_equal(result(supply), changed)
    assert not np.array_equal(changed, before)
    supply.close()


def _runs(supply) -> str:
    return supply.state().serving.info.weights_id


def test_there_is_nothing_to_go_back_to_at_first_nor_after_a_change_that_failed(supply):
    for _ in range(2):
        with pytest.raises(RollBackRefused, match="found that fdkn_x8_live .* has run from the start"):
            supply.roll_back()
        serve(supply)
        supply.change(EngineSettings("dkn", 4, **rest(supply)))
        serve_until(supply, lambda: supply.state().refused)


def test_roll_back_is_refused_while_something_else_is_about_to_take_over(supply, settings):
    swap_to(supply, replace(settings, scale=4))
    supply.change(settings)
    deadline = time.monotonic() + 60
    while not supply.state().doing.startswith("waiting"):
        assert time.monotonic() < deadline, supply.state()
        with pytest.raises(RollBackRefused, match="fdkn x8.* is about to take over; wait"):
            supply.roll_back()
        time.sleep(0.05)
    with pytest.raises(RollBackRefused, match="is about to take over"):
        supply.roll_back()
    serve(supply)
    supply.roll_back()


def test_frames_do_not_wait_for_the_file_that_going_back_reads(supply, settings, monkeypatch):
    swap_to(supply, replace(settings, scale=4))
    lasting, reading, go_on = Deployment.lasting, threading.Event(), threading.Event()

    def slowly(self):
        reading.set()
        assert go_on.wait(60)
        return lasting(self)

    monkeypatch.setattr(Deployment, "lasting", slowly)
    asking = threading.Thread(target=supply.roll_back)
    asking.start()
    assert reading.wait(60)
    for number in (1, 2):  # sizes that are new to it, for which it takes the lock
        supply.served((32 * number, 40), (4 * number, 5))
    assert supply.state().swaps == 1
    go_on.set()
    asking.join(60)
    serve_until(supply, lambda: supply.state().swaps == 2)
    assert supply.state().settings == settings


def test_other_settings_than_those_rolled_back_to_win(supply, settings):
    serve(supply)
    swap_to(supply, replace(settings, scale=4))
    supply.roll_back()
    supply.change(EngineSettings("dkn", **rest(supply)))
    serve_until(supply, lambda: supply.describe().model == "dkn_x8")
    serve_until(supply, lambda: at_rest(supply))
    assert supply.describe().model == "dkn_x8"


def test_an_engine_that_takes_over_for_the_same_settings_is_nothing_to_go_back_from(registered, gate, supply, settings):
    swap_to(supply, replace(settings, scale=4))
    serve_until(supply, lambda: step(supply) == "at the gate")
    gate.touch()
    serve_until(supply, lambda: supply.describe().engine == "gated")
    assert supply.state().previous.deployment.settings == settings
    assert roll_back(supply)[1].deployment.settings == settings


def test_roll_back_gives_up_the_build_of_a_plan(registered, gate, supply, settings):
    swap_to(supply, replace(settings, engine="openvino"))
    swap_to(supply, settings)
    serve_until(supply, lambda: step(supply) == "at the gate")
    roll_back(supply)
    assert supply.state().settings.engine == "openvino"
    assert step(supply) == ""


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
    assert kept != own and EngineSupply(replace(settings, weights=str(kept))).describe().weights_id == old


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
