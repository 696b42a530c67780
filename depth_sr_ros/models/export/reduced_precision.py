"""Networks in half precision without autocast: every layer's type is set once, and nothing is decided per frame.

Convolutions, matrix products and PReLU run in the half type and cast what comes in; everything between them keeps the
type that it is given. What a network computes in float32 by itself (mean subtraction, softmax, coordinates, residual
sum) it goes on computing in float32, and so do the parts that it names in `float32_parts`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.layers.adaptive_norm import fold_norms
from depth_sr_ros.models.live.network import LiveNetwork

_LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.PReLU)


def reduce_precision(network: GuidedUpsampler | LiveNetwork, half: torch.dtype) -> None:
    """Turns a network's layers to a half type, in place; it can only be used for inference after.

    Args:
        network: in evaluation mode.
        half: `torch.float16` or `torch.bfloat16`.
    """
    for name, module in network.named_modules():
        kept = any(name == part or name.startswith(f"{part}.") for part in network.float32_parts)
        if kept or not isinstance(module, _LAYERS):
            continue
        module.to(half)
        if not isinstance(module, nn.PReLU):
            module.register_forward_pre_hook(_cast_input)


def fold_normalisations(network: nn.Module) -> None:
    """Moves batch and adaptive normalisations into the convolutions before them, in place, for inference only.

    The result in evaluation mode stays the same but for rounding, so do this in float32. Layers keep their places.
    """
    fold_norms(network)
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            pairs = list(zip(module._modules, list(module._modules)[1:], strict=False))
        else:
            pairs = [(n.replace("bn", "conv", 1), n) for n in module._modules if n.startswith("bn")]
        for first, second in pairs:
            _fold(module, first, second)


def _fold(parent: nn.Module, first: str, second: str) -> None:
    convolution, norm = parent._modules.get(first), parent._modules.get(second)
    if type(convolution) is not nn.Conv2d or type(norm) is not nn.BatchNorm2d:
        return
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )
    setattr(parent, second, nn.Identity())


def _cast_input(layer: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    image, *rest = inputs
    weight: Tensor = layer.weight
    if image.dim() == 4 and weight.dim() == 4:
        return (image.to(weight.dtype, memory_format=torch.channels_last), *rest)
    return (image.to(weight.dtype), *rest)
