"""Whether a folder belongs to the same retraining."""

from pathlib import Path

import pytest

from training.recipes.names import RECIPES
from training.retraining.settings import Settings, TrainingOptions, check_claim, claim


@pytest.fixture
def asked(tmp_path) -> Settings:
    """With a recipe of its own and base data."""
    recipe, data = tmp_path / "own.yaml", tmp_path / "base"
    recipe.write_text(f"extends: {RECIPES / 'base' / 'retrain'}\n")
    data.mkdir()
    (data / "manifest.csv").write_text("split,set,scene,view,rgb,gt,unit\n")
    return Settings((), tmp_path / "out", data=data, training=TrainingOptions(recipe))


@pytest.mark.parametrize(
    ("changed", "words", "named"),
    [("own.yaml", "seed: 1234\n", "training"), ("base/manifest.csv", "train,a,b,c,d,e,mm\n", "data")],
)
def test_a_recipe_or_base_listing_that_changed_is_another_retraining(asked, tmp_path, changed, words, named):
    asked.out.mkdir()
    claim(asked.out, asked.identity("weights", ["bag"]))
    check_claim(asked.out, asked.identity("weights", ["bag"]))
    change(tmp_path / changed, words)
    with pytest.raises(ValueError, match=f"belongs to another retraining: {named}: "):
        check_claim(asked.out, asked.identity("weights", ["bag"]))


def change(path: Path, words: str) -> None:
    key = words.partition(":")[0]
    lines = [line for line in path.read_text().splitlines(keepends=True) if not line.startswith(f"{key}:")]
    path.write_text("".join(lines) + words)
