"""Sampling of the kernel networks (DKN, FDKN): a weighted sum of displaced taps around every pixel.

Kim, Ponce, Ham, "Deformable Kernel Networks for Joint Image Filtering", IJCV 2021, eqs. 4-6. The taps lie inside a
15 x 15 window centred on the pixel; a bilinear corner outside that window counts as zero.

The released code gathers the whole window for every pixel (225 values each). Here each tap reads the image directly,
which gives the same numbers and needs no such memory: a displacement beyond the window is moved to its edge and the
sample is faded by the distance moved, which is what bilinear interpolation against zero does.

Displacements are in pixels, x to the right and y down, float32 throughout.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

SamplingConvention = Literal["centred", "aligned_corners", "half_pixel"]
"""Where the nine taps rest when the network asks for no offset.

* `centred`: -1, 0, 1 in raster order, image replicated at its border. Used for everything trained here.
* `aligned_corners`: the authors' released weights, made with the PyTorch <= 1.2 default. Taps rest at -7/15, 7/15,
  21/15; the first grid index moves x; outside the image is zero.
* `half_pixel`: the same code run with today's default, taps at -0.5, 0.5, 1.5; outside the image is zero.
"""

WINDOW = 15
RADIUS = WINDOW // 2


def check_convention(convention: str) -> SamplingConvention:
    """Returns the convention, or raises ValueError that lists the known ones."""
    if convention not in get_args(SamplingConvention):
        raise ValueError(f"sampling: expected one of {get_args(SamplingConvention)}, found {convention!r}")
    return convention  # type: ignore[return-value]


def tap_displacements(offsets: Tensor, convention: SamplingConvention) -> tuple[Tensor, Tensor | None]:
    """Positions of the taps relative to their pixel.

    Args:
        offsets: what the network asks for, (B, K, 2, ...), (x, y) in pixels, K a square number of taps, any trailing
            dimensions.
        convention: rest positions, see `SamplingConvention`.

    Returns:
        Displacements in pixels inside the window, shaped as `offsets`, and the factor (B, K, ...) that fades samples
        beyond it; None where the window cannot be left because offsets are limited instead (`centred`). A kernel that
        is itself larger than the window keeps its rest positions there.
    """
    side = round(offsets.shape[1] ** 0.5)
    index = torch.arange(side, device=offsets.device, dtype=torch.float32)
    slow, fast = (i.reshape(-1) for i in torch.meshgrid(index, index, indexing="ij"))
    trailing = (1,) * (offsets.dim() - 3)
    if convention == "centred":
        reach = (side - 1) / 2
        rest = torch.stack((fast - reach, slow - reach), dim=-1).reshape(-1, 2, *trailing)
        most = max(RADIUS - reach, 0.0)
        return rest + offsets.clamp(-most, most), None
    rest = torch.stack((slow, fast), dim=-1).reshape(-1, 2, *trailing)
    if convention == "aligned_corners":
        wanted = (rest + offsets) * ((WINDOW - 1) / WINDOW) - RADIUS / WINDOW
    else:
        wanted = rest + offsets - 0.5
    inside = wanted.clamp(-RADIUS, RADIUS)
    fade = (1 - (wanted - inside).abs()).clamp(min=0)
    return inside, fade[:, :, 0] * fade[:, :, 1]


def in_grid_units(displacement: Tensor, height: int, width: int) -> Tensor:
    """Pixels (B, K, 2, ...) to the units of a sampling grid, in which an image is 2 wide and 2 high."""
    # width, height, made on the device: a CUDA graph cannot hold a copy from the host
    size = width + (height - width) * torch.arange(2, device=displacement.device, dtype=torch.float32)
    return displacement * (2 / size).reshape(2, *(1,) * (displacement.dim() - 3))


def weighted_taps(
    image: Tensor,
    weights: Tensor,
    displacement: Tensor,
    convention: SamplingConvention,
    first: tuple[int, int] = (0, 0),
    step: int = 1,
) -> Tensor:
    """Sum over the taps of weight times bilinearly sampled image, at every pixel or every `step`-th.

    Args:
        image: (B, 1, H, W), float32.
        weights: one per tap, (B, K, H / step, W / step), float32.
        displacement: of each tap from its pixel, (B, K, H / step, W / step, 2), (x, y) in grid units
            (`in_grid_units`), float32.
        convention: `centred` replicates the image at its border, the others take zero there.
        first: row and column of the first pixel.
        step: rows and columns from one pixel to the next.

    Returns:
        (B, 1, H / step, W / step), float32.
    """
    batch, taps, height, width = weights.shape
    columns, rows = (torch.arange(n, device=image.device, dtype=torch.float32) * step for n in (width, height))
    xs = (columns + (first[1] + 0.5)) * (2 / image.shape[-1]) - 1
    ys = (rows + (first[0] + 0.5)) * (2 / image.shape[-2]) - 1
    pixel = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), dim=-1)
    grid = (displacement + pixel).reshape(batch, taps * height, width, 2)
    padding = "border" if convention == "centred" else "zeros"
    samples = F.grid_sample(image, grid, mode="bilinear", padding_mode=padding, align_corners=False)
    return (samples.reshape(batch, taps, height, width) * weights).sum(dim=1, keepdim=True)


def gathered_taps(
    image: Tensor,
    weights: Tensor,
    displacement: Tensor,
    convention: SamplingConvention,
    first: tuple[int, int] = (0, 0),
    step: int = 1,
) -> Tensor:
    """As `weighted_taps`, without `grid_sample`: bilinear interpolation written out.

    What lies between pixels is taken from the displacement alone, so it is as exact in a wide image as in a small one.

    Args:
        image: see `weighted_taps`.
        weights: see `weighted_taps`.
        displacement: of each tap from its pixel, (B, K, H / step, W / step, 2), (x, y) in pixels, float32.
        convention: see `weighted_taps`.
        first: see `weighted_taps`.
        step: see `weighted_taps`.

    Returns:
        (B, 1, H / step, W / step), float32.
    """
    height, width = weights.shape[2:]
    columns, rows = (torch.arange(n, device=image.device, dtype=torch.int32) * step for n in (width, height))
    x, y = displacement.unbind(-1)
    left, top = torch.floor(x), torch.floor(y)
    along_x = _corners(columns + first[1], left.int(), x - left, image.shape[-1], convention)
    along_y = _corners((rows + first[0]).unsqueeze(1), top.int(), y - top, image.shape[-2], convention)
    pixels = image.flatten(1)
    total = torch.zeros_like(weights)
    for row, row_share in along_y:
        for column, column_share in along_x:
            sample = _take(pixels, row * image.shape[-1] + column)
            total = total + sample * (row_share * column_share)
    return (total * weights).sum(dim=1, keepdim=True)


def _corners(
    pixel: Tensor, before: Tensor, share: Tensor, size: int, convention: SamplingConvention
) -> list[tuple[Tensor, Tensor]]:
    """The two pixels around a position along one axis, inside the image, and the weight of each."""
    corners = []
    for step, weight in ((0, 1 - share), (1, share)):
        index = pixel + before + step
        inside = index.clamp(0, size - 1)
        if convention != "centred":
            weight = weight * (index == inside)
        corners.append((inside, weight))
    return corners


def _take(pixels: Tensor, index: Tensor) -> Tensor:
    """Values of images (B, n) at positions (B, ...)."""
    batch, count = pixels.shape
    if batch > 1:
        image = torch.arange(batch, device=index.device, dtype=index.dtype)
        index = index + (image * count).reshape(-1, *(1,) * (index.dim() - 1))
    return pixels.flatten().index_select(0, index.flatten()).reshape(index.shape)
