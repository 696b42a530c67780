"""What ran before is gone back to, on fake engines; with weights of one's own see test_deployment.py."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from supplying import at_rest, roll_back, serve, serve_until, step, swap_to, wait_until

from depth_sr_ros.serving.deployment import Deployment
from depth_sr_ros.serving.supply import EngineSupply
from depth_sr_ros.serving.supply_state import RollBackRefused


@pytest.fixture
def dkn(settings):
    """Settings to change to."""
    return replace(settings, model="dkn")


def test_what_ran_before_and_what_runs_change_places(supply, settings, dkn):
    serve(supply)
    first = supply.current()
    swap_to(supply, dkn)
    second = supply.current()
    old, new = roll_back(supply)
    assert (old.info.model, new.info.model) == ("dkn_x8", "fdkn_x8_live")
    assert supply.current() is first and supply.state().settings == settings
    assert supply.state().previous.info.model == "dkn_x8"
    roll_back(supply)
    assert supply.current() is second and supply.state().settings == dkn


@pytest.mark.parametrize("keep_previous", [True, False])
def test_the_engine_that_ran_before_is_kept_or_freed_as_told(settings, dkn, engines, keep_previous):
    supply = EngineSupply(settings, keep_previous=keep_previous, source=engines)
    serve(supply)
    first = supply.current()
    swap_to(supply, dkn)
    serve_until(supply, lambda: bool(first.sizes) == keep_previous)
    roll_back(supply)
    assert supply.current() is first and first.sizes
    supply.close()
    assert first.closings == (1 if keep_previous else 2) and engines.in_memory() == []


def test_there_is_nothing_to_go_back_to_at_first_nor_after_a_change_that_failed(supply, dkn):
    for _ in range(2):
        with pytest.raises(RollBackRefused, match="found that fdkn_x8_live .* has run from the start"):
            supply.roll_back()
        serve(supply)
        supply.change(replace(dkn, scale=4))
        serve_until(supply, lambda: supply.state().refused)


def test_roll_back_is_refused_while_something_else_is_about_to_take_over(supply, settings, dkn):
    swap_to(supply, dkn)
    supply.change(settings)
    while not supply.state().doing.startswith("waiting"):
        with pytest.raises(RollBackRefused, match="fdkn x8.* is about to take over; wait"):
            supply.roll_back()
    with pytest.raises(RollBackRefused, match="is about to take over"):
        supply.roll_back()
    serve(supply)
    supply.roll_back()


def test_frames_do_not_wait_for_the_file_that_going_back_reads(supply, settings, dkn, monkeypatch):
    swap_to(supply, dkn)
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


def test_other_settings_than_those_rolled_back_to_win(supply, settings, dkn):
    serve(supply)
    swap_to(supply, dkn)
    supply.roll_back()
    supply.change(replace(settings, model="dagf"))
    serve_until(supply, lambda: supply.describe().model == "dagf_x8_live")
    serve_until(supply, lambda: at_rest(supply))
    assert supply.describe().model == "dagf_x8_live"


def test_an_engine_that_takes_over_for_the_same_settings_is_nothing_to_go_back_from(engines, supply, settings, dkn):
    swap_to(supply, dkn)
    engines.planned = True
    supply.current().close()  # the next frame finds that another engine is preferred
    serve_until(supply, lambda: supply.current().wanted_plans())
    supply.served((64, 80), (8, 10))
    wait_until(supply, lambda: step(supply) == "at the gate")
    engines.gate.set()
    serve_until(supply, lambda: supply.state().swaps == 2)
    assert supply.state().previous.deployment.settings == settings
    assert roll_back(supply)[1].deployment.settings == settings


def test_roll_back_gives_up_the_build_of_a_plan(engines, supply, settings, dkn):
    engines.planned = True
    swap_to(supply, replace(dkn, engine="openvino"))
    swap_to(supply, dkn)
    serve_until(supply, lambda: step(supply) == "at the gate")
    roll_back(supply)
    assert supply.state().settings.engine == "openvino"
    assert step(supply) == "" and engines.builds[-1].stopped
