"""New weights on the running node, and back by one call, over real DDS: nothing is lost, and everything is told."""

from __future__ import annotations

import pytest
from own_weights import damage, own_weights
from probe import assert_ends_cleanly, start_node
from switching import assert_nothing_was_lost, frames_more, roll_back, set_values, text, until_told, value_of, whole

from depth_sr_ros.artifact import SHIPPED, read_artifact

pytestmark = [pytest.mark.dds, pytest.mark.timeout(240)]


@pytest.fixture
def own(tmp_path):
    """Weights of one's own."""
    return own_weights(tmp_path / "mine", change=1)


def start(side, tmp_path, **parameters):
    given = {"scale": 8} | parameters
    return start_node(side.namespace, always_infer=True, engine_cache=tmp_path / "plans", **given)


def test_new_weights_take_over_and_one_call_leads_back_and_forth_without_losing_a_pair(side, driver, own, tmp_path):
    node = start(side, tmp_path)
    shipped = read_artifact(SHIPPED / "fdkn_x8_live")
    told = until_told(side, "weights_id", shipped.weights_id)
    assert (told["artifact"], told["previous/model"]) == (str(shipped.folder), "")
    frames_more(side, 3)

    assert set_values(side, weights=text(str(own.folder)))[0].successful
    told = until_told(side, "weights_id", own.weights_id)
    assert told["artifact"] == str(own.folder)
    assert (told["previous/weights_id"], told["previous/artifact"]) == (shipped.weights_id, str(shipped.folder))
    assert told["since"] > told["previous/since"]
    frames_more(side, 3)

    answer = roll_back(side)
    assert answer.success, answer.message
    assert answer.message.index(own.weights_id) < answer.message.index(shipped.weights_id)
    assert value_of(side, "weights").string_value == ""
    told = until_told(side, "weights_id", shipped.weights_id)
    assert (told["swaps"], told["previous/weights_id"]) == ("2", own.weights_id)
    frames_more(side, 3)

    assert roll_back(side).success
    until_told(side, "weights_id", own.weights_id)
    assert value_of(side, "weights").string_value == str(own.folder)
    frames_more(side, 3)
    assert_nothing_was_lost(side, driver)
    assert_ends_cleanly(node)


def test_a_change_from_any_ratio_to_a_network_leads_back_too(side, driver, tmp_path):
    node = start(side, tmp_path, scale=0)
    told = until_told(side, "swaps", "0")
    assert told["artifact"].endswith("fdkn_live")
    frames_more(side, 3)
    assert set_values(side, scale=whole(8))[0].successful
    told = until_told(side, "swaps", "1")
    assert told["model"] == "fdkn_x8_live" and told["previous/artifact"].endswith("fdkn_live")
    frames_more(side, 3)
    assert roll_back(side).success
    assert until_told(side, "swaps", "2")["artifact"].endswith("fdkn_live")
    assert value_of(side, "scale").integer_value == 0
    frames_more(side, 3)
    assert roll_back(side).success
    assert until_told(side, "swaps", "3")["model"] == "fdkn_x8_live"
    assert value_of(side, "scale").integer_value == 8
    assert_nothing_was_lost(side, driver)
    assert_ends_cleanly(node)


def test_roll_back_is_refused_with_a_reason_when_nothing_ran_before(side, driver, tmp_path):
    node = start(side, tmp_path)
    until_told(side, "swaps", "0")
    answer = roll_back(side)
    assert not answer.success
    assert "has run from the start; set the parameters instead" in answer.message
    node.wait_for("cannot roll back: expected something that ran before")
    assert_ends_cleanly(node)


def test_roll_back_is_refused_with_a_reason_while_another_change_waits_for_its_first_frame(side, own, tmp_path):
    """Without a camera there is none."""
    node = start(side, tmp_path)
    until_told(side, "swaps", "0")
    assert set_values(side, weights=text(str(own.folder)))[0].successful
    told = until_told(side, "preparing", "waiting for the next frame to take over")
    assert (told["preparing/weights_id"], told["preparing/artifact"]) == (own.weights_id, str(own.folder))
    answer = roll_back(side)
    assert not answer.success
    assert "is about to take over; wait until it has" in answer.message
    assert_ends_cleanly(node)


def test_roll_back_is_refused_with_a_reason_before_the_node_is_configured(side, tmp_path):
    node = start(side, tmp_path, autostart=False)
    side.spin_until(lambda: side.diagnostics.get("state") == "unconfigured", what="the node")
    answer = roll_back(side)
    assert (answer.success, "configure it first" in answer.message) == (False, True)
    assert_ends_cleanly(node)


def test_other_weights_in_the_same_folder_are_taken_when_it_is_set_again_and_gone_back_from(
    side, driver, own, tmp_path
):
    """The weights that were written over are still there, in the copy that the parameter then names."""
    node = start(side, tmp_path, weights=own.folder)
    until_told(side, "weights_id", own.weights_id)
    frames_more(side, 3)
    new = own_weights(own.folder, change=2)
    assert set_values(side, weights=text(str(own.folder)))[0].successful
    told = until_told(side, "weights_id", new.weights_id)
    assert (told["previous/weights_id"], told["swaps"]) == (own.weights_id, "1")
    frames_more(side, 3)
    assert roll_back(side).success
    until_told(side, "weights_id", own.weights_id)
    kept = value_of(side, "weights").string_value
    assert read_artifact(kept).weights_id == own.weights_id
    assert side.diagnostics["artifact"] == kept
    frames_more(side, 3)
    assert_nothing_was_lost(side, driver)
    assert_ends_cleanly(node)


def test_damaged_new_weights_are_refused_and_the_old_serve_on(side, driver, own, tmp_path):
    node = start(side, tmp_path)
    before = until_told(side, "swaps", "0")["weights_id"]
    damage(own)
    assert set_values(side, weights=text(str(own.folder)))[0].successful  # damage is found in the preparation
    failure = side.spin_until(lambda: side.diagnostics.get("failure"), 90, "the failure")
    assert "damaged file" in failure and before in failure and "goes on" in failure
    side.spin_until(lambda: value_of(side, "weights").string_value == "", what="the value to be put back")
    frames_more(side, 3)
    assert (side.diagnostics["weights_id"], side.diagnostics["swaps"]) == (before, "0")
    assert not roll_back(side).success
    assert_nothing_was_lost(side, driver)
    assert_ends_cleanly(node)
