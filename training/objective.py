"""What a network is trained to minimise: its losses, one per group of parameters, on whole crops or on some pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from depth_sr_ros.models import GuidedUpsampler
from training.losses import Loss, weighted

Batch = Mapping[str, Tensor]
"""Crops: `guide` (B, 3, S, S), `depth_lr` (B, 1, s, s), `target` and `valid` (B, 1, S, S)."""


@dataclass(frozen=True)
class Supervised:
    """What a network gave, and what it should have given.

    Attributes:
        outputs: by name, see `GuidedUpsampler.training_outputs`.
        target: of one shape with `outputs["depth"]`.
        valid: same shape, 1.0 where `target` is real ground truth.
    """

    outputs: Mapping[str, Tensor]
    target: Tensor
    valid: Tensor


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters and the loss that alone moves them."""

    name: str
    parameters: list[nn.Parameter]
    loss: Loss


def parameter_groups(network: GuidedUpsampler, loss: Mapping[str, float | Mapping[str, float]]) -> list[ParameterGroup]:
    """The network's groups of parameters with their losses.

    Args:
        network: what is trained.
        loss: the recipe's, see `training.recipe.Recipe.loss`.

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


def supervised(network: GuidedUpsampler, batch: Batch, queries: int, generator: torch.Generator) -> Supervised:
    """Runs the network on a batch.

    Args:
        network: what is trained.
        batch: see `Batch`. Depth of another scale than the network's needs one that can be queried anywhere.
        queries: pixels per crop to evaluate, drawn without replacement; 0 evaluates all.
        generator: draws the pixels, on the CPU.

    Raises:
        ValueError: the network cannot be asked for some pixels only, or not at this scale.
    """
    guide, depth_lr, target, valid = (batch[key] for key in ("guide", "depth_lr", "target", "valid"))
    guide = guide.contiguous(memory_format=torch.channels_last)
    own_scale = guide.shape[-1] == depth_lr.shape[-1] * network.scale
    if own_scale and not queries:
        return Supervised(network.training_outputs(guide, depth_lr), target, valid)
    if not hasattr(network, "sampled" if own_scale else "query"):
        raise ValueError(
            f"{type(network).__name__} evaluates whole images at scale {network.scale} only; found queries: {queries} "
            f"and depth of {depth_lr.shape[-1]} px for colour of {guide.shape[-1]} px"
        )
    if own_scale:
        values, pixels = network.sampled(guide, depth_lr, queries, generator)  # type: ignore[operator]
    else:
        pixels = _random_pixels(guide, queries, generator)
        values = network.query(guide, depth_lr, _positions(pixels, guide))  # type: ignore[operator]
    return Supervised({"depth": _as_image(values)}, _pick(target, pixels), _pick(valid, pixels))


def _random_pixels(guide: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Flat indices (B, count); all pixels for count 0."""
    pixels = guide.shape[-2] * guide.shape[-1]
    draws = [torch.randperm(pixels, generator=generator)[: count or pixels] for _ in range(guide.shape[0])]
    return torch.stack(draws).to(guide.device)


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
