"""Artifacts of trained live weights."""

import pytest
from live_networks import WIDTHS, live_network

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.models.weights import save_weights
from training.fitting.live_artifact import export_live


@pytest.fixture
def weights(tmp_path):
    save_weights(live_network().state_dict(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def test_an_artifact_says_its_facts(weights, tmp_path):
    facts = {"training": {"steps": 5}, "evaluation": {"protocol": "none"}, "command": "some command"}
    export_live("fdkn", weights, tmp_path / "fdkn_live", options={"widths": WIDTHS}, facts=facts)
    card = read_artifact(tmp_path / "fdkn_live", "fdkn", 0).card
    assert (card.training, card.evaluation, card.command) == tuple(facts.values())


def test_weights_of_another_width_are_refused(weights, tmp_path):
    with pytest.raises(ValueError, match="expected the weights of fdkn's live form with options .* of another shape"):
        export_live("fdkn", weights, tmp_path / "out")
    with pytest.raises(ValueError, match="facts: expected some of .*, found \\['mood'\\]"):
        export_live("fdkn", weights, tmp_path / "out", options={"widths": WIDTHS}, facts={"mood": 1})
