"""Fast bilateral solver: depth that is smooth wherever the guide is, closest to what was seen.

J. T. Barron, B. Poole, "The fast bilateral solver", ECCV 2016. Pixels are gathered in the cells of a grid over
position, brightness and chroma; the problem is solved between cells by conjugate gradients. OpenCV has it too, but its
wheels are built without Eigen and refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from depth_sr_ros.models.layers.interpolation import resize_bicubic

_BISTOCHASTIC_ROUNDS = 20
_TINY = 1e-10


def fast_bilateral_solver(
    guide: Tensor,
    depth_lr: Tensor,
    smoothness: float = 16.0,
    position: float = 4.0,
    luma: float = 8.0,
    chroma: float = 8.0,
    confidence: float = 0.25,
    iterations: int = 25,
) -> Tensor:
    """Solves for depth with the bicubic start image as what was seen.

    Args:
        guide: (B, 3, H, W) in [0, 1].
        depth_lr: (B, 1, h, w) in [0, 1].
        smoothness: lambda.
        position: side of a grid cell, pixels.
        luma: its extent in brightness, of 255.
        chroma: its extent in both chroma channels, of 255.
        confidence: how fast trust in the start image falls off from the centre of a low-resolution cell: standard
            deviation of a Gaussian, in cells.
        iterations: of conjugate gradients.
    """
    start, scale = resize_bicubic(depth_lr, guide.shape[-2:]), guide.shape[-2] // depth_lr.shape[-2]
    trust = _trust(start, scale, confidence).flatten()
    extents = (position, position, luma, chroma, chroma)
    images = [
        _solve(_Grid.of_guide(colour, extents), seen.flatten().double(), trust, smoothness, iterations)
        for colour, seen in zip(guide, start, strict=True)
    ]
    return torch.stack(images).reshape(start.shape).to(start)


@dataclass(frozen=True)
class _Grid:
    """Occupied cells of the bilateral grid.

    Attributes:
        cell_of: cell of each pixel, (H * W).
        neighbours: for each axis and direction the neighbouring cell of each cell; the number of cells where none.
        count: number of cells.
    """

    cell_of: Tensor
    neighbours: Tensor
    count: int

    @classmethod
    def of_guide(cls, guide: Tensor, extents: tuple[float, ...]) -> _Grid:
        """Of a guide (3, H, W) in [0, 1]."""
        _, height, width = guide.shape
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        axes = [y.to(guide), x.to(guide), *(_luma_chroma(guide) * 255)]
        steps = [(axis / extent).floor().long() for axis, extent in zip(axes, extents, strict=True)]
        place = torch.stack([step.flatten() for step in steps])
        # one number per cell, with room for a neighbour on either side of every axis
        place = place - place.amin(dim=1, keepdim=True) + 1
        sizes = (place.amax(dim=1) + 2).tolist()
        strides = torch.tensor([_product(sizes[i + 1 :]) for i in range(len(sizes))], device=guide.device)
        cells, cell_of = torch.unique((place * strides[:, None]).sum(dim=0), return_inverse=True)
        wanted = torch.stack([cells + sign * stride for stride in strides for sign in (-1, 1)])
        found = torch.searchsorted(cells, wanted).clamp(max=len(cells) - 1)
        neighbours = torch.where(cells[found] == wanted, found, torch.full_like(found, len(cells)))
        return cls(cell_of, neighbours, len(cells))

    def splat(self, values: Tensor) -> Tensor:
        """Sum of the pixels' values in each cell."""
        return torch.zeros(self.count, dtype=values.dtype, device=values.device).index_add_(0, self.cell_of, values)

    def blur(self, values: Tensor) -> Tensor:
        """[1 2 1] along each axis, the axes added."""
        beyond = torch.cat((values, torch.zeros_like(values[:1])))
        return 2 * (len(self.neighbours) // 2) * values + beyond[self.neighbours].sum(dim=0)

    def bistochastic(self) -> tuple[Tensor, Tensor]:
        """The diagonals n and m that make the blur bistochastic over pixels."""
        mass = self.splat(torch.ones(len(self.cell_of), dtype=torch.float64, device=self.cell_of.device))
        balance = torch.ones_like(mass)
        for _ in range(_BISTOCHASTIC_ROUNDS):
            balance = (balance * mass / self.blur(balance).clamp(min=_TINY)).sqrt()
        return balance, balance * self.blur(balance)


def _solve(grid: _Grid, seen: Tensor, trust: Tensor, smoothness: float, iterations: int) -> Tensor:
    balance, mass = grid.bistochastic()
    confidence, right = grid.splat(trust), grid.splat(trust * seen)

    def apply(values: Tensor) -> Tensor:
        return smoothness * (mass * values - balance * grid.blur(balance * values)) + confidence * values

    # Jacobi preconditioner and the flat start of the paper
    own = 2 * (len(grid.neighbours) // 2)
    diagonal = (smoothness * (mass - own * balance**2) + confidence).clamp(min=_TINY)
    values = right / confidence.clamp(min=_TINY)
    residual = right - apply(values)
    step = residual / diagonal
    energy = residual @ step
    for _ in range(iterations):
        image = apply(step)
        length = energy / (step @ image).clamp(min=_TINY)
        values, residual = values + length * step, residual - length * image
        scaled = residual / diagonal
        fresh = residual @ scaled
        step, energy = scaled + fresh / energy.clamp(min=_TINY) * step, fresh
    return values[grid.cell_of]


def _trust(start: Tensor, scale: int, deviation: float) -> Tensor:
    """Confidence of each pixel of the start image, (H, W), highest at the centres of the cells."""
    phase = (torch.arange(scale, dtype=torch.float64, device=start.device) + 0.5) / scale - 0.5
    line = torch.exp(-(phase**2) / (2 * deviation**2))
    height, width = (n // scale for n in start.shape[-2:])
    return line.repeat(height)[:, None] * line.repeat(width)[None, :]


def _luma_chroma(guide: Tensor) -> Tensor:
    """YCbCr of ITU-R BT.601, each channel within 0 and 1."""
    weights = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    mixed = torch.einsum("ij,jhw->ihw", torch.tensor(weights).to(guide), guide)
    return mixed + torch.tensor([0.0, 0.5, 0.5]).to(guide)[:, None, None]


def _product(sizes: list[int]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product
