"""A wider and deeper JIIF that computes what a trained narrow one computes, to go on training from.

Tianqi Chen, Ian Goodfellow, Jonathon Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016: a
channel is repeated, and the weights that read it are divided among the copies; a residual block is added whose last
layer is zero. The shares of the copies are drawn at random, so that copies receive different gradients and part. A
network of half the width and depth costs an eighth to train, which on a small machine is the difference between a few
thousand crops and tens of thousands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from depth_sr_ros.models import create_model
from depth_sr_ros.models.jiif.jiif import JIIF
from depth_sr_ros.models.jiif.pairs import PairFunction
from training.fitting.run_folder import write_start
from training.networks.loading import differing_options, load_into
from training.recipes.names import RecipeSource, find_recipe
from training.recipes.recipe import Recipe, load_recipe

# shares of copies are drawn between one third and one of each other before they are made to add up
_SMALLEST_SHARE = 1 / 3
# the scale is none of the layers': they are the same function of a position
_MAY_DIFFER = {"scale", "width", "blocks", "hidden"}


def grow_run(
    narrow_recipe: RecipeSource, narrow_run: Path, wide_recipe: RecipeSource, out: Path, seed: int = 0
) -> Path:
    """Writes weights for a wide recipe's network, grown from a finished run of a narrow one.

    Args:
        narrow_recipe: recipe of the trained network.
        narrow_run: its folder, with `weights.safetensors` and `provenance.json`, or an artifact's.
        wide_recipe: recipe of the network to write weights for.
        out: folder for `weights.safetensors` and `provenance.json`, for the wide recipe's `start_from`.
        seed: of the random shares.

    Returns:
        Path of the written weights.

    Raises:
        FileNotFoundError: the run has written no weights.
        ValueError: the networks are of different kinds or options, or one does not contain the other; the weights are
            not those of the narrow recipe.
    """
    narrow_file, wide_file = find_recipe(narrow_recipe), find_recipe(wide_recipe)
    narrow, wide = load_recipe(narrow_file), load_recipe(wide_file)
    trained, network = _network(narrow), _network(wide)
    weights = narrow_run / "weights.safetensors"
    load_into(trained, weights, narrow.model)
    state = grow(trained, network, torch.Generator().manual_seed(seed))
    how = f"from {differing_options(trained, network)} to {differing_options(network, trained)}; the same function"
    command = (
        f"python -m training grow --recipe {wide_file.name} --narrow-recipe {narrow_file.name} "
        "--run RUN --out RUN/grown"
    )
    name = f"{narrow_file.name}_grown"
    return write_start(state, "grow", name, {"grown": how, "command": command}, [weights], out)


def _network(recipe: Recipe) -> JIIF:
    network = create_model(recipe.model, scale=recipe.scale, **recipe.model_options)
    if not isinstance(network, JIIF):
        raise ValueError(f"growing knows jiif and jiif_s only; found a recipe of {recipe.model!r}")
    return network


@torch.no_grad()
def grow(narrow: JIIF, network: JIIF, generator: torch.Generator) -> dict[str, Tensor]:
    """State dict for a wider, deeper JIIF that gives the same results as a narrow one.

    Args:
        narrow: trained.
        network: of the wanted size, and of the same options but `scale`, `width`, `blocks` and `hidden`; its own
            weights are not used.
        generator: draws the copies' shares.

    Raises:
        ValueError: another option differs; a width is no multiple of the narrow one, or the perceptrons differ in their
            number of layers.
    """
    differing = sorted(key for key in narrow.options if narrow.options[key] != network.options[key])
    if set(differing) - _MAY_DIFFER:
        raise ValueError(
            f"expected networks of the same options but {sorted(_MAY_DIFFER)}; {differing} differ: found "
            f"{narrow.options} for {network.options}"
        )
    layers = len(narrow.options["hidden"]), len(network.options["hidden"])
    if layers[0] != layers[1]:
        raise ValueError(f"hidden layers: expected as many in both, found {layers[0]} and {layers[1]}")
    trained = narrow.state_dict()
    state = {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}
    for encoder in ("guide_encoder", "depth_encoder"):
        _grow_encoder(encoder, trained, state, generator)
    for number, function in enumerate(narrow.functions):
        assert isinstance(function, PairFunction)
        for layer in range(len(function.layers)):
            segments = function.sizes if layer == 0 else None
            fixed = layer == 0 and function.inputs[-1] == "position"
            _grow_layer(f"functions.{number}.layers.{layer}", trained, state, generator, segments, fixed)
    if narrow.weight_head is not None:
        _grow_layer("weight_head", trained, state, generator)
    return state


def _grow_layer(
    name: str,
    narrow: Mapping[str, Tensor],
    state: dict[str, Tensor],
    generator: torch.Generator,
    segments: Sequence[int] | None = None,
    fixed: bool = False,
    target: str = "",
) -> None:
    """Fills one layer.

    Args:
        name: of the layer in the narrow network.
        narrow: its weights.
        state: of the wide one, which is filled.
        generator: draws the copies' shares.
        segments: see `_widen`; None is one of all inputs.
        fixed: see `_widen`.
        target: name of the layer in the wide network; the same unless given.
    """
    target = target or name
    weight, bias, shape = narrow[name + ".weight"], narrow[name + ".bias"], state[target + ".weight"].shape
    state[target + ".weight"] = _widen(name, weight, shape, segments or [weight.shape[1]], fixed, generator)
    state[target + ".bias"] = bias.repeat(_times(name, bias.shape[0], shape[0]))


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
        _grow_layer(source, narrow, state, generator, target=target)
    width = state[f"{encoder}.head.bias"].shape[0]
    for number in range(wide_depth):
        if number % every:
            # a new block adds nothing yet: its first layer is drawn, its second is zero
            first = torch.randn(state[f"{encoder}.blocks.{number}.first.weight"].shape, generator=generator)
            state[f"{encoder}.blocks.{number}.first.weight"] = first * (2 / (9 * width)) ** 0.5
    if f"{encoder}.apart.weight" in narrow:
        # outputs are phases of a channel, channel by channel, so that copies of all of them are copies of channels
        _grow_layer(f"{encoder}.apart", narrow, state, generator)


def _widen(
    name: str, weight: Tensor, shape: Sequence[int], segments: Sequence[int], fixed: bool, generator: torch.Generator
) -> Tensor:
    """Repeats outputs, and divides each input's weights at random among the copies of that input.

    Args:
        name: for errors.
        weight: (outputs, inputs, ...).
        shape: of the result.
        segments: the inputs are of these kinds, one after another.
        fixed: whether the last of them (positions) has no copies.
        generator: draws the shares.
    """
    weight = weight.repeat(_times(name, weight.shape[0], shape[0]), *[1] * (weight.dim() - 1))
    alone = segments[-1] if fixed else 0
    times = _times(name, weight.shape[1] - alone, shape[1] - alone)
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


def _blocks(encoder: str, state: Mapping[str, Tensor]) -> int:
    return sum(name.startswith(f"{encoder}.blocks.") and name.endswith(".first.weight") for name in state)
