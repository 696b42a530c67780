"""PReLU that trains fast on a CPU."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class PReLU(nn.PReLU):
    """`torch.nn.PReLU`; in training on a CPU it has a gradient of its own, for PyTorch's is slow there.

    One slope, or one per channel of (B, C, H, W). Results and gradients are the same but for rounding.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any (B, C, ...) -> the same size."""
        if not self.training or x.device.type != "cpu":
            return super().forward(x)
        if self.weight.numel() == 1:
            result: Tensor = _OneSlope.apply(x, self.weight)
            return result
        slope = self.weight.to(x.dtype).view(1, -1, *[1] * (x.ndim - 2))
        return F.relu(x) - slope * F.relu(-x)


class _OneSlope(torch.autograd.Function):
    """A leaky ReLU whose slope has a gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.leaky_relu(x, float(weight))

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        for_x = torch.ops.aten.leaky_relu_backward(gradient, x, float(weight), False)
        # summed in float32 inside; asking for a float32 sum would copy the product first
        for_weight = torch.sum(gradient * x.clamp_max(0))
        return for_x, for_weight.to(weight.dtype).reshape(weight.shape)
