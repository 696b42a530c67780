"""The commands of docs/training.md follow from each other: what one begins with, an earlier one has made."""

import re
import shlex
from pathlib import Path

import pytest

from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_artifact
from training.__main__ import _parser, _recipe_path
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


def _needs(args):
    """Run folders that a command reads."""
    if hasattr(args, "resume"):
        if args.resume:
            return [args.out]
        start = args.start_from or load_recipe(_recipe_path(args.recipe)).start_from
        if start is None or start in list_artifacts():
            return []
        return [Path(start.removesuffix("/weights.safetensors"))]
    if hasattr(args, "weights"):
        return [Path(words.partition(":")[2]).parent for words in args.weights if ".yaml:" in words]
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
            load_recipe(_recipe_path(args.recipe))
        if words[0] in ("train", "grow", "shrink", "average"):
            made.add(args.out)
    assert read > 10


@pytest.mark.parametrize("name", list_artifacts())
def test_the_line_of_shipped_weights_is_on_the_page(name):
    shown = {words[words.index("--recipe") + 1] for words in _commands(PAGE) if words[0] == "train"}
    stages = re.findall(r"training train --recipe (\S+)", read_artifact(SHIPPED / name).card.command)
    assert stages and set(stages) <= shown


@pytest.mark.parametrize("name", list_artifacts())
def test_averages_behind_shipped_weights_are_on_the_page(name):
    """With their shares; the folder that they are written to is not on the card."""
    shown = {_without_out(words) for words in _commands(PAGE) if words[0] == "average"}
    averages = re.findall(r"training (average [^&]*)", read_artifact(SHIPPED / name).card.command)
    assert {_without_out(shlex.split(command)) for command in averages} <= shown


def _without_out(words):
    at = words.index("--out")
    return tuple(words[:at] + words[at + 2 :])


@pytest.mark.parametrize("command", ["train", "average", "grow", "shrink", "evaluate", "export"])
def test_commands_are_listed(command):
    assert re.search(rf"^\| `{command}` \|", PAGE, re.MULTILINE)
    assert command in {words[0] for words in _commands(PAGE)}


def test_every_key_of_a_recipe_is_listed():
    keys = {line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    listed = {word.split(".")[0] for cell in keys for word in re.findall(r"`([\w.]+)`", cell)}
    assert set(Recipe.__dataclass_fields__) <= listed
