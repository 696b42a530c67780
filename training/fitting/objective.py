"""What a network is trained to minimise: its losses, one per group of parameters, on whole crops or on some pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from depth_sr_ros.models import GuidedUpsampler
from depth_sr_ros.models.layers.interpolation import resize_bicubic
from training.fitting.losses import BEYOND_DEPTH, OF_NEIGHBOURS, Loss, weighted
from training.networks.validity import ask, takes_validity
from training.recipes.recipe import Recipe

Batch = Mapping[str, Tensor]
"""Crops: `guide` (B, 3, S, S), `depth_lr` and `valid_lr` (B, 1, s, s), `target` and `valid` (B, 1, S, S), and `number`
(B,), see `training.datasets.crops.RandomCrops`."""


@dataclass(frozen=True)
class Supervised:
    """What a network gave, and what it should have given.

    Attributes:
        outputs: by name, see `GuidedUpsampler.training_outputs`; and `start`, the bicubic start image.
        target: of one shape with `outputs["depth"]`.
        valid: same shape, 1.0 where `target` is real ground truth.
    """

    outputs: Mapping[str, Tensor]
    target: Tensor
    valid: Tensor


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that are moved together, and the loss that was meant for them."""

    name: str
    parameters: list[nn.Parameter]
    loss: Loss


def parameter_groups(network: GuidedUpsampler, loss: Mapping[str, float | Mapping[str, float]]) -> list[ParameterGroup]:
    """The network's groups of parameters with their losses.

    Args:
        network: what is trained.
        loss: the recipe's, see `training.recipes.recipe.Recipe.loss`.

    Raises:
        ValueError: an unknown loss, or the groups named are not those of the network.
    """
    groups = network.parameter_groups()
    nested = {name: terms for name, terms in loss.items() if isinstance(terms, Mapping)}
    plain = {name: weight for name, weight in loss.items() if not isinstance(weight, Mapping)}
    if len(groups) == 1 and not nested:
        ((name, parameters),) = groups.items()
        return [ParameterGroup(name, parameters, weighted(plain))]
    if set(nested) != set(groups) or plain:
        raise ValueError(f"loss: expected weights of losses for each of {sorted(groups)}, found {dict(loss)}")
    return [ParameterGroup(name, parameters, weighted(nested[name])) for name, parameters in groups.items()]


def check_losses(network: GuidedUpsampler, recipe: Recipe) -> None:
    """Refuses losses that the network, or some of its pixels alone, have no numbers for.

    Args:
        network: what is trained.
        recipe: how. `queries` and `crops.scales` make single pixels of the crops, in no order, of the result alone.

    Raises:
        ValueError: a loss of an output that the network does not give; a loss of neighbours, or of another output than
            the result, on single pixels. The message names the losses.
    """
    names = {name for terms in recipe.loss.values() if isinstance(terms, Mapping) for name in terms}
    names |= {name for name, terms in recipe.loss.items() if not isinstance(terms, Mapping)}
    given = network.output_names
    missing = sorted(name for name in names if BEYOND_DEPTH.get(name, "depth") not in given)
    if missing:
        raise ValueError(
            f"loss: {missing} need {sorted({BEYOND_DEPTH[name] for name in missing})} beside the result; "
            f"{recipe.model} with options {network.options} gives {list(given)}; leave them out"
        )
    of_images = sorted(names & (OF_NEIGHBOURS | BEYOND_DEPTH.keys()))
    if of_images and (recipe.queries or recipe.crops.scales is not None):
        raise ValueError(
            f"loss: {of_images} need whole images, but queries: {recipe.queries} and crops.scales: "
            f"{recipe.crops.scales} supervise single pixels; leave out these losses, or queries and crops.scales"
        )


def supervised(network: GuidedUpsampler, batch: Batch, queries: int, seed: int) -> Supervised:
    """Runs the network on a batch, or on a part of one.

    Which pixels of a crop are evaluated depends on the seed and the crop's number alone, so that it does not matter how
    a batch is parted or shared. A network that can only evaluate the same pixels of all its crops (`sampled`, where it
    has no `query`) draws them from the seed alone.

    Args:
        network: what is trained.
        batch: see `Batch`. Depth of another scale than the network's needs one that can be queried anywhere.
        queries: pixels per crop to evaluate, drawn without replacement; 0 evaluates all.
        seed: of the pixels drawn in this step.

    Raises:
        ValueError: the network cannot be asked for some pixels only, or not at this scale.
    """
    guide, depth_lr, target, valid = (batch[key] for key in ("guide", "depth_lr", "target", "valid"))
    guide = guide.contiguous(memory_format=torch.channels_last)
    own_scale = guide.shape[-1] == depth_lr.shape[-1] * network.scale
    start = resize_bicubic(depth_lr, guide.shape[-2:])
    if own_scale and not queries:
        outputs = _outputs(network, guide, depth_lr, batch["valid_lr"])
        return Supervised({**outputs, "start": start}, target, valid)
    if not network.any_position and not (own_scale and network.samples_pixels):
        raise ValueError(
            f"{type(network).__name__} evaluates whole images at scale {network.scale} only; found queries: {queries} "
            f"and depth of {depth_lr.shape[-1]} px for colour of {guide.shape[-1]} px"
        )
    if network.any_position:
        pixels = _random_pixels(guide, queries, seed, batch["number"])
        values = network.query(guide, depth_lr, _positions(pixels, guide))
    else:
        values, pixels = network.sampled(guide, depth_lr, queries, torch.Generator().manual_seed(seed))
    outputs = {"depth": _as_image(values), "start": _pick(start, pixels)}
    return Supervised(outputs, _pick(target, pixels), _pick(valid, pixels))


def _outputs(network: GuidedUpsampler, guide: Tensor, depth_lr: Tensor, valid_lr: Tensor) -> Mapping[str, Tensor]:
    if takes_validity(network):
        return {"depth": ask(network, guide, depth_lr, valid_lr)}
    return network.training_outputs(guide, depth_lr)


def _random_pixels(guide: Tensor, count: int, seed: int, numbers: Tensor) -> Tensor:
    """Flat indices (B, count); all pixels for count 0."""
    pixels = guide.shape[-2] * guide.shape[-1]
    draws = [np.random.default_rng([seed, n]).permutation(pixels)[: count or pixels] for n in numbers.tolist()]
    return torch.from_numpy(np.stack(draws)).to(guide.device)


def _positions(pixels: Tensor, guide: Tensor) -> Tensor:
    """Centres of pixels, (B, N) flat -> (B, N, 2) row and column in [-1, 1]."""
    height, width = guide.shape[-2:]
    row = torch.div(pixels, width, rounding_mode="floor")
    return torch.stack(((2 * row + 1) / height - 1, (2 * (pixels % width) + 1) / width - 1), dim=-1)


def _pick(image: Tensor, pixels: Tensor) -> Tensor:
    return _as_image(image.flatten(1).gather(1, pixels))


def _as_image(values: Tensor) -> Tensor:
    """(B, N) -> (B, 1, 1, N)."""
    return values[:, None, None]
