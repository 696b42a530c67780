"""The recipes that ship: few, complete, for everybody; and what cards and pages say of them runs."""

import csv
import json
import re
import shlex
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_card
from depth_sr_ros.frame_graphs import LIVE
from depth_sr_ros.models import create_model, list_models
from training.__main__ import _parser, main
from training.datasets.registry import DATASETS
from training.evaluation.protocols import PROTOCOLS
from training.fitting.crop_loader import crop_options
from training.fitting.objective import check_losses, parameter_groups
from training.recipes.live_recipe import FOLDER, find_live_recipe, list_live_recipes, load_live_recipe
from training.recipes.names import RECIPES, find_recipe, list_recipes
from training.recipes.provenance import provenance_of
from training.recipes.recipe import load_recipe

ROOT = Path(__file__).parents[3]
FILES = sorted(path for path in RECIPES.rglob("*.yaml") if path.parent != FOLDER)
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))]
SCORED_BY = {"_live": {"live"}, "dagf_x8_noisy_local": {"noisy-middlebury"}, "denoising": {"dkn-noise"}}
SIBLINGS = {"fdkn_s", "jiif_s"}  # which no paper has


def test_there_are_few_enough_to_choose_from():
    assert len(FILES) <= 60
    assert {path.parent.name for path in FILES} == {"base", *list_models()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_recipe_begins_with_somebodys_run(path):
    assert "runs/" not in path.read_text()


@lru_cache
def _network(model, scale, options):
    with torch.device("meta"):
        return create_model(model, scale=scale, **json.loads(options))


@pytest.mark.parametrize("name", list_recipes())
def test_recipes_name_what_there_is(name):
    recipe = load_recipe(name)
    assert name.startswith(f"{recipe.model}_x{recipe.scale}_")
    network = _network(recipe.model, recipe.scale, json.dumps(recipe.model_options))
    assert parameter_groups(network, recipe.loss)
    check_losses(network, recipe)
    assert not any(side % network.size_multiple for side in crop_options(recipe).shape)
    data = recipe.data
    assert {*data.collections, *data.dev} <= set(DATASETS)
    shares = [*data.shares.values(), *(c.share for c in data.collections.values()), data.procedural]
    assert sum(shares) == pytest.approx(1)
    assert not recipe.queries or network.samples_pixels
    assert recipe.crops.scales is None or network.any_position
    assert set(recipe.evaluation) <= set(PROTOCOLS)
    expected = next((protocols for words, protocols in SCORED_BY.items() if words in name), set())
    assert expected <= set(recipe.evaluation)


def test_every_model_has_recipes_for_its_papers_scales_and_a_small_machine():
    names = set(list_recipes())
    for model in set(list_models()) - SIBLINGS:
        assert {f"{model}_x{scale}_{method}" for scale in (4, 8, 16) for method in ("paper", "local")} <= names
    assert {"dada_x32_paper", "dada_x32_local", *(f"{model}_x8_local" for model in SIBLINGS)} <= names


@pytest.mark.parametrize("model", sorted(set(list_models()) - SIBLINGS))
def test_a_name_without_a_method_is_the_papers(model):
    assert find_recipe(f"{model}_x4") == find_recipe(f"{model}_x4_paper")
    assert load_recipe(f"{model}_x4") == load_recipe(f"{model}_x4_paper")


def test_a_file_in_its_place_is_known_by_its_name():
    assert find_recipe(RECIPES / "fdkn" / "local.yaml").name == "fdkn_x8_local"
    assert find_recipe("fdkn/local").name == find_recipe("fdkn_x8_local").name == "fdkn_x8_local"
    assert find_recipe("base/retrain").typed == "base/retrain"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fdkn_x8_lokal", "found neither; did you mean fdkn_x8_local? those of fdkn are .*'fdkn_x4_live', "),
        ("fdkn_x5_local", r"found neither; did you mean fdkn_x\d+_local\? those of fdkn are "),
        ("fdkm_x8_local", "did you mean fdkn_x8_local? there are recipes of .*'dagf', "),
        ("base_x8_local", "found neither"),
    ],
)
def test_an_unknown_name_lists_what_there_is(name, said):
    with pytest.raises(FileNotFoundError, match=said.replace("local? ", r"local\? ")):
        find_recipe(name)


@pytest.mark.parametrize("page", PAGES)
def test_recipes_on_a_page_exist(page):
    for name in re.findall(r"--recipe[ =]([\w./-]+)", (ROOT / page).read_text()):
        if name not in ("FILE", "NAME", *list_live_recipes()):
            assert load_recipe(name), name


@pytest.mark.parametrize("name", list_artifacts())
def test_a_cards_command_trains_such_weights_by_a_recipe_that_ships(name):
    card = read_card(SHIPPED / name)
    args = _parser().parse_args(_words(card.command))
    if card.form is LIVE:
        file = find_live_recipe(args.recipe)
        assert file is not None and args.recipe == card.training["recipe"]
        recipe = load_live_recipe(file)
        assert (recipe.model, {**recipe.model_options}.items() <= card.options.items()) == (card.model, True)
        return
    recipe = load_recipe(args.recipe)
    assert args.recipe == card.training["recipe"] in list_recipes()
    assert (recipe.model, recipe.scale) == (card.model, card.scale)
    assert ("live" in recipe.evaluation) == (card.variant == "live")


def _words(command):
    launcher, _, words = command.partition(" -m training ")
    assert launcher == "python"
    return shlex.split(words)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory, scenes):
    """A data folder as the recipes for a small machine want it: their sets, of small synthetic scenes."""
    folder = tmp_path_factory.mktemp("manifest")
    sets = [("train", name) for name in load_recipe("fdkn_x8_local").data.shares if "icl" not in name]
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["split", "set", "scene", "view", "rgb", "gt", "unit", "note"])
        for number, (split, name) in enumerate([*sets, ("synthetic", "icl_livingroom1"), ("dev", "dev")]):
            scenes(folder, f"s{number}", number, (272, 288))
            files = [f"s{number}_rgb.png", f"s{number}_gt.png"]
            writer.writerow([split, name, f"s{number}", "", *files, "disparity: png value / 3 = px", ""])
    return folder


@pytest.mark.parametrize("name", ["fdkn_x4_live", "jiif_s_x8", "dagf_x8_live"])
def test_the_command_of_a_card_runs(name, manifest, tmp_path):
    """For everybody with a data folder; two steps of it."""
    card = read_card(SHIPPED / name)
    words = [{"DATA": str(manifest), "RUN": str(tmp_path / "run")}.get(word, word) for word in _words(card.command)]
    assert {str(manifest), str(tmp_path / "run")} <= set(words)
    assert main([*words, "--max-steps", "2"]) == 0
    weights = tmp_path / "run" / "weights.safetensors"
    with safe_open(weights, "pt") as file:
        assert all(torch.isfinite(file.get_tensor(key).float()).all() for key in file.keys())  # noqa: SIM118
    last = provenance_of(weights).last
    assert last["steps"] == 2 and last["recipe"] == card.training["recipe"]
