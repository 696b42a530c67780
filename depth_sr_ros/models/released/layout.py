"""What a published layout is, and what has to be told about a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

State = dict[str, Tensor]


@dataclass(frozen=True)
class ImportSettings:
    """What a checkpoint does not say of itself.

    Attributes:
        channel_order: in which order its network was fed colour, `rgb` or `bgr`; None for what its project does.
        depth_gain: DADA only: the span of depth in a frame over the standard deviation of depth in the training data
            (1.38605 m for NYU v2, 1.1227 m for Middlebury, 1.15429 m for DIML). The released network sees depth over
            deviation, here it is given depth over span.
        options: options of the network, over those that follow from the checkpoint.
    """

    channel_order: str | None = None
    depth_gain: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """The published layout of one network's weights.

    Attributes:
        repository: where the authors keep their project.
        licence: of that project.
        marker: a tensor that every such checkpoint has.
        rules: pattern of their names, and ours.
        unused: patterns of tensors that never reach the released network's output and have no place here.
        channel_orders: orders of colour that can be imported, first the one that the project uses.
        adapt: reads the options off the tensors and changes those that a convention needs changed.
        conventions: what sets these weights apart from those trained here.
        foreign: a tensor that no such checkpoint has, but one that could be taken for it.
    """

    repository: str
    licence: str
    marker: str
    rules: tuple[tuple[str, str], ...]
    channel_orders: tuple[str, ...]
    adapt: Callable[[State, str, ImportSettings], tuple[State, dict[str, Any]]]
    conventions: tuple[str, ...]
    unused: tuple[str, ...] = ()
    foreign: str = ""

    def fits(self, state: Mapping[str, Tensor]) -> bool:
        """Whether tensors are laid out like this, as far as a look at two names can tell."""
        return self.marker in state and self.foreign not in state

    def our_name(self, name: str) -> str | None:
        """Our name of one of their tensors; None if no rule knows it."""
        for pattern, ours in self.rules:
            if match := re.fullmatch(pattern, name):
                return match.expand(ours)
        return None

    def is_unused(self, name: str) -> bool:
        """Whether a tensor is known to have no effect."""
        return any(re.fullmatch(pattern, name) for pattern in self.unused)
