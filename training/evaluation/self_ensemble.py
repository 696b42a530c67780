"""The geometric self-ensemble: a network's mean over the eight ways to turn and mirror its input.

Bee Lim, Sanghyun Son, Heewon Kim, Seungjun Nah, Kyoung Mu Lee, "Enhanced Deep Residual Networks for Single Image
Super-Resolution", CVPR Workshops 2017, section 3.4, where a plus behind the name marks such results. It takes eight
times as long and needs no training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.networks.validity import ask, takes_validity

_QUARTER_TURNS = 4


class SelfEnsemble(nn.Module):
    """Runs a network on its input turned and mirrored, turns the results back and takes their mean.

    Args:
        network: takes what `training.evaluation.cases.Method` takes, at any size whose sides `size_multiple` divides.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.size_multiple = int(getattr(network, "size_multiple", 1))
        self.uses_validity = takes_validity(network)

    def forward(self, guide: Tensor, depth_lr: Tensor, valid_lr: Tensor | None = None) -> Tensor:
        """Takes what the network takes; (B, 1, H, W)."""
        valid_lr = torch.ones_like(depth_lr, dtype=torch.bool) if valid_lr is None else valid_lr
        results = []
        for turns in range(_QUARTER_TURNS):
            for mirrored in (False, True):
                posed = [_posed(image, turns, mirrored) for image in (guide, depth_lr, valid_lr)]
                results.append(_restored(ask(self.network, *posed), turns, mirrored))
        return torch.stack(results).mean(dim=0)


def _posed(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    image = image.flip(-1) if mirrored else image
    return torch.rot90(image, turns, (-2, -1)).contiguous()


def _restored(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    image = torch.rot90(image, -turns, (-2, -1))
    return image.flip(-1) if mirrored else image
