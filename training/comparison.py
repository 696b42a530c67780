"""Runs many methods on many images, one after the other, and keeps every number."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from depth_sr_ros.artifact import SHIPPED, read_artifact
from training.cases import Case, Method, unit_of
from training.classical import CLASSICAL, classical_methods
from training.datasets.pairs import Pair
from training.evaluate import network_of_artifact, network_of_recipe
from training.protocols import protocol
from training.recipe import load_recipe


@dataclass(frozen=True)
class Contestant:
    """A method that takes part.

    Attributes:
        name: as it is printed.
        key: the name under which `published.yaml` lists it: a network's registry name, or a classical method's own.
        scale: the scale it is for.
        method: what is run.
    """

    name: str
    key: str
    scale: int
    method: Method


@dataclass(frozen=True)
class Result:
    """One method on one image.

    Attributes:
        dataset: name of the set.
        split: its part.
        scene: of the image.
        image: scene and view.
        protocol: by name.
        scale: ratio of the two resolutions.
        method: as it is printed.
        key: see `Contestant`.
        unit: of the errors.
        seconds: that the method took, on this machine.
        measures: by name.
    """

    dataset: str
    split: str
    scene: str
    image: str
    protocol: str
    scale: int
    method: str
    key: str
    unit: str
    seconds: float
    measures: dict[str, float]


Watcher = Callable[[Pair, str, Case, dict[str, Tensor]], None]
"""Called after each image with the pair, the protocol's name, the case and all results (N, 1, H, W) by method."""


def network_contestant(words: str) -> Contestant:
    """A trained network as named on the command line.

    Args:
        words: an artifact's folder, the name of a shipped one such as `fdkn_x8`, or `RECIPE.yaml:WEIGHTS.safetensors`.

    Raises:
        FileNotFoundError: recipe or weights are missing.
        ValueError: no such artifact (ArtifactError), or the recipe cannot be used.
    """
    recipe_path, _, weights = words.partition(":")
    if weights:
        recipe = load_recipe(Path(recipe_path))
        network = network_of_recipe(recipe, Path(weights))
        return Contestant(Path(recipe_path).stem, recipe.model, network.scale, network)
    folder = SHIPPED / words if (SHIPPED / words).is_dir() else Path(words)
    network = network_of_artifact(folder)
    return Contestant(folder.name, read_artifact(folder).card.model, network.scale, network)


def classical_contestants(scales: Iterable[int], names: Sequence[str] = CLASSICAL) -> list[Contestant]:
    """The classical methods at each scale. Raises ValueError for an unknown name."""
    return [
        Contestant(name, name, scale, method)
        for scale in scales
        for name, method in classical_methods(scale, names).items()
    ]


def compare(
    contestants: Sequence[Contestant],
    pairs: Iterable[Pair],
    protocols: Sequence[str],
    scales: Sequence[int],
    watch: Watcher | None = None,
) -> list[Result]:
    """Runs every contestant on every image under every protocol at its scale.

    Args:
        contestants: see `Contestant`.
        pairs: images; each is loaded once.
        protocols: names in `training.protocols.PROTOCOLS`.
        scales: those to run.
        watch: sees every image's results, to draw them.

    Raises:
        ValueError: an unknown protocol, or an image that a protocol cannot pose.
        FileNotFoundError: a file that a protocol needs is missing.
    """
    known = {name: protocol(name) for name in protocols}
    results = []
    for pair in pairs:
        for name in known:
            for scale in scales:
                results += _on_image([c for c in contestants if c.scale == scale], pair, name, scale, watch)
    return results


def _on_image(
    contestants: Sequence[Contestant], pair: Pair, name: str, scale: int, watch: Watcher | None
) -> list[Result]:
    rules, entry = protocol(name), pair.entry
    case = rules.pose(pair, scale)
    results, outputs = [], {}
    for one in contestants:
        started = time.perf_counter()
        outputs[one.name] = output = case.answer(one.method)
        seconds = time.perf_counter() - started
        where = (entry.dataset, entry.split, entry.scene, entry.name, name, scale)
        unit = rules.unit or unit_of(pair)[0]
        results.append(Result(*where, one.name, one.key, unit, seconds, rules.measure(case, output)))
    if watch and outputs:
        watch(pair, name, case, outputs)
    return results
