"""Which of two surfaces a pixel shows: a blend of near and far, from where the start image lies between them.

The logit that a network gives is added to that of the start image's own position, so a network that says nothing
changes nothing. The sigmoid is stretched a little beyond 0 and 1 and limited: a network that is sure chooses one of the
two surfaces exactly, and no pixel flies between them.
"""

from __future__ import annotations

import torch
from torch import Tensor

_STRETCH = 1.04
_LEAST_GAP = 1e-6


def position_between(start: Tensor, near: Tensor, far: Tensor) -> Tensor:
    """Where start lies between near and far, metres all, 0 to 1; 0 where they are one."""
    return ((start - near) / (far - near).clamp(min=_LEAST_GAP)).clamp(0, 1)


def choose(position: Tensor, opinion: Tensor) -> tuple[Tensor, Tensor]:
    """Moves a position between two surfaces by a network's opinion.

    Args:
        position: 0 near, 1 far.
        opinion: logit that is added to the position's own; 0 leaves it.

    Returns:
        The new position, in [0, 1], and its logit.
    """
    prior = torch.logit((position - 0.5) * (1 / _STRETCH) + 0.5)
    logit = prior + opinion
    return ((torch.sigmoid(logit) - 0.5) * _STRETCH + 0.5).clamp(0, 1), logit
