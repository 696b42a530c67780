"""What the kernel networks DKN and FDKN share: two branches, their combination, and the filtering by it.

Kim, Ponce, Ham, "Deformable Kernel Networks for Joint Image Filtering", IJCV 2021, arXiv 1910.08373. A branch looks at
the guide, an equal one at the start image; the products of their outputs are k x k kernel weights and tap offsets for
every pixel (Section 3.1), and the result is a weighted sum of displaced samples of the start image (eqs. 4-7). The
networks differ in the layers of a branch and in how pixels are arranged before and after them.

The number of taps, learned offsets, the guide (the dagger rows go without) and the residual connection are the paper's
ablations (Table 4), so they are options of both networks. Mean subtraction acts on the taps of a pixel, as in the
authors' code.
"""

from __future__ import annotations

import abc

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import GuidedUpsampler, float32_on
from depth_sr_ros.models.sampling import (
    Sampler,
    SamplingConvention,
    check_convention,
    gathered_taps,
    in_grid_units,
    tap_displacements,
    weighted_taps,
)

KERNEL_SIZES = (3, 5, 7)
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
        guide: `none`, or one of the subclass's `guide_kinds`.
        residual: True subtracts the weights' mean and adds the start image (the paper's default); False divides the
            weights by their sum ("w/o residual").
        sampling: rest positions of the taps, see `SamplingConvention`.
        kernel_size: taps per side: 3 (the paper's choice), 5 or 7, all inside the same 15 x 15 window.
        offsets: False leaves the taps at their rest positions, which are the k x k neighbours under `centred`.

    Raises:
        ValueError: an option has another value than those named here.
    """

    guide_kinds: tuple[str, ...]
    block: int
    guide_branch: KernelBranch | None
    depth_branch: KernelBranch
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
    ) -> None:
        super().__init__()
        if guide not in self.guide_kinds:
            raise ValueError(f"guide: expected one of {self.guide_kinds}, found {guide!r}")
        if kernel_size not in KERNEL_SIZES:
            raise ValueError(f"kernel_size: expected one of {KERNEL_SIZES}, found {kernel_size!r}")
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
        }

    @abc.abstractmethod
    def arrange(self, image: Tensor) -> Tensor:
        """Image (B, C, H, W) as a branch wants it to speak of every pixel.

        Out of the branch come maps of (H / block, W / block) positions, n per pixel; channel n block^2 + i block + j
        belongs to the pixels (block y + i, block x + j).
        """

    def guide_maps(self, guide: Tensor) -> Tensor:
        """The guide (B, 3, H, W) as the guide branch is meant to see it, before it is arranged."""
        return guide

    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        """Filters the start image (B, 1, H, W); `depth_lr` is not used by these networks."""
        depth_kernels = self.depth_branch(self.arrange(start))
        guide_kernels = None
        if self.guide_branch is not None:
            guide_kernels = self.guide_branch(self.arrange(self.guide_maps(guide)))
        with float32_on(start.device):
            start = start.float()
            filtered = self._filter(start, *combine(depth_kernels, guide_kernels))
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


def combine(
    depth: tuple[Tensor, Tensor | None], guide: tuple[Tensor, Tensor | None] | None
) -> tuple[Tensor, Tensor | None]:
    """Products of the weights and of the offsets of both branches, in float32 (Section 3.1)."""
    weights, offsets = (None if t is None else t.float() for t in depth)
    assert weights is not None
    if guide is None:
        return weights, offsets
    guide_weights, guide_offsets = guide
    if offsets is not None and guide_offsets is not None:
        offsets = offsets * guide_offsets.float()
    return weights * guide_weights.float(), offsets


def conv_relu(
    inputs: int, outputs: int, size: int, *, normalised: bool = False, padding: int = 0, dilation: int = 1
) -> list[nn.Module]:
    """Convolution, batch normalisation where asked for, ReLU."""
    norm = [nn.BatchNorm2d(outputs)] if normalised else []
    convolution = nn.Conv2d(inputs, outputs, size, padding=padding, dilation=dilation)
    return [convolution, *norm, nn.ReLU(inplace=True)]
