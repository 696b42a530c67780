"""Recipes of live networks."""

import pytest

from depth_sr_ros.models import create_live_model
from training.recipes.live_recipe import FOLDER, LiveRecipe, find_live_recipe, list_live_recipes, load_live_recipe
from training.recipes.names import find_recipe


@pytest.mark.parametrize("name", list_live_recipes())
def test_recipes_that_ship_are_complete(name):
    recipe = load_live_recipe(find_live_recipe(name))
    network = create_live_model(recipe.model, **recipe.model_options)
    assert name == f"{recipe.model}_live" and recipe.size % network.size_multiple == 0
    assert "runs/" not in find_live_recipe(name).path.read_text()


def test_a_name_and_a_path_are_one_recipe():
    assert find_live_recipe("fdkn_live") == find_live_recipe(str(FOLDER / "fdkn.yaml"))
    assert "fdkn_live" in list_live_recipes()


def test_other_recipes_are_none_of_them():
    assert find_live_recipe("fdkn_x8_live") is None and find_live_recipe("base/retrain") is None
    assert find_live_recipe("unknown_live") is None
    assert find_recipe("fdkn_x8_live").scale == 8


def test_settings_without_sense_are_refused(tmp_path):
    with pytest.raises(ValueError, match="batch_size: expected more than 0, found 0"):
        LiveRecipe("fdkn", batch_size=0)
    with pytest.raises(ValueError, match="average_weights: expected less than 1"):
        LiveRecipe("fdkn", average_weights=1.0)
    path = tmp_path / "r.yaml"
    path.write_text("model: fdkn\nmax_step: 3\n")
    from training.recipes.names import RecipeFile

    with pytest.raises(ValueError, match="did you mean 'max_steps'"):
        load_live_recipe(RecipeFile(path))
