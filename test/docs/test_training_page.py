"""The commands of docs/training.md follow from each other: what one begins with, an earlier one has made."""

import re
import shlex
from pathlib import Path

import pytest

from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_artifact
from training.__main__ import _parser
from training.recipes.live_recipe import find_live_recipe, load_live_recipe
from training.recipes.names import list_recipes
from training.recipes.provenance import provenance_of
from training.recipes.recipe import Recipe, load_recipe

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text()


def _commands(text):
    """Words of each `python -m training ...` of the page's blocks, in order."""
    for block in re.findall(r"```\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if "training" in words and "-m" in words:
                yield words[words.index("training") + 1 :]


def _recipe(name):
    live = find_live_recipe(name)
    return load_recipe(name) if live is None else load_live_recipe(live)


def _needs(args):
    """Run folders that a command reads."""
    if hasattr(args, "resume"):
        if args.resume:
            return [args.out]
        start = args.start_from or _recipe(args.recipe).start_from
        if start is None or start in list_artifacts():
            return []
        return [Path(start.removesuffix("/weights.safetensors"))]
    if hasattr(args, "weights"):
        files = [words.partition(":")[2] for words in args.weights]
        return [Path(file).parent for file in files if file.endswith(".safetensors")]
    return [*getattr(args, "runs", []), *([args.run] if hasattr(args, "run") else [])]


def test_commands_can_be_run_in_the_order_of_the_page():
    made, read = set(), 0
    for words in _commands(PAGE):
        args = _parser().parse_args(words)
        for folder in _needs(args):
            read += 1
            known = folder in made or (ROOT / folder).parent == SHIPPED
            assert known, f"{' '.join(words)}: nothing above makes {folder}"
        if hasattr(args, "recipe"):
            _recipe(args.recipe)
        if words[0] in ("train", "grow", "shrink", "average"):
            made.add(args.out)
    assert read > 5


def test_the_table_of_recipes_is_that_of_the_files():
    head, *rows = re.findall(r"^\| (.*) \|$", PAGE[PAGE.index("| method |") :].split("\n\n")[0], re.MULTILINE)
    models = [word.strip() for word in head.split("|")][2:-1]
    listed = set()
    for row in rows:
        method, _, *cells, siblings = (cell.strip() for cell in row.split("|"))
        for name in re.findall(r"`(\w+)`", method):
            small = [(model, "8") for model in re.findall(r"`(\w+)`", siblings)]
            for model, cell in (*zip(models, cells, strict=True), *small):
                listed |= {f"{model}_x{scale}_{name}" for scale in re.findall(r"\d+", cell)}
    assert listed == set(list_recipes())


def test_the_table_says_what_begins_with_random_weights():
    from_nothing = {name for name in list_recipes() if load_recipe(name).start_from is None}
    methods = {"paper", "noisy", "nearest", "saliency"}
    bold = {name for name in from_nothing if name.split("_", 2)[-1].removeprefix("x8_") not in methods}
    assert {name for name in list_recipes() if name.rpartition("_")[2] in methods} <= from_nothing
    assert bold == {
        "dkn_x8_local", "fdkn_x8_local", "dada_x8_local", "bridgenet_x8_local", "bridgenet_x8_gpu",
        "jiif_x8_any_scale", "jiif_x8_any_scale_local", "fdkn_x8_procedural", "dagf_x1_denoising",
        *(f"{model}_x1_{method}" for model in ("dkn", "fdkn") for method in ("denoising", "denoising_local")),
    }  # fmt: skip


def test_every_key_of_the_record_is_explained():
    told = set(re.findall(r"`(\w+)`", PAGE[PAGE.index("## Where the shipped") : PAGE.index("## Evaluate")]))
    for name in list_artifacts():
        for stage in provenance_of(read_artifact(SHIPPED / name).weights).stages:
            assert set(stage) <= told, name


@pytest.mark.parametrize("command", ["train", "average", "grow", "shrink", "evaluate", "export"])
def test_commands_are_listed(command):
    assert re.search(rf"^\| `{command}` \|", PAGE, re.MULTILINE)
    assert command in {words[0] for words in _commands(PAGE)}


def test_every_key_of_a_recipe_is_listed():
    keys = {line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    listed = {word.split(".")[0] for cell in keys for word in re.findall(r"`([\w.]+)`", cell)}
    assert {*Recipe.__dataclass_fields__, "scales"} <= listed
