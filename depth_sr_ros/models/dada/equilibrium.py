"""The equilibrium of guided diffusion, fast: momentum, planes ordered by block, and an adjoint for the gradient.

The plain iteration y <- adjust(y + F(y)) of `models.dada.diffusion` closes the slowest part of the distance to
its equilibrium by a share of about 1/9000 per step on real images. With momentum (Polyak's heavy ball, 1964)

    y' = adjust(y + momentum (y - y_before) + stride F(y))

has the same equilibrium, and a few hundred steps do what thousands do; every iterate still has the source's block
means exactly.

Gradient. At the equilibrium y of one plain step T, the loss gradient g becomes that of the coefficients through
w = g + J^T w, J the Jacobian of T at y, solved by the same momentum iteration: no memory per step. n plain steps of it
are back-propagation through the last n steps; the momentum iteration replaces many more.

Layout. Inside, a plane is (s, s, h, w, B): pixel (i, j) of each block, block row and column, image. Block means become
sums over leading dimensions, and most operations run over one contiguous stretch.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, while_loop
from torch.autograd.function import once_differentiable

from depth_sr_ros.models.dada.diffusion import RATE, Coefficients, adjust, flux_step

Solver = Literal["plain", "accelerated"]

# largest share of a distance that a plain step closes: that of a checkerboard, and a quarter more for blocks that the
# adjustment enlarges
_STEEPEST = 1.25 * 8 * RATE
# Smallest share of a distance that a plain step closes, as far as momentum is tuned for it. The smaller, the more
# momentum, and the longer momentum itself takes to settle: between these two it is what has settled to e^-10.5 at the
# end. 1e-3 does for features that were learned (256 steps). Colour itself as features is full of texture, which holds
# depth back everywhere: 320 steps come within 2e-4 of the range of 9,024 plain ones there, at 480x640.
_GENTLEST = (4e-4, 1e-3)
_SETTLED = 10.5
_TINY = 1e-8
FLOOR = 1e-3
"""Depth is kept above this share of the smallest source: plain steps stay positive of themselves, momentum does not."""


class Pace(NamedTuple):
    """How far a step goes: `stride` times the plain flux, plus `momentum` times the last change."""

    stride: float
    momentum: float


def pace_of(solver: str, steps: int) -> Pace:
    """Stride and momentum of a solver that takes `steps` steps.

    Raises:
        ValueError: there is no such solver; the message names those there are.
    """
    if solver == "plain":
        return Pace(1.0, 0.0)
    if solver == "accelerated":
        gentlest = _STEEPEST * (_SETTLED / (2 * max(steps, 1))) ** 2
        high, low = math.sqrt(_STEEPEST), math.sqrt(min(max(gentlest, _GENTLEST[0]), _GENTLEST[1]))
        return Pace(4 / (high + low) ** 2, ((high - low) / (high + low)) ** 2)
    raise ValueError(f"solver: expected one of {get_args(Solver)}, found {solver!r}")


def equilibrium(
    image: Tensor,
    source: Tensor,
    coefficients: Coefficients,
    steps: int,
    *,
    solver: Solver = "accelerated",
    adjoint_steps: int = 128,
    valid: Tensor | None = None,
) -> Tensor:
    """Iterates towards the equilibrium; the gradient goes to the coefficients only.

    Args:
        image: start image, (B, 1, H, W), positive.
        source: block means to keep, (B, 1, H / s, W / s), positive.
        coefficients: see `depth_sr_ros.models.dada.diffusion.edge_coefficients`.
        steps: diffusion steps, each ending in an adjustment.
        solver: `plain` steps as published, or `accelerated` ones; the backward pass uses the same kind.
        adjoint_steps: steps of the backward pass.
        valid: cells of the source that bind, like `source`; None means all.

    Returns:
        (B, 1, H, W), whose block means are `source` where it is valid.
    """
    pace, adjoint_pace = pace_of(solver, steps), pace_of(solver, adjoint_steps)
    result: Tensor = _Equilibrium.apply(
        image, source, coefficients.vertical, coefficients.horizontal, valid, steps, adjoint_steps, pace, adjoint_pace
    )
    return result


def equilibrium_in_graph(
    image: Tensor,
    source: Tensor,
    coefficients: Coefficients,
    scale: int,
    steps: int,
    *,
    solver: Solver = "accelerated",
    valid: Tensor | None = None,
) -> Tensor:
    """The forward pass of `equilibrium` for `torch.export`: one loop in the graph, which ONNX calls `Loop`."""
    pace = pace_of(solver, steps)
    floor = FLOOR * source.amin(dim=(1, 2, 3), keepdim=True)

    def body(done: Tensor, y: Tensor, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        moved = flux_step(y, coefficients, pace.stride * RATE)
        if pace.momentum:
            moved = torch.maximum(moved + pace.momentum * (y - before), floor)
        return done + 1, adjust(moved, source, scale, valid), y.clone()

    begin = (torch.zeros((), dtype=torch.int64), image.clone(), image.clone())
    result: tuple[Tensor, ...] = while_loop(lambda done, *_: done < steps, body, begin)
    return result[1]


class _Equilibrium(torch.autograd.Function):
    """Forward: the iteration, nothing stored on the way. Backward: the adjoint iteration at the result."""

    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        source: Tensor,
        vertical: Tensor,
        horizontal: Tensor,
        valid: Tensor | None,
        steps: int,
        adjoint_steps: int,
        pace: Pace,
        adjoint_pace: Pace,
    ) -> Tensor:
        flow = _Flow(source, vertical, horizontal, valid)
        y = flow.solve(to_blocks(image, flow.scale), steps, pace)
        result = from_blocks(y)
        ctx.save_for_backward(result, source, vertical, horizontal, valid)
        ctx.adjoint_steps, ctx.pace = adjoint_steps, adjoint_pace
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        result, source, vertical, horizontal, valid = ctx.saved_tensors
        flow = _Flow(source, vertical, horizontal, valid)
        y = to_blocks(result, flow.scale)
        u = from_blocks(flow.adjoint(y, to_blocks(grad, flow.scale), ctx.adjoint_steps, ctx.pace))
        down = RATE * (result[:, :, 1:] - result[:, :, :-1]) * (u[:, :, :-1] - u[:, :, 1:])
        right = RATE * (result[..., 1:] - result[..., :-1]) * (u[..., :-1] - u[..., 1:])
        return None, None, down, right, None, None, None, None, None


class _Flow:
    """One diffusion problem in block layout, without gradients.

    Args:
        source, vertical, horizontal, valid: as in `equilibrium`.
    """

    def __init__(self, source: Tensor, vertical: Tensor, horizontal: Tensor, valid: Tensor | None) -> None:
        self.scale = horizontal.shape[-2] // source.shape[-2]
        self.total = to_blocks(source, 1)[0, 0] * self.scale**2
        # 1 where a cell is bound to the source, 0 where it is free
        self.bound = None if valid is None else to_blocks((valid > 0).to(source.dtype), 1)[0, 0]
        # one more row and column of zeros: nothing flows through the border
        down = to_blocks(F.pad(vertical, (0, 0, 0, 1)), self.scale) * RATE
        right = to_blocks(F.pad(horizontal, (0, 1)), self.scale) * RATE
        self.down, self.right = down, right
        self.down_inside, self.down_across = down[:-1].contiguous(), down[-1, :, :-1].contiguous()
        self.right_inside, self.right_across = right[:, :-1].contiguous(), right[:, -1, :, :-1].contiguous()
        self.spare = torch.empty_like(down)

    def solve(self, y: Tensor, steps: int, pace: Pace) -> Tensor:
        """`steps` steps from y, (s, s, h, w, B)."""
        before = y.clone()
        floor = self.total.amin(dim=(0, 1)) * (FLOOR / self.scale**2)
        for _ in range(steps):
            if pace.momentum:
                before.mul_(-pace.momentum).add_(y, alpha=1 + pace.momentum)
            else:
                before.copy_(y)
            self.add_flux(before, y, pace.stride)
            if pace.momentum:
                torch.maximum(before, floor, out=before)
            before.mul_(self.ratio(before))
            y, before = before, y
        return y

    def adjoint(self, y: Tensor, grad: Tensor, steps: int, pace: Pace) -> Tensor:
        """What the flux of a last step at y would have to be multiplied with, u = (d adjust)^T w.

        w = grad + J^T w after `steps` steps from w = grad.
        """
        moved = y.clone()
        self.add_flux(moved, y, 1.0)
        ratio = self.ratio(moved)
        lever = y / self.total if self.bound is None else y * (self.bound / self.total)
        w, before = grad.clone(), grad.clone()
        for _ in range(steps):
            u = self._through_adjustment(w, lever, ratio)
            # w + momentum (w - before) + stride (grad + u + F(u) - w)
            before.mul_(-pace.momentum).add_(w, alpha=1 + pace.momentum - pace.stride).add_(grad, alpha=pace.stride)
            before.add_(u, alpha=pace.stride)
            self.add_flux(before, u, pace.stride)
            w, before = before, w
        return self._through_adjustment(w, lever, ratio)

    def add_flux(self, target: Tensor, y: Tensor, stride: float) -> None:
        """Adds stride F(y) to `target`, in place."""
        spare = self.spare
        inside = torch.sub(y[1:], y[:-1], out=spare[:-1]).mul_(self.down_inside)
        target[1:].sub_(inside, alpha=stride)
        target[:-1].add_(inside, alpha=stride)
        across = torch.sub(y[0, :, 1:], y[-1, :, :-1]).mul_(self.down_across)
        target[0, :, 1:].sub_(across, alpha=stride)
        target[-1, :, :-1].add_(across, alpha=stride)
        inside = torch.sub(y[:, 1:], y[:, :-1], out=spare[:, :-1]).mul_(self.right_inside)
        target[:, 1:].sub_(inside, alpha=stride)
        target[:, :-1].add_(inside, alpha=stride)
        across = torch.sub(y[:, 0, :, 1:], y[:, -1, :, :-1]).mul_(self.right_across)
        target[:, 0, :, 1:].sub_(across, alpha=stride)
        target[:, -1, :, :-1].add_(across, alpha=stride)

    def ratio(self, y: Tensor) -> Tensor:
        """What each block is multiplied with, (h, w, B)."""
        ratio = self.total / (y.sum(dim=(0, 1)) + _TINY * self.scale**2)
        return ratio if self.bound is None else torch.lerp(torch.ones_like(ratio), ratio, self.bound)

    @staticmethod
    def _through_adjustment(w: Tensor, lever: Tensor, ratio: Tensor) -> Tensor:
        return (w - (w * lever).sum(dim=(0, 1))).mul_(ratio)


def to_blocks(plane: Tensor, scale: int) -> Tensor:
    """(B, 1, H, W) -> (s, s, h, w, B), contiguous, always a copy: what is made here is written to."""
    batch, _, height, width = plane.shape
    blocks = plane.reshape(batch, height // scale, scale, width // scale, scale)
    return blocks.permute(2, 4, 1, 3, 0).clone(memory_format=torch.contiguous_format)


def from_blocks(blocks: Tensor) -> Tensor:
    """Inverse of `to_blocks`."""
    scale, _, height, width, batch = blocks.shape
    return blocks.permute(4, 2, 0, 3, 1).reshape(batch, 1, height * scale, width * scale)
