"""A smaller JIIF that begins with what a trained one has learnt: its encoders, and the most used of its perceptron.

What is left is not the same function, see `surgery.shrink`; from random values the encoders would take most of the
training. A guide encoder at half of the resolution begins as the trained one would see the reduced guide.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from depth_sr_ros.models.jiif.edsr import EdsrEncoder
from depth_sr_ros.models.jiif.jiif import JIIF
from depth_sr_ros.models.jiif.pairs import PairFunction

_MAY_DIFFER = {"scale", "hidden", "guide_stride"}


@torch.no_grad()
def shrink_jiif(wide: JIIF, narrow: JIIF) -> None:
    """Fills a smaller JIIF from a trained one, in place.

    Args:
        wide: trained, its guide encoder at full resolution.
        narrow: of the same options but `scale`, `hidden` (nowhere wider, not deeper) and `guide_stride`.

    Raises:
        ValueError: it is wider or deeper somewhere, or differs in another option.
    """
    differing = {key for key in wide.options if wide.options[key] != narrow.options[key]} - _MAY_DIFFER
    hidden, narrow_hidden = wide.options["hidden"], narrow.options["hidden"]
    fits = len(narrow_hidden) <= len(hidden) and all(n <= w for n, w in zip(narrow_hidden, hidden, strict=False))
    if differing or not fits or wide.guide_encoder.stride != 1:
        raise ValueError(
            "expected a network of the same options whose perceptron is nowhere wider or deeper, and a trained one "
            f"with guide_stride 1; found {narrow.options} for {wide.options}"
        )
    narrow.depth_encoder.load_state_dict(wide.depth_encoder.state_dict())
    _fill_encoder(wide.guide_encoder, narrow.guide_encoder)
    for trained, function in zip(wide.functions, narrow.functions, strict=True):
        _fill_function(trained, function)  # type: ignore[arg-type]
    if wide.weight_head is not None and narrow.weight_head is not None:
        narrow.weight_head.load_state_dict(wide.weight_head.state_dict())


def _fill_encoder(wide: EdsrEncoder, narrow: EdsrEncoder) -> None:
    """The same features, those of a reduced image where the narrow encoder works at a lower resolution."""
    narrow.blocks.load_state_dict(wide.blocks.state_dict())
    narrow.last.load_state_dict(wide.last.state_dict())
    phases = narrow.stride**2
    narrow.head.weight.copy_(wide.head.weight.repeat_interleave(phases, dim=1) / phases)
    _copy_bias(wide.head, narrow.head)
    if narrow.apart is not None:
        same = torch.eye(narrow.last.out_channels).repeat_interleave(phases, dim=0)
        narrow.apart.weight.copy_(same[..., None, None])
        nn.init.zeros_(narrow.apart.bias)  # type: ignore[arg-type]


def _fill_function(wide: PairFunction, narrow: PairFunction) -> None:
    """The units that the next layer weighs most; layers that the narrow one lacks become part of its last one."""
    layers: list[nn.Linear] = list(wide.layers)  # type: ignore[arg-type]
    targets: list[nn.Linear] = list(narrow.layers)  # type: ignore[arg-type]
    inputs = torch.arange(layers[0].in_features)
    for layer, reader, target in zip(layers, layers[1:], targets[:-1], strict=False):
        outputs = reader.weight.square().sum(dim=0).topk(target.out_features).indices.sort().values
        target.weight.copy_(layer.weight[outputs][:, inputs])
        target.bias.copy_(layer.bias[outputs])
        inputs = outputs
    weight, bias = _joined(layers[len(targets) - 1 :])
    targets[-1].weight.copy_(weight[:, inputs])
    targets[-1].bias.copy_(bias)


def _joined(layers: list[nn.Linear]) -> tuple[Tensor, Tensor]:
    """Weight and bias of layers as one, as if nothing were between them."""
    weight: Tensor = layers[0].weight
    bias: Tensor = layers[0].bias
    for layer in layers[1:]:
        weight, bias = layer.weight @ weight, layer.weight @ bias + layer.bias
    return weight, bias


def _copy_bias(source: nn.Conv2d, target: nn.Conv2d) -> None:
    if source.bias is not None and target.bias is not None:
        target.bias.copy_(source.bias)
