"""Which cells of low-resolution depth were measured, told to the networks that want to know.

Depth that a network sees is always dense. A network that `uses_validity`, or a function with an argument `valid_lr`
(B, 1, h, w), is told beside it which cells were measured, and may hold its result to those alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from torch import Tensor, nn


def takes_validity(method: Callable[..., Tensor]) -> bool:
    """Whether a network says so of itself, or any other method has an argument `valid_lr`."""
    if isinstance(method, nn.Module):
        return bool(getattr(method, "uses_validity", False))
    return "valid_lr" in inspect.signature(method).parameters


def ask(method: Callable[..., Tensor], guide: Tensor, depth_lr: Tensor, valid_lr: Tensor) -> Tensor:
    """A method's result, with the cells' validity where it is wanted."""
    if not takes_validity(method):
        return method(guide, depth_lr)
    return method(guide, depth_lr, valid_lr=valid_lr)
