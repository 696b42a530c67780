"""Runs many methods on many images, one after the other, and keeps every number."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
from torch import Tensor, nn

from depth_sr_ros.artifact import CARD, SHIPPED, expect_papers, read_artifact
from depth_sr_ros.engines import EngineError
from depth_sr_ros.models import GuidedUpsampler
from training.datasets.pairs import Pair
from training.evaluation.cases import Case, Method, is_whole, unit_of
from training.evaluation.classical import CLASSICAL, classical_methods
from training.evaluation.engine_method import EngineMethod
from training.evaluation.known_scenes import notes_on, sets_of_run, sets_of_weights
from training.evaluation.network_scores import network_of_artifact, network_of_recipe
from training.evaluation.protocols import PROTOCOLS, Protocol, bicubic_up, protocol
from training.evaluation.self_ensemble import SelfEnsemble
from training.networks.devices import best_device
from training.recipes.names import find_recipe
from training.recipes.recipe import load_recipe

# sizes that a method does not take, memory that it does not get
_FAILURES = (ValueError, RuntimeError, MemoryError, cv2.error)
# behind the name of weights
_ENSEMBLE = "+"


@dataclass(frozen=True)
class Contestant:
    """A method that takes part.

    Attributes:
        name: as it is printed.
        key: the name under which `published.yaml` lists it: a network's registry name, or a classical method's own.
        scale: the scale it is for.
        method: what is run.
        any_scale: gives what is run at another scale, or None where it cannot; None for a method of one scale.
        trained_on: data sets that it learned from, see `training.evaluation.known_scenes.sets_of_weights`.
    """

    name: str
    key: str
    scale: float
    method: Method
    any_scale: Callable[[float], Method | None] | None = None
    trained_on: frozenset[str] = frozenset()


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
        seconds: that the method took, on this machine, without building an engine; NaN where it could not be run.
        measures: by name; none where it could not be run.
        notes: what a table with it has to say.
    """

    dataset: str
    split: str
    scene: str
    image: str
    protocol: str
    scale: float
    method: str
    key: str
    unit: str
    seconds: float
    measures: dict[str, float]
    notes: tuple[str, ...] = ()


Watcher = Callable[[Pair, str, Case, dict[str, Tensor]], None]
"""Called after each image with the pair, the protocol's name, the case and all results (N, 1, H, W) by method."""


def network_contestant(words: str) -> Contestant:
    """A trained network as named on the command line.

    Args:
        words: an artifact's folder, the name of a shipped one such as `fdkn_x8`, or `RECIPE:WEIGHTS.safetensors`;
            with a plus behind it, as the mean over turned and mirrored inputs (`SelfEnsemble`); an artifact with
            `@ENGINE` or `@ENGINE:PRECISION` behind it, as that engine runs it (`EngineMethod`).

    Raises:
        FileNotFoundError: recipe or weights are missing.
        ValueError: no such artifact (ArtifactError) or engine, or the recipe cannot be used.
    """
    artifact, _, engine = words.rpartition("@")
    if artifact and (_folder(artifact) / CARD).is_file():
        return _by_engine(_folder(artifact), engine)
    if words.endswith(_ENSEMBLE):
        return _ensemble(network_contestant(words.removesuffix(_ENSEMBLE)))
    recipe_name, _, weights = words.partition(":")
    if weights:
        file = find_recipe(recipe_name)
        recipe = load_recipe(file)
        network, sets = network_of_recipe(recipe, Path(weights)), sets_of_run(recipe, Path(weights))
        return _of_network(file.name, recipe.model, network, sets)
    folder = _folder(words)
    found, network = read_artifact(folder), network_of_artifact(folder)
    return _of_network(folder.name, found.card.model, network, sets_of_weights(found.weights))


def _folder(words: str) -> Path:
    return SHIPPED / words if (SHIPPED / words).is_dir() else Path(words)


def _seconds_building(method: Method) -> float:
    return method.seconds_building if isinstance(method, EngineMethod) else 0.0


def _by_engine(folder: Path, words: str) -> Contestant:
    engine, _, precision = words.partition(":")
    artifact = expect_papers(read_artifact(folder), "evaluation by protocols")
    try:
        method = EngineMethod(artifact, engine, precision or "auto")
    except EngineError as error:
        raise ValueError(f"{folder.name}@{words}: {error}") from error
    card = artifact.card
    return Contestant(
        f"{folder.name}@{method.name}", card.model, card.scale, method, trained_on=sets_of_weights(artifact.weights)
    )


def _ensemble(one: Contestant) -> Contestant:
    def any_scale(scale: float) -> Method | None:
        method = one.any_scale(scale) if one.any_scale else None
        return SelfEnsemble(method) if isinstance(method, nn.Module) else None

    assert isinstance(one.method, nn.Module)
    ensemble = SelfEnsemble(one.method)
    return replace(one, name=one.name + _ENSEMBLE, method=ensemble, any_scale=any_scale if one.any_scale else None)


class _AnyScale(nn.Module):
    """A network by its `upsample`, which takes any sizes whose sides the stride of its guide encoder divides.

    Args:
        network: what is run.
        scale: ratio of the two resolutions.
    """

    def __init__(self, network: GuidedUpsampler, scale: float) -> None:
        super().__init__()
        self.network = network
        # the reduced guide passes the same encoder
        self.size_multiple = int(scale) * network.guide_multiple if is_whole(scale) else 1

    def forward(self, guide: Tensor, depth_lr: Tensor) -> Tensor:
        """Takes guide (B, 3, H, W) and depth (B, 1, h, w); (B, 1, H, W)."""
        return self.network.upsample(guide, depth_lr)


def _of_network(name: str, key: str, network: GuidedUpsampler, trained_on: frozenset[str]) -> Contestant:
    network = network.to(best_device())
    any_scale = partial(_at_scale, network) if network.any_position else None
    return Contestant(name, key, network.scale, network, any_scale, trained_on)


def _at_scale(network: GuidedUpsampler, scale: float) -> Method | None:
    """Between whole scales nothing is padded, so that only a network whose guide may have any size takes part."""
    return _AnyScale(network, scale) if network.guide_multiple == 1 or is_whole(scale) else None


def classical_contestants(scales: Iterable[float], names: Sequence[str] = CLASSICAL) -> list[Contestant]:
    """The classical methods at each scale, between whole ones bicubic alone. Raises ValueError for an unknown name."""
    return [
        Contestant(name, name, scale, method)
        for scale in scales
        for name, method in classical_methods(int(scale), names).items()
        if is_whole(scale) or method is bicubic_up
    ]


def taking_part(contestants: Sequence[Contestant], scale: float) -> list[Contestant]:
    """Those that run at a scale.

    Methods made for it do, and networks that take any scale, unless weights of the same network were made for it.
    """
    own = {one.key for one in contestants if one.scale == scale}
    chosen = []
    for one in contestants:
        if one.scale == scale:
            chosen.append(one)
        elif one.any_scale is not None and one.key not in own:
            method = one.any_scale(scale)
            if method is not None:
                chosen.append(replace(one, scale=scale, method=method))
    return chosen


def compare(
    contestants: Sequence[Contestant],
    pairs: Iterable[Pair],
    protocols: Sequence[str],
    scales: Sequence[float],
    watch: Watcher | None = None,
) -> list[Result]:
    """Runs every contestant on every image under every protocol at its scale.

    Where a contestant fails on an image, its result has no measures and a note that says why; the others go on.

    Args:
        contestants: see `Contestant`.
        pairs: images; each is loaded once.
        protocols: names in `training.evaluation.protocols.PROTOCOLS`.
        scales: those to run.
        watch: sees every image's results, to draw them.

    Raises:
        ValueError: an unknown protocol, an image that a protocol cannot pose, or a scale between the whole numbers
            under a protocol for whole ones; or no contestant could be run on any image.
        FileNotFoundError: a file that a protocol needs is missing.
    """
    known = {name: protocol(name) for name in protocols}
    _check_scales(known, scales)
    results = []
    for pair in pairs:
        for name in known:
            for scale in scales:
                results += _on_image(taking_part(contestants, scale), pair, name, scale, watch)
    if results and all(math.isnan(result.seconds) for result in results):
        raise ValueError(f"nothing could be measured; {results[0].notes[-1]}")
    return results


def _check_scales(known: Mapping[str, Protocol], scales: Sequence[float]) -> None:
    between = [scale for scale in scales if not is_whole(scale)]
    refused = [name for name, rules in known.items() if between and not rules.any_scale]
    if refused:
        able = [name for name, rules in PROTOCOLS.items() if rules.any_scale]
        raise ValueError(
            f"scales: expected whole numbers under {', '.join(refused)}, found {between}; {' and '.join(able)} take any"
        )


def _on_image(
    contestants: Sequence[Contestant], pair: Pair, name: str, scale: float, watch: Watcher | None
) -> list[Result]:
    rules, entry = protocol(name), pair.entry
    case = rules.pose(pair, scale)
    unit = rules.unit or unit_of(pair)[0]
    results, outputs = [], {}
    for one in contestants:
        where = (entry.dataset, entry.split, entry.scene, entry.name, name, scale, one.name, one.key, unit)
        notes = tuple(notes_on(entry, one.name, one.trained_on))
        started, built = time.perf_counter(), _seconds_building(one.method)
        try:
            output = case.answer(one.method)
            seconds = time.perf_counter() - started - (_seconds_building(one.method) - built)
            measures = rules.measure(case, output)
        except _FAILURES as error:
            failure = f"{one.name} could not be measured on every image, which its means leave out: {error}"
            results.append(Result(*where, math.nan, {}, (*notes, failure)))
            continue
        outputs[one.name] = output
        results.append(Result(*where, seconds, measures, notes))
    if watch and outputs:
        watch(pair, name, case, outputs)
    return results
