"""PReLU that trains fast on a CPU."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class PReLU(nn.PReLU):
    """`torch.nn.PReLU`; in training on a CPU it is written as two ReLUs, for PyTorch's own backward pass is slow there.

    One slope, or one per channel of (B, C, H, W). Results and gradients are the same but for rounding.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any (B, C, ...) -> the same size."""
        if not self.training or x.device.type != "cpu":
            return super().forward(x)
        slope = self.weight.to(x.dtype).view(1, -1, *[1] * (x.ndim - 2))
        return F.relu(x) - slope * F.relu(-x)
