"""The end of the kernel networks in one launch: from the heads' outputs to depth (`models.kernel.kernel_filter`).

In PyTorch the steps behind the heads (sigmoids, products of both branches, subtraction of the weights' mean, pixel
shuffle, bilinear taps, weighted sum, residual) are some thirty launches that each write and read whole planes. Here
every pixel reads its numbers where the heads left them, in any memory layout, works in float32 and writes one value.

The mean m of the weights w need not be known before the sum over the taps: sum of (w - m) f s = (sum of w f s) -
m (sum of f s), with the fade f and the sample s of each tap, so each tap is read once. The two sums are far larger than
their difference; taking the start image's value at the pixel from every sample first, and adding its share in the end,
keeps float32's last digits.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.kernel.kernel_filter import KernelBranch, KernelNetwork
from depth_sr_ros.models.kernel.sampling import RADIUS, WINDOW, SamplingConvention

_TILE = 256  # pixels per program
_CONVENTIONS: dict[SamplingConvention, int] = {"centred": 0, "aligned_corners": 1, "half_pixel": 2}
# tensor cores take convolutions whose channels are multiples of this
_CHANNEL_STEP = 8


class TailOptions(NamedTuple):
    """What a kernel network's end depends on, see `KernelNetwork`: `taps` per pixel, `block`, and its options."""

    taps: int
    block: int
    sampling: SamplingConvention
    residual: bool
    offsets: bool

    @classmethod
    def of(cls, network: KernelNetwork) -> TailOptions:
        """Those of a network."""
        return cls(network.taps, network.block, network.sampling, network.residual, bool(network.options["offsets"]))


class FusedKernelNetwork(GuidedUpsampler):
    """A kernel network whose branches are its own layers and whose end is one launch.

    Args:
        network: FDKN or DKN in evaluation mode; its layers are shared, not copied.
    """

    def __init__(self, network: KernelNetwork) -> None:
        super().__init__()
        self.scale, self.size_multiple, self.options = network.scale, network.size_multiple, network.options
        self.tail = TailOptions.of(network)
        branches = [branch for branch in (network.depth_branch, network.guide_branch) if branch is not None]
        self.heads = nn.ModuleList(joined_heads(branch) for branch in branches)
        self.network = network

    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        """As `KernelNetwork.refine`."""
        inputs = self.network.branch_inputs(guide, start)
        heads = [joined(branch.features(image)) for joined, (branch, image) in zip(self.heads, inputs, strict=True)]
        return filter_by_heads(start.float(), heads[0], heads[1] if len(heads) > 1 else None, self.tail)


def joined_heads(branch: KernelBranch) -> nn.Conv2d:
    """Both heads of a branch as one layer: weights (before the sigmoid), then offsets, then unused channels."""
    heads = [head for head in (branch.weight_head, branch.offset_head) if head is not None]
    channels = sum(head.out_channels for head in heads)
    padded = -(-channels // _CHANNEL_STEP) * _CHANNEL_STEP
    joined = nn.Conv2d(heads[0].in_channels, padded, 1).to(heads[0].weight.device)
    with torch.no_grad():
        joined.weight.zero_()
        joined.weight[:channels] = torch.cat([head.weight for head in heads])
        assert joined.bias is not None
        joined.bias.zero_()
        joined.bias[:channels] = torch.cat([head.bias for head in heads if head.bias is not None])
    return joined


def filter_by_heads(
    start: Tensor, depth_heads: Tensor, guide_heads: Tensor | None, options: TailOptions, tile: int = _TILE
) -> Tensor:
    """Filters the start image by what the heads gave.

    Args:
        start: (B, 1, H, W), float32.
        depth_heads: of the depth branch as `joined_heads` gives them, (B, C, H / block, W / block), any floating type
            and layout; of the guide branch where that is the only one.
        guide_heads: the same of the guide branch beside it, or None.
        options: of the network.
        tile: pixels per program, a power of two.

    Returns:
        Depth, (B, 1, H, W), float32.

    Raises:
        ValueError: a shape does not fit.
    """
    batch, _, height, width = start.shape
    block = options.block
    wanted = (batch, (3 if options.offsets else 1) * options.taps * block**2, height // block, width // block)
    for name, heads in (("depth_heads", depth_heads), ("guide_heads", guide_heads)):
        if heads is None:
            continue
        shape = tuple(heads.shape)
        if (shape[0], *shape[2:]) != (wanted[0], *wanted[2:]) or shape[1] < wanted[1]:
            raise ValueError(
                f"{name}: expected {wanted} or more channels for start {tuple(start.shape)}, found {shape}"
            )
    start = start.contiguous()
    result = torch.empty_like(start)
    guide = depth_heads if guide_heads is None else guide_heads
    _filter[(triton.cdiv(height * width, tile), batch)](
        start,
        depth_heads,
        guide,
        result,
        height,
        width,
        *depth_heads.stride(),
        *guide.stride(),
        TAPS=options.taps,
        SIDE=round(options.taps**0.5),
        BLOCK=block,
        CONVENTION=_CONVENTIONS[options.sampling],
        RESIDUAL=options.residual,
        OFFSETS=options.offsets,
        GUIDED=guide_heads is not None,
        RADIUS=RADIUS,
        WINDOW=WINDOW,
        TILE=tile,
    )
    return result


@triton.jit
def _filter(
    start,
    depth_heads,
    guide_heads,
    result,
    height,
    width,
    depth_image,
    depth_channel,
    depth_row,
    depth_column,
    guide_image,
    guide_channel,
    guide_row,
    guide_column,
    TAPS: tl.constexpr,
    SIDE: tl.constexpr,
    BLOCK: tl.constexpr,
    CONVENTION: tl.constexpr,
    RESIDUAL: tl.constexpr,
    OFFSETS: tl.constexpr,
    GUIDED: tl.constexpr,
    RADIUS: tl.constexpr,
    WINDOW: tl.constexpr,
    TILE: tl.constexpr,
):
    """One value per pixel; neighbours in the tile are pixels of one block, then blocks of one row."""
    REACH: tl.constexpr = (SIDE - 1) // 2
    image = tl.program_id(1).to(tl.int64)
    index = tl.program_id(0) * TILE + tl.arange(0, TILE)
    mine = index < height * width
    position, phase = index // (BLOCK * BLOCK), index % (BLOCK * BLOCK)
    y, x = position // (width // BLOCK), position % (width // BLOCK)
    row, column = y * BLOCK + phase // BLOCK, x * BLOCK + phase % BLOCK
    start += image * height * width
    depth_heads += image * depth_image + y * depth_row + x * depth_column
    guide_heads += image * guide_image + y * guide_row + x * guide_column
    centre = tl.load(start + row * width + column, mine, 0.0)
    weights = tl.zeros([TILE], tl.float32)
    fades = tl.zeros([TILE], tl.float32)
    weighted_fades = tl.zeros([TILE], tl.float32)
    changes = tl.zeros([TILE], tl.float32)
    weighted_changes = tl.zeros([TILE], tl.float32)
    # a row of taps is written out, so that its reads overlap; all 49 would take minutes to compile
    for line in range(SIDE):
        for place in tl.static_range(SIDE):
            tap = line * SIDE + place
            at = tap * BLOCK * BLOCK + phase
            weight = _product(
                depth_heads + at * depth_channel, guide_heads + at * guide_channel, mine, GUIDED, SIGMOID=True
            )
            across = tl.zeros([TILE], tl.float32)
            down = tl.zeros([TILE], tl.float32)
            if OFFSETS:
                at = (TAPS + 2 * tap) * BLOCK * BLOCK + phase
                across = _product(depth_heads + at * depth_channel, guide_heads + at * guide_channel, mine, GUIDED)
                at += BLOCK * BLOCK
                down = _product(depth_heads + at * depth_channel, guide_heads + at * guide_channel, mine, GUIDED)
            if CONVENTION == 0:
                if OFFSETS:  # those of a kernel within the window; a larger one has none
                    across = _between(across, REACH - RADIUS, RADIUS - REACH)
                    down = _between(down, REACH - RADIUS, RADIUS - REACH)
                across += place - REACH
                down += line - REACH
                change = _replicated(start, row, column, down, across, height, width, mine) - centre
            else:
                # the released convention: the first index of the grid moves x
                down, across, fade = _in_window(down + place, across + line, CONVENTION, RADIUS, WINDOW)
                change = fade * (_zero_outside(start, row, column, down, across, height, width, mine) - centre)
                fades += fade
                weighted_fades += weight * fade
            weights += weight
            changes += change
            weighted_changes += weight * change
    if RESIDUAL:
        mean = weights / TAPS
        depth = centre + (weighted_changes - mean * changes)
        if CONVENTION != 0:
            depth += centre * (weighted_fades - mean * fades)
    else:
        depth = weighted_changes / weights
        depth += centre if CONVENTION == 0 else centre * (weighted_fades / weights)
    tl.store(result + image * height * width + row * width + column, depth, mine)


@triton.jit
def _product(depth_heads, guide_heads, mine, GUIDED: tl.constexpr, SIGMOID: tl.constexpr = False):
    """Product of the values of both branches, in float32."""
    value = tl.load(depth_heads, mine, 0.0).to(tl.float32)
    if SIGMOID:
        value = tl.sigmoid(value)
    if GUIDED:
        other = tl.load(guide_heads, mine, 0.0).to(tl.float32)
        if SIGMOID:
            other = tl.sigmoid(other)
        value *= other
    return value


@triton.jit
def _in_window(down, across, CONVENTION: tl.constexpr, RADIUS: tl.constexpr, WINDOW: tl.constexpr):
    """Where a tap of the released convention reads, down and across, and what fades it beyond the window."""
    if CONVENTION == 1:
        down = down * ((WINDOW - 1) / WINDOW) - RADIUS / WINDOW
        across = across * ((WINDOW - 1) / WINDOW) - RADIUS / WINDOW
    else:
        down -= 0.5
        across -= 0.5
    near_down, near_across = _between(down, -RADIUS, RADIUS), _between(across, -RADIUS, RADIUS)
    fade = tl.maximum(1 - tl.abs(down - near_down), 0.0) * tl.maximum(1 - tl.abs(across - near_across), 0.0)
    return near_down, near_across, fade


@triton.jit
def _between(value, low, high):
    return tl.minimum(tl.maximum(value, low), high)


@triton.jit
def _replicated(image, row, column, down, across, height, width, mine):
    """Bilinear sample at (row + down, column + across); the border goes on outside."""
    # small numbers are split into whole and rest, so nothing is lost to the size of the image
    down = _between(down, (0 - row).to(tl.float32), (height - 1 - row).to(tl.float32))
    across = _between(across, (0 - column).to(tl.float32), (width - 1 - column).to(tl.float32))
    above, before = tl.floor(down), tl.floor(across)
    top, left = row + above.to(tl.int32), column + before.to(tl.int32)
    bottom, right = tl.minimum(top + 1, height - 1), tl.minimum(left + 1, width - 1)
    down -= above
    across -= before
    upper = tl.load(image + top * width + left, mine, 0.0) * (1 - across)
    upper += tl.load(image + top * width + right, mine, 0.0) * across
    lower = tl.load(image + bottom * width + left, mine, 0.0) * (1 - across)
    lower += tl.load(image + bottom * width + right, mine, 0.0) * across
    return upper * (1 - down) + lower * down


@triton.jit
def _zero_outside(image, row, column, down, across, height, width, mine):
    """Bilinear sample at (row + down, column + across); outside the image is zero."""
    above, before = tl.floor(down), tl.floor(across)
    top, left = row + above.to(tl.int32), column + before.to(tl.int32)
    has_top, has_bottom = mine & (top >= 0) & (top < height), mine & (top >= -1) & (top < height - 1)
    has_left, has_right = (left >= 0) & (left < width), (left >= -1) & (left < width - 1)
    down -= above
    across -= before
    corner = image + top * width + left
    upper = tl.load(corner, has_top & has_left, 0.0) * (1 - across)
    upper += tl.load(corner + 1, has_top & has_right, 0.0) * across
    lower = tl.load(corner + width, has_bottom & has_left, 0.0) * (1 - across)
    lower += tl.load(corner + width + 1, has_bottom & has_right, 0.0) * across
    return upper * (1 - down) + lower * down
