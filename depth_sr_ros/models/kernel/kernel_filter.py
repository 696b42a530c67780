"""What the kernel networks DKN and FDKN share: two branches, their combination, and the filtering by it.

Kim, Ponce, Ham, "Deformable Kernel Networks for Joint Image Filtering", IJCV 2021, arXiv 1910.08373. A branch looks at
the guide, an equal one at the start image; the products of their outputs are k x k kernel weights and tap offsets for
every pixel (Section 3.1), and the result is a weighted sum of displaced samples of the start image (eqs. 4-7). The
networks differ in the layers of a branch and in how pixels are arranged before and after them.

The number of taps, learned offsets, either branch without the other (depth alone is also Table 2's dagger rows) and the
residual connection are the paper's ablations (Table 4), so they are options of both networks. Mean subtraction acts on
the taps of a pixel, as in the authors' code.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import GuidedUpsampler, Sampler, float32_on
from depth_sr_ros.models.kernel.sampling import (
    SamplingConvention,
    check_convention,
    gathered_taps,
    in_grid_units,
    tap_displacements,
    weighted_taps,
)

KERNEL_SIZES = (3, 5, 7)
"""Taps per side with which Table 4 learns offsets."""

FEATURES = 128


class KernelBranch(nn.Module):
    """Layers of one branch and its two heads.

    Args:
        features: layers from the arranged image to feature channels.
        taps: kernel weights per feature position.
        offsets: whether the taps' offsets are predicted too.
        channels: feature channels.
    """

    def __init__(self, features: nn.Sequential, taps: int, offsets: bool = True, channels: int = FEATURES) -> None:
        super().__init__()
        self.features = features
        self.weight_head = nn.Conv2d(channels, taps, 1)
        self.offset_head = nn.Conv2d(channels, 2 * taps, 1) if offsets else None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """Arranged image -> weights in (0, 1), (N, taps, h, w), and offsets, (N, 2 taps, h, w), or None."""
        return self.heads(self.features(image))

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (N, channels, h, w) to weights and offsets, as `forward` returns them."""
        # the tail works on planes: leaving channels_last here once is far cheaper than mixed layouts throughout
        weights = torch.sigmoid(self.weight_head(features).contiguous())
        return weights, None if self.offset_head is None else self.offset_head(features).contiguous()


class KernelNetwork(GuidedUpsampler):
    """Guided upsampler that filters the start image by predicted kernels.

    A subclass sets `block`, the side of the square of pixels that one position of a branch speaks for, builds both
    branches, and says how an image enters them.

    Args:
        scale: integer ratio between guide and depth; it only sets the start image, the layers are the same.
        guide: `none` (no guide branch), or one of the subclass's `guide_kinds`.
        residual: True subtracts the weights' mean and adds the start image (the paper's default); False divides the
            weights by their sum ("w/o residual").
        sampling: rest positions of the taps, see `SamplingConvention`.
        kernel_size: taps per side: 3 (the paper's choice), 5 or 7, all inside the same 15 x 15 window. Without
            offsets, under `centred`, any odd number, as Table 4's 15, 19 and 25; memory grows with its square.
        offsets: False leaves the taps at their rest positions, which are the k x k neighbours under `centred`.
        depth_kernels: False leaves the depth branch out: kernels made from the guide alone (Table 4, rows 1 and 4).

    Raises:
        ValueError: an option has another value than those named here.
    """

    guide_kinds: tuple[str, ...]
    block: int
    guide_branch: KernelBranch | None
    depth_branch: KernelBranch | None
    sampler: Sampler = "grid_sample"
    """How the start image is sampled; the result is the same."""

    def __init__(
        self,
        scale: int,
        guide: str,
        residual: bool,
        sampling: SamplingConvention,
        kernel_size: int,
        offsets: bool,
        depth_kernels: bool,
    ) -> None:
        super().__init__()
        if guide not in self.guide_kinds:
            raise ValueError(f"guide: expected one of {self.guide_kinds}, found {guide!r}")
        if guide == "none" and not depth_kernels:
            raise ValueError("depth_kernels: expected True with guide 'none', found False; kernels need one of the two")
        _check_kernel_size(kernel_size, any_odd=sampling == "centred" and not offsets)
        self.scale = int(scale)
        self.guide = guide
        self.residual = bool(residual)
        self.sampling = check_convention(sampling)
        self.taps = int(kernel_size) ** 2
        self.options = {
            "scale": self.scale,
            "guide": guide,
            "residual": self.residual,
            "sampling": sampling,
            "kernel_size": int(kernel_size),
            "offsets": bool(offsets),
            "depth_kernels": bool(depth_kernels),
        }

    def use_sampler(self, sampler: Sampler) -> None:
        """See `GuidedUpsampler.use_sampler`; the result is the same."""
        self.sampler = sampler

    @abc.abstractmethod
    def arrange(self, image: Tensor) -> Tensor:
        """Image (B, C, H, W) as a branch wants it to speak of every pixel.

        Out of the branch come maps of (H / block, W / block) positions, n per pixel; channel n block^2 + i block + j
        belongs to the pixels (block y + i, block x + j).
        """

    def guide_maps(self, guide: Tensor) -> Tensor:
        """The guide (B, 3, H, W) as the guide branch is meant to see it, before it is arranged."""
        return guide

    def branch_inputs(self, guide: Tensor, start: Tensor) -> Iterator[tuple[KernelBranch, Tensor]]:
        """The branches that there are, depth's first, each with the image that it looks at, arranged when asked for."""
        if self.depth_branch is not None:
            yield self.depth_branch, self.arrange(start)
        if self.guide_branch is not None:
            yield self.guide_branch, self.arrange(self.guide_maps(guide))

    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        """Filters the start image (B, 1, H, W); `depth_lr` is not used by these networks."""
        kernels = [branch(image) for branch, image in self.branch_inputs(guide, start)]
        with float32_on(start.device):
            start = start.float()
            filtered = self._filter(start, *combine(kernels))
            return start + filtered if self.residual else filtered

    def _filter(
        self, start: Tensor, weights: Tensor, offsets: Tensor | None, first: tuple[int, int] = (0, 0), step: int = 1
    ) -> Tensor:
        """Applies the kernels, as the branches give them, to the start image, from a pixel on and every `step`-th."""
        block, taps = self.block, self.taps
        batch, _, height, width = weights.shape
        shape = (batch, taps, 2, block, block, height, width)
        by_tap = weights.new_zeros(()).expand(shape) if offsets is None else offsets.reshape(shape)
        displacement, fade = tap_displacements(by_tap, self.sampling)
        if self.sampler == "grid_sample":
            displacement = in_grid_units(displacement, *start.shape[-2:])
        # one transposition takes (x, y) last and shuffles the pixels: channel block^2 (2 tap + c) + block i + j
        grid = displacement.permute(0, 1, 5, 3, 6, 4, 2).reshape(batch, taps, height * block, width * block, 2)
        kernel = self._normalise(F.pixel_shuffle(weights, block))
        if fade is not None:
            kernel = kernel * F.pixel_shuffle(fade.reshape(batch, taps * block**2, height, width), block)
        read = weighted_taps if self.sampler == "grid_sample" else gathered_taps
        return read(start, kernel, grid, self.sampling, first, step)

    def _normalise(self, weights: Tensor) -> Tensor:
        if self.residual:
            return weights - weights.mean(dim=1, keepdim=True)
        return weights / weights.sum(dim=1, keepdim=True)


def combine(kernels: Sequence[tuple[Tensor, Tensor | None]]) -> tuple[Tensor, Tensor | None]:
    """Products of the weights and of the offsets of the branches, one or both, in float32 (Section 3.1)."""
    (weights, offsets), *others = kernels
    weights, offsets = weights.float(), None if offsets is None else offsets.float()
    for other_weights, other_offsets in others:
        if offsets is not None and other_offsets is not None:
            offsets = offsets * other_offsets.float()
        weights = weights * other_weights.float()
    return weights, offsets


def _check_kernel_size(size: int, any_odd: bool) -> None:
    if size in KERNEL_SIZES or (any_odd and size >= 3 and size % 2 == 1):
        return
    wanted = "an odd number from 3 on" if any_odd else f"one of {KERNEL_SIZES}"
    other = "" if any_odd else "; other odd numbers need offsets=False and sampling='centred'"
    raise ValueError(f"kernel_size: expected {wanted}, found {size!r}{other}")


def conv_relu(
    inputs: int, outputs: int, size: int, *, normalised: bool = False, padding: int = 0, dilation: int = 1
) -> list[nn.Module]:
    """Convolution, batch normalisation where asked for, ReLU."""
    norm = [nn.BatchNorm2d(outputs)] if normalised else []
    convolution = nn.Conv2d(inputs, outputs, size, padding=padding, dilation=dilation)
    return [convolution, *norm, nn.ReLU(inplace=True)]
