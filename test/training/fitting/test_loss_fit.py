"""Losses that a network, or single pixels of a crop, have no numbers for are refused before anything is trained."""

import pytest
import torch

from depth_sr_ros.models import create_model
from training.fitting.module import SuperResolution
from training.fitting.objective import parameter_groups, supervised
from training.recipes.recipe import CropSettings, Recipe

JIIF = {"width": 8, "blocks": 1, "hidden": (8,)}


@pytest.mark.parametrize(("loss", "named"), [({"l1": 1.0, "boundary": 0.1}, "boundary"), ({"dagf": 1.0}, "dagf")])
@pytest.mark.parametrize("setting", [{"queries": 64}, {"crops": CropSettings(scales=(2.0, 16.0))}])
def test_losses_of_neighbours_need_whole_images(loss, named, setting):
    options = {"channels": 8} if named == "dagf" else JIIF
    recipe = Recipe("dagf" if named == "dagf" else "jiif", 8, model_options=options, loss=loss, **setting)
    with pytest.raises(ValueError, match=rf"loss: \['{named}'\] need whole images, but queries: {recipe.queries} and"):
        SuperResolution(recipe)


@pytest.mark.parametrize(
    ("model", "options", "loss", "words"),
    [
        ("fdkn", {}, {"dagf": 1.0, "l1": 1.0}, r"\['dagf'\] need \['stages'\] .* fdkn .* gives \['depth'\]"),
        ("jiif", JIIF, {"multi_stage": 1.0}, r"\['multi_stage'\] need \['stages'\]"),
        ("dagf", {"channels": 8}, {"estimate_l1": 1.0}, r"need \['estimate'\] .* gives \['depth', 'stages'\]"),
        ("bridgenet", {"estimation": False, "deep_blocks": 1, "width": 8, "backbone": "resnet18"},
         {"estimate_l1": 1.0}, r"\['estimate_l1'\] need \['estimate'\]"),
    ],
)  # fmt: skip
def test_losses_of_what_a_network_does_not_give_are_refused(model, options, loss, words):
    with pytest.raises(ValueError, match=words):
        SuperResolution(Recipe(model, 8, model_options=options, loss=loss))


@pytest.mark.parametrize("queries", [0, 64])
def test_pointwise_losses_go_with_all(queries):
    recipe = Recipe("jiif", 8, model_options=JIIF, loss={"l1": 1.0, "l2": 1.0, "charbonnier": 1.0}, queries=queries)
    assert SuperResolution(recipe).groups == ["all"]


def test_one_level_of_dagf_trains_by_its_papers_loss():
    random = torch.Generator().manual_seed(0)
    network = create_model("dagf", scale=8, levels=1, channels=8)
    SuperResolution(Recipe("dagf", 8, model_options={"levels": 1, "channels": 8}, loss={"dagf": 1.0}))
    shapes = {"guide": (3, 32), "depth_lr": (1, 4), "valid_lr": (1, 4), "target": (1, 32), "valid": (1, 32)}
    batch = {name: torch.rand(1, maps, side, side, generator=random) for name, (maps, side) in shapes.items()}
    (group,) = parameter_groups(network, {"multi_stage": 1.0, "l1": 1.0})
    result = supervised(network, {**batch, "number": torch.zeros(1, dtype=torch.long)}, 0, 1)
    (alone,) = parameter_groups(network, {"l1": 1.0})
    found, expected = (g.loss(result.outputs, result.target, result.valid, 0.0) for g in (group, alone))
    assert found == expected > 0
