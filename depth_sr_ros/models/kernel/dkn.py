"""DKN, the deformable kernel network.

Beomjun Kim, Jean Ponce, Bumsub Ham, "Deformable Kernel Networks for Joint Image Filtering", IJCV 2021,
arXiv 1910.08373; layers as in the authors' release. For every pixel two branches look at a 50 x 50 surrounding of guide
and start image and predict 3 x 3 kernel weights and tap offsets (Section 3.2, Fig. 2); the rest is eqs. 4-7, shared
with FDKN.

A branch halves its resolution twice, so one pass gives every fourth pixel of every fourth row. The authors run 16
passes over shifted images and stitch. Here one pass gives the same numbers: each stride becomes a dilation of all that
follows, and nothing is computed twice (355 GMAC instead of 519 for 480 x 640). Training may use it, or single phases
(`DKN.sampled`). Keeping the four phases of each halving side by side in the batch, so that no convolution is dilated,
is a third form of the same arithmetic; it was measured to cost as much in PyTorch, ONNX Runtime and OpenVINO, and
needs more code.

Where paper and code differ: the paper's receptive field is 51, the released layers see 50 (25 pixels before, 24 after);
the paper stitches filtered images, the code stitches kernels, which is the same. The code is followed. Where the taps
rest, the paper centres them and the code does not; what is trained here follows the paper, released weights the code,
see `depth_sr_ros.models.kernel.sampling.SamplingConvention`.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import float32_on
from depth_sr_ros.models.kernel.kernel_filter import FEATURES, KernelBranch, KernelNetwork, combine, conv_relu
from depth_sr_ros.models.kernel.sampling import SamplingConvention
from depth_sr_ros.models.registry import register_model

GuideKind = Literal["colour", "none"]

_STRIDE = 4  # of the paper's network in all
_BEFORE, _AFTER = 25, 24  # pixels seen before and after the one that is filtered


@register_model("dkn")
class DKN(KernelNetwork):
    """Deformable kernel network; 1,158,070 parameters with its defaults.

    Args:
        scale: integer ratio between guide and depth; it only sets the start image, the layers are the same.
        guide: `colour`, or `none` (depth only, the paper's dagger rows).
        residual: as `KernelNetwork`.
        sampling: as `KernelNetwork`.
        kernel_size: as `KernelNetwork`.
        offsets: as `KernelNetwork`.
        depth_kernels: as `KernelNetwork`.
    """

    guide_kinds = get_args(GuideKind)
    block = 1

    samples_pixels = True

    def __init__(
        self,
        scale: int = 8,
        guide: GuideKind = "colour",
        residual: bool = True,
        sampling: SamplingConvention = "centred",
        kernel_size: int = 3,
        offsets: bool = True,
        depth_kernels: bool = True,
    ) -> None:
        super().__init__(scale, guide, residual, sampling, kernel_size, offsets, depth_kernels)
        self.guide_branch = KernelBranch(_layers(3), self.taps, offsets) if guide == "colour" else None
        self.depth_branch = KernelBranch(_layers(1), self.taps, offsets) if depth_kernels else None

    def sampled(
        self, guide: Tensor, depth_lr: Tensor, count: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Evaluates random phases only, every fourth pixel of every fourth row each, by the paper's strided pass.

        What it gives at a pixel is what `forward` gives there, for a sixteenth of the work per phase. Neighbouring
        pixels teach nearly the same, so training on one phase of a large crop is far cheaper than on all of a small
        one. In training mode batch normalisation sees the phases evaluated, no others.

        Args:
            guide: see `forward`; height and width are multiples of 4.
            depth_lr: see `forward`.
            count: pixels per image, rounded down to whole phases (H W / 16 pixels), at least one.
            generator: source of randomness, on the CPU.

        Returns:
            Depth at the pixels, (B, N), and their indices row by row, (B, N), int64.

        Raises:
            ValueError: a shape does not fit.
        """
        self._check_shapes(guide, depth_lr)
        batch, _, height, width = guide.shape
        if height % _STRIDE or width % _STRIDE:
            raise ValueError(f"guide: sampling needs height and width as multiples of 4, found {height}x{width}")
        start = self.start_image(depth_lr)
        phases = max(1, count * _STRIDE**2 // (height * width))
        chosen = torch.randperm(_STRIDE**2, generator=generator)[:phases].tolist()
        values = [self._phase(guide, start, *divmod(phase, _STRIDE)).flatten(1) for phase in chosen]
        index = torch.arange(height * width, device=guide.device).reshape(height, width)
        pixels = [index[p // _STRIDE :: _STRIDE, p % _STRIDE :: _STRIDE].reshape(1, -1) for p in chosen]
        return torch.cat(values, dim=1), torch.cat(pixels, dim=1).expand(batch, -1)

    def _phase(self, guide: Tensor, start: Tensor, row: int, column: int) -> Tensor:
        """Filtered pixels (4 y + row, 4 x + column), (B, 1, H / 4, W / 4)."""
        inputs = self.branch_inputs(guide, start)
        kernels = [_strided(branch, image[:, :, row:, column:]) for branch, image in inputs]
        with float32_on(start.device):
            start = start.float()
            filtered = self._filter(start, *combine(kernels), (row, column), _STRIDE)
            return start[:, :, row::_STRIDE, column::_STRIDE] + filtered if self.residual else filtered

    def arrange(self, image: Tensor) -> Tensor:
        """Pads with zeros by what a pixel sees around itself."""
        return F.pad(image, (_BEFORE, _AFTER, _BEFORE, _AFTER))


def _strided(branch: KernelBranch, image: Tensor) -> tuple[Tensor, Tensor | None]:
    """One branch as in the paper: the 2 x 2 convolutions have stride 2, and nothing is dilated."""
    for layer in branch.features:
        if isinstance(layer, nn.Conv2d):
            stride = 2 if layer.kernel_size == (2, 2) else 1
            image = F.conv2d(image, layer.weight, layer.bias, stride=stride)
        else:
            image = layer(image)
    return branch.heads(image)


def _layers(channels: int) -> nn.Sequential:
    """Layers of a branch, without padding: 49 rows and columns fewer come out than go in (paper, Table 1)."""
    return nn.Sequential(
        *conv_relu(channels, 32, 7, normalised=True),
        *conv_relu(32, 32, 2),  # stride 2 in the paper, as the next one of this size
        *conv_relu(32, 64, 5, normalised=True, dilation=2),
        *conv_relu(64, 64, 2, dilation=2),
        *conv_relu(64, FEATURES, 5, normalised=True, dilation=4),
        *conv_relu(FEATURES, FEATURES, 3, dilation=4),
        *conv_relu(FEATURES, FEATURES, 3, dilation=4),
    )
