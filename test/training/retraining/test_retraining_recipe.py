"""The recipe of a retraining, made of an artifact's card."""

from types import SimpleNamespace

import pytest

from depth_sr_ros.models import create_model
from training.fitting.objective import parameter_groups
from training.retraining.retraining_recipe import adapted
from training.retraining.settings import TrainingOptions
from training.retraining.starting_artifact import Start

_BOTH = {"super_resolution": {"l1": 1.0, "l2": 10.0}, "estimation": {"estimate_l1": 1.0}}


@pytest.fixture(scope="module")
def bridgenet():
    return create_model("bridgenet", scale=8, width=8, deep_blocks=1, backbone="resnet18")


def _start(network, loss, tmp_path):
    card = SimpleNamespace(model="bridgenet", scale=8, options=network.options, training={"loss": loss})
    return Start(SimpleNamespace(card=card, weights=tmp_path / "weights.safetensors"), "dkn-bicubic")


def test_losses_of_parts_that_an_artifact_has_not_are_left_out(bridgenet, tmp_path):
    network = bridgenet.deployed()
    recipe = adapted(TrainingOptions(), _start(network, _BOTH, tmp_path))
    assert recipe.loss == {"l1": 1.0, "l2": 10.0}
    assert [group.name for group in parameter_groups(network, recipe.loss)] == ["super_resolution"]


def test_losses_of_parts_that_are_there_are_kept(bridgenet, tmp_path):
    assert adapted(TrainingOptions(), _start(bridgenet, _BOTH, tmp_path)).loss == _BOTH


@pytest.mark.parametrize(("loss", "expected"), [({"l2": 1.0}, {"l2": 1.0}), (None, {"l1": 1.0})])
def test_one_loss_is_taken_as_it_is_and_without_any_the_recipes(bridgenet, tmp_path, loss, expected):
    assert adapted(TrainingOptions(), _start(bridgenet.deployed(), loss, tmp_path)).loss == expected
