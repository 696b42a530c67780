"""Names of recipes: `fdkn_x8_local` is `training/recipes/fdkn/local.yaml` at scale 8.

A name is `<model>_x<scale>_<method>`; without a method it means the paper's, `<model>_x<scale>_paper`. Wherever a
recipe is asked for, a path to a YAML file is taken, too.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from training.recipes.strict import declared_scales

RECIPES = Path(__file__).resolve().parent
_BASE, _LIVE, _PAPER = "base", "live", "paper"
_NAME = re.compile(r"(?P<model>\w+?)_x(?P<scale>\d+)(?:_(?P<method>\w+))?")


@dataclass(frozen=True)
class RecipeFile:
    """A recipe file and the scale that it is asked for.

    Attributes:
        path: YAML file.
        scale: None takes the file's own.
    """

    path: Path
    scale: int | None = None

    @property
    def name(self) -> str:
        """The name of a shipped recipe, as `fdkn_x8_local`; of another file its name without `.yaml`."""
        if self.scale is None or not _is_of_model(self.path):
            return self.path.stem
        return f"{self.path.parent.name}_x{self.scale}_{self.path.stem}"

    @property
    def typed(self) -> str:
        """What others type for it after `--recipe`; of a file that does not ship, its name alone."""
        if not self.path.resolve().is_relative_to(RECIPES):
            return self.path.name
        return self.name if _is_of_model(self.path) else f"{self.path.parent.name}/{self.path.stem}"


RecipeSource = str | Path | RecipeFile
"""A recipe as it may be asked for: a name, a YAML file, or what was found for one of them."""


def find_recipe(source: RecipeSource) -> RecipeFile:
    """The file that a recipe is read from, and its scale.

    Args:
        source: `fdkn_x8_local`; `fdkn/local` or `base/retrain`; or a path to a YAML file.

    Raises:
        FileNotFoundError: there is none; the message lists those of the model and the nearest name.
        ValueError: the file is no mapping of settings.
    """
    if isinstance(source, RecipeFile):
        return source
    found = shipped_recipe(str(source)) or RecipeFile(Path(source))
    if not found.path.is_file():
        raise FileNotFoundError(_unknown(str(source)))
    if not _is_of_model(found.path):
        return found
    own, scales = declared_scales(found.path, resolve_extends)
    if found.scale is not None and found.scale not in scales:
        raise FileNotFoundError(_unknown(str(source)))
    return RecipeFile(found.path, found.scale or own)


def shipped_recipe(words: str) -> RecipeFile | None:
    """The shipped file that a name stands for, whatever scales it is for; None where there is none."""
    if re.fullmatch(r"\w+/\w+", words) and (RECIPES / f"{words}.yaml").is_file():
        return RecipeFile(RECIPES / f"{words}.yaml")
    name = _NAME.fullmatch(words)
    if name is None or name["model"] == _BASE:
        return None
    path = RECIPES / name["model"] / f"{name['method'] or _PAPER}.yaml"
    return RecipeFile(path, int(name["scale"])) if path.is_file() else None


def resolve_extends(folder: Path, words: str) -> tuple[Path, int | None]:
    """The file, and the scale if any, that a recipe means by `extends`.

    Args:
        folder: of the recipe.
        words: a path without `.yaml`, relative to that folder, or what else `find_recipe` takes for a shipped recipe.
    """
    beside = folder / f"{words}.yaml"
    shipped = None if beside.is_file() else shipped_recipe(words)
    return (beside, None) if shipped is None else (shipped.path, shipped.scale)


def list_recipes(model: str | None = None) -> list[str]:
    """Names of the shipped recipes, with every scale that each is for.

    Args:
        model: lists those of one network only.
    """
    names = []
    for path in sorted(RECIPES.glob(f"{model or '*'}/*.yaml")):
        if _is_of_model(path):
            scales = declared_scales(path, resolve_extends)[1]
            names += [RecipeFile(path, scale).name for scale in scales]
    return names


def _is_of_model(path: Path) -> bool:
    folder = path.resolve().parent
    return folder.parent == RECIPES and folder.name not in (_BASE, _LIVE)


def _unknown(words: str) -> str:
    name = _NAME.match(words)
    model = name["model"] if name and (RECIPES / name["model"]).is_dir() else None
    near = difflib.get_close_matches(words, list_recipes(), n=1)
    models = sorted({path.parent.name for path in RECIPES.glob("*/*.yaml") if _is_of_model(path)})
    known = f"those of {model} are {list_recipes(model)}" if model else f"there are recipes of {models}"
    meant = f"; did you mean {near[0]}?" if near else ";"
    return f"{words}: expected the name of a recipe, as fdkn_x8_local, or a YAML file, found neither{meant} {known}"
