"""A narrower network that keeps the channels which a trained one uses most, to go on training from.

Hao Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017: channels are ranked by the size of their weights and
the weakest are left out. Here a channel counts by what goes out of it: the weights by which the next layers read it,
times the scale that its normalisation gives it. What is left is no longer the same function, but a far better start
than random weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from depth_sr_ros.models import create_model
from depth_sr_ros.models.dada.dada import DADA
from depth_sr_ros.models.jiif.jiif import JIIF
from depth_sr_ros.models.kernel.fdkn import FDKN
from depth_sr_ros.models.kernel.kernel_filter import KernelBranch
from training.fitting.run_folder import write_start
from training.networks.loading import differing_options, load_into
from training.recipes.names import RecipeSource, find_recipe
from training.recipes.recipe import load_recipe
from training.surgery.shrink_dada import shrink_dada
from training.surgery.shrink_jiif import shrink_jiif


def shrink_run(wide_recipe: RecipeSource, wide_run: Path, narrow_recipe: RecipeSource, out: Path) -> Path:
    """Writes weights for a narrow recipe's network, taken from a finished run of a wide one.

    Args:
        wide_recipe: recipe of the trained network.
        wide_run: its folder, with `weights.safetensors` and `provenance.json`, or an artifact's.
        narrow_recipe: recipe of the network to write weights for.
        out: folder for `weights.safetensors` and `provenance.json`, for the narrow recipe's `start_from`.

    Returns:
        Path of the written weights.

    Raises:
        FileNotFoundError: the run has written no weights.
        ValueError: other networks, or the narrow one is wider somewhere or differs in other options.
    """
    wide_file, narrow_file = find_recipe(wide_recipe), find_recipe(narrow_recipe)
    trained_by = load_recipe(wide_file)
    wide, narrow = (
        create_model(recipe.model, scale=recipe.scale, **recipe.model_options)
        for recipe in (trained_by, load_recipe(narrow_file))
    )
    weights = wide_run / "weights.safetensors"
    load_into(wide, weights, trained_by.model)
    kept = "the most used channels"
    if isinstance(wide, FDKN) and isinstance(narrow, FDKN):
        shrink(wide, narrow)
    elif isinstance(wide, JIIF) and isinstance(narrow, JIIF):
        shrink_jiif(wide, narrow)
    elif isinstance(wide, DADA) and isinstance(narrow, DADA):
        shrink_dada(wide, narrow)
        kept = "the mean of what is left out"
    else:
        names = f"{type(wide).__name__} and {type(narrow).__name__}"
        raise ValueError(f"expected two FDKN, two JIIF or two DADA to shrink one into the other, found {names}")
    how = f"from {differing_options(wide, narrow)} to {differing_options(narrow, wide)}; {kept}"
    command = (
        f"python -m training shrink --recipe {narrow_file.name} --wide-recipe {wide_file.name} "
        "--run RUN --out RUN/shrunk"
    )
    facts = {"shrunk": how, "command": command}
    return write_start(narrow.state_dict(), "shrink", f"{wide_file.name}_shrunk", facts, [weights], out)


@torch.no_grad()
def shrink(wide: FDKN, narrow: FDKN) -> None:
    """Fills a narrower FDKN with a wide one's most used channels, in place.

    Args:
        wide: trained.
        narrow: of the same options but `widths` and `scale`; where it is as wide, it becomes the same.

    Raises:
        ValueError: it is wider somewhere, or differs in another option.
    """
    differing = {key for key in wide.options if wide.options[key] != narrow.options[key]} - {"widths", "scale"}
    if differing or any(n > w for n, w in zip(narrow.options["widths"], wide.options["widths"], strict=True)):
        raise ValueError(
            f"expected a network of the same options that is nowhere wider, found {narrow.options} for {wide.options}"
        )
    for branch, target in ((wide.depth_branch, narrow.depth_branch), (wide.guide_branch, narrow.guide_branch)):
        if branch is not None and target is not None:
            _shrink_branch(branch, target)


def _shrink_branch(wide: KernelBranch, narrow: KernelBranch) -> None:
    convolutions, norms = _layers(wide)
    narrow_convolutions, narrow_norms = _layers(narrow)
    heads = [head for head in (wide.weight_head, wide.offset_head) if head is not None]
    narrow_heads = [head for head in (narrow.weight_head, narrow.offset_head) if head is not None]
    kept = torch.arange(convolutions[0].in_channels)
    for layer, (convolution, target) in enumerate(zip(convolutions, narrow_convolutions, strict=True)):
        readers = [convolutions[layer + 1]] if layer + 1 < len(convolutions) else heads
        before, kept = kept, _most_used(readers, norms[layer], target.out_channels)
        _copy(convolution, target, kept, before)
        norm, narrow_norm = norms[layer], narrow_norms[layer]
        if norm is not None and narrow_norm is not None:
            for name, tensor in narrow_norm.state_dict(keep_vars=True).items():
                source: Tensor = norm.state_dict()[name]
                tensor.copy_(source[kept] if source.ndim else source)
    for head, target in zip(heads, narrow_heads, strict=True):
        _copy(head, target, torch.arange(head.out_channels), kept)


def _layers(branch: KernelBranch) -> tuple[list[nn.Conv2d], list[nn.BatchNorm2d | None]]:
    """Convolutions, and the normalisation behind each or None."""
    modules: Sequence[nn.Module] = list(branch.features)
    places = [place for place, module in enumerate(modules) if isinstance(module, nn.Conv2d)]
    followers = [modules[place + 1] for place in places]
    return [modules[p] for p in places], [f if isinstance(f, nn.BatchNorm2d) else None for f in followers]  # type: ignore[misc]


def _most_used(readers: Sequence[nn.Conv2d], norm: nn.BatchNorm2d | None, count: int) -> Tensor:
    """Indices of the channels that the readers weigh most, ascending."""
    use = torch.stack([reader.weight.square().sum(dim=(0, 2, 3)) for reader in readers]).sum(dim=0).sqrt()
    if norm is not None:
        use = use * norm.weight.abs()
    return use.topk(count).indices.sort().values


def _copy(source: nn.Conv2d, target: nn.Conv2d, outputs: Tensor, inputs: Tensor) -> None:
    target.weight.copy_(source.weight[outputs][:, inputs])
    if source.bias is not None and target.bias is not None:
        target.bias.copy_(source.bias[outputs])
