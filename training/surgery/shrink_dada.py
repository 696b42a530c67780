"""A DADA with fewer encoder levels that begins with what a trained one has learnt.

The stages left out reach the rest through one input of the decoder's first block that stays. It is replaced by its
mean, as the batch normalisation before it states it, and that constant moves into the running mean behind the
convolution that reads it. The features that are now the coarsest get weights of zero there, for training to fill.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from depth_sr_ros.models.dada.dada import DADA
from depth_sr_ros.models.layers.resnet_unet import DecoderBlock, ResNetUNet

_MAY_DIFFER = {"scale", "encoder_levels"}


@torch.no_grad()
def shrink_dada(deep: DADA, shallow: DADA) -> None:
    """Fills a DADA with fewer encoder levels from a trained one, in place.

    Args:
        deep: trained.
        shallow: of the same options but `scale` and `encoder_levels`; with as many levels it becomes the same.

    Raises:
        ValueError: it has more levels, differs in another option, or learns nothing.
    """
    differing = {key for key in deep.options if deep.options[key] != shallow.options[key]} - _MAY_DIFFER
    source, target = deep.network, shallow.network
    if differing or source is None or target is None or target.levels > source.levels:
        raise ValueError(
            "expected two learned networks of the same options, the one to fill with no more encoder_levels, "
            f"found {shallow.options} for {deep.options}"
        )
    kept = target.encoder.state_dict().keys()
    target.encoder.load_state_dict({name: t for name, t in source.encoder.state_dict().items() if name in kept})
    _fill_decoder(source, target)
    target.head.load_state_dict(source.head.state_dict())
    shallow.log_kappa.copy_(deep.log_kappa)


def _fill_decoder(source: ResNetUNet, target: ResNetUNet) -> None:
    left_out = source.levels - target.levels
    blocks: list[DecoderBlock] = list(source.decoder.blocks)  # type: ignore[arg-type]
    targets: list[DecoderBlock] = list(target.decoder.blocks)  # type: ignore[arg-type]
    for block, to_fill in zip(blocks[left_out + 1 :], targets[1:], strict=True):
        to_fill.load_state_dict(block.state_dict())
    if left_out:
        _fill_first(blocks[left_out], targets[0], _mean_output(blocks[left_out - 1]))
    else:
        targets[0].load_state_dict(blocks[0].state_dict())


def _fill_first(source: DecoderBlock, target: DecoderBlock, mean: Tensor) -> None:
    """The block without its coarser input, whose mean it gets as a constant instead.

    Args:
        source: reads the coarser input, then the encoder's features.
        target: reads the coarsest features, then the same.
        mean: of the coarser input, (channels,).
    """
    weight: Tensor = source.conv1[0].weight  # type: ignore[assignment]
    state = source.state_dict()
    state["conv1.1.running_mean"] = state["conv1.1.running_mean"] - weight[:, : len(mean)].sum(dim=(2, 3)) @ mean
    skip = weight[:, len(mean) :]
    state["conv1.0.weight"] = torch.zeros_like(target.conv1[0].weight)  # type: ignore[arg-type]
    state["conv1.0.weight"][:, -skip.shape[1] :] = skip
    target.load_state_dict(state)


def _mean_output(block: DecoderBlock) -> Tensor:
    """Mean of each channel that a block gives, of a normal distribution behind ReLU."""
    norm = block.conv2[1]
    assert isinstance(norm, nn.BatchNorm2d)
    shift, spread = norm.bias, norm.weight.abs().clamp(min=1e-12)
    ratio = shift / spread
    below = 0.5 * (1 + torch.erf(ratio / math.sqrt(2)))
    mean: Tensor = shift * below + spread * torch.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    return mean
