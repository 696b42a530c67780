"""A wider and deeper JIIF that computes what a trained narrow one computes, to go on training from.

Tianqi Chen, Ian Goodfellow, Jonathon Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016: a
channel is repeated, and the weights that read it are divided among the copies; a residual block is added whose last
layer is zero. The shares of the copies are drawn at random, so that copies receive different gradients and part. A
network of half the width and depth costs an eighth to train, which on a small machine is the difference between a few
thousand crops and tens of thousands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from depth_sr_ros.models import GuidedUpsampler, create_model
from depth_sr_ros.models.weights import load_weights, save_weights
from training.recipe import load_recipe

# shares of copies are drawn between one third and one of each other before they are made to add up
_SMALLEST_SHARE = 1 / 3


def grow_run(narrow_recipe: Path, narrow_run: Path, wide_recipe: Path, out: Path, seed: int = 0) -> Path:
    """Writes weights for a wide recipe's network, grown from a finished run of a narrow one.

    Args:
        narrow_recipe: recipe of the trained network.
        narrow_run: its folder, with `weights.safetensors` and `training.json`.
        wide_recipe: recipe of the network to write weights for.
        out: folder for `weights.safetensors` and `training.json`, for the wide recipe's `start_from`.
        seed: of the random shares.

    Returns:
        Path of the written weights.

    Raises:
        FileNotFoundError: the run has written no weights.
        ValueError: the networks are of different kinds, or one does not contain the other.
    """
    narrow, wide = load_recipe(narrow_recipe), load_recipe(wide_recipe)
    if (narrow.model, wide.model) != ("jiif", "jiif"):
        raise ValueError(f"growing knows jiif only; found recipes of {narrow.model!r} and {wide.model!r}")
    network = create_model("jiif", scale=wide.scale, **wide.model_options)
    state = grow(load_weights(narrow_run / "weights.safetensors"), network, torch.Generator().manual_seed(seed))
    out.mkdir(parents=True, exist_ok=True)
    save_weights(state, out / "weights.safetensors")
    facts = {
        "grown": f"from width {narrow.model_options.get('width', 128)}; the same function, more channels",
        "command": f"python -m training grow --recipe {Path(wide_recipe).stem} --narrow-recipe "
        f"{Path(narrow_recipe).stem} --run RUN --out RUN/grown",
        "earlier": json.loads((narrow_run / "training.json").read_text()),
    }
    (out / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    return out / "weights.safetensors"


def grow(narrow: Mapping[str, Tensor], network: GuidedUpsampler, generator: torch.Generator) -> dict[str, Tensor]:
    """State dict for a wider, deeper JIIF that gives the same results as a narrow one.

    Args:
        narrow: the trained weights.
        network: of the wanted size; its own weights are not used.
        generator: draws the copies' shares.

    Raises:
        ValueError: a width is no multiple of the narrow one, or the perceptrons differ in their number of layers.
    """
    wide = network.state_dict()
    if _layers(narrow) != _layers(wide):
        raise ValueError(f"hidden layers: expected as many in both, found {_layers(narrow)} and {_layers(wide)}")
    state = {name: torch.zeros_like(tensor) for name, tensor in wide.items()}
    for encoder in ("guide_encoder", "depth_encoder"):
        _grow_encoder(encoder, narrow, state, generator)
    width = narrow["guide_encoder.head.weight"].shape[0]
    for name in narrow:
        if name.startswith("functions.") and name.endswith(".weight"):
            segments = [width, width, width, 2] if ".layers.0." in name else [narrow[name].shape[1]]
            state[name] = _widen(name, narrow[name], state[name].shape, segments, generator)
            bias = name.removesuffix("weight") + "bias"
            state[bias] = narrow[bias].repeat(_times(bias, narrow[bias].shape[0], state[bias].shape[0]))
    return state


def _grow_encoder(
    encoder: str, narrow: Mapping[str, Tensor], state: dict[str, Tensor], generator: torch.Generator
) -> None:
    depth, wide_depth = _blocks(encoder, narrow), _blocks(encoder, state)
    every = _times(f"{encoder}.blocks", depth, wide_depth)
    names = {f"{encoder}.{layer}": f"{encoder}.{layer}" for layer in ("head", "last")}
    for number in range(depth):
        for layer in ("first", "second"):
            names[f"{encoder}.blocks.{number}.{layer}"] = f"{encoder}.blocks.{number * every}.{layer}"
    for source, target in names.items():
        weight, shape = narrow[source + ".weight"], state[target + ".weight"].shape
        state[target + ".weight"] = _widen(source, weight, shape, [weight.shape[1]], generator)
        bias = narrow[source + ".bias"]
        state[target + ".bias"] = bias.repeat(_times(source, bias.shape[0], shape[0]))
    width = state[f"{encoder}.head.bias"].shape[0]
    for number in range(wide_depth):
        if number % every:
            # a new block adds nothing yet: its first layer is drawn, its second is zero
            first = torch.randn(state[f"{encoder}.blocks.{number}.first.weight"].shape, generator=generator)
            state[f"{encoder}.blocks.{number}.first.weight"] = first * (2 / (9 * width)) ** 0.5


def _widen(
    name: str, weight: Tensor, shape: Sequence[int], segments: Sequence[int], generator: torch.Generator
) -> Tensor:
    """Repeats outputs, and divides each input's weights at random among the copies of that input.

    Args:
        name: for errors.
        weight: (outputs, inputs, ...).
        shape: of the result.
        segments: the inputs are of these kinds, one after another; the last one of several (positions) has no copies.
        generator: draws the shares.
    """
    weight = weight.repeat(_times(name, weight.shape[0], shape[0]), *[1] * (weight.dim() - 1))
    fixed = segments[-1] if len(segments) > 1 else 0
    times = _times(name, weight.shape[1] - fixed, shape[1] - fixed)
    parts = []
    for number, part in enumerate(weight.split(list(segments), dim=1)):
        copies = 1 if fixed and number == len(segments) - 1 else times
        shares = torch.rand((copies, *part.shape), generator=generator) * (1 - _SMALLEST_SHARE) + _SMALLEST_SHARE
        parts += list(part * shares / shares.sum(dim=0))
    return torch.cat(parts, dim=1)


def _times(name: str, narrow: int, wide: int) -> int:
    if wide % narrow:
        raise ValueError(f"{name}: {wide} is no multiple of the narrow network's {narrow}; choose widths that are")
    return wide // narrow


def _layers(state: Mapping[str, Tensor]) -> int:
    return sum(name.startswith("functions.0.") and name.endswith(".weight") for name in state)


def _blocks(encoder: str, state: Mapping[str, Tensor]) -> int:
    return sum(name.startswith(f"{encoder}.blocks.") and name.endswith(".first.weight") for name in state)
