"""DAGF, deep attentional guided image filtering.

Zhiwei Zhong, Xianming Liu, Junjun Jiang, Debin Zhao, Xiangyang Ji, "Deep Attentional Guided Image Filtering", TNNLS
2023, arXiv 2112.06401. Guide and start image pass through a feature pyramid (eqs. 9-10); on each level two sets of
k x k kernels are predicted, one per modality (eqs. 11-12), and mixed by an attention map (eqs. 13-14); they filter
features of the low-resolution depth from coarse to fine (eqs. 15-18), and a residual is read off at every level
(eqs. 19-21).

Where paper and released code differ the code is followed, since released weights belong to it:
  - the attention map weighs the depth kernel, its complement the guide kernel (paper: the other way round); it has no
    sigmoid;
  - kernels pass a softmax each, and their mix tanh, a learnt divisor and a bound on the L1 norm (paper: nothing said);
  - depth enters a level by nearest-neighbour resizing to half the level's size and is enlarged to it after two
    residual blocks (paper: bicubic to the level's size, three residual blocks after filtering);
  - intermediate results are enlarged bilinearly (paper: bicubic).
The release also allocates 47,497 parameters that never reach the output; they are left out: 2,392,710 + 47,497 is
its 2,440,207.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.dagf.kernels import (
    AttentionActivation,
    Combination,
    KernelGenerator,
    KernelNorm,
    filter_coarse,
)
from depth_sr_ros.models.layers.adaptive_norm import AdaptiveNorm, conv_act
from depth_sr_ros.models.layers.prelu import PReLU
from depth_sr_ros.models.registry import register_model

Initialisation = Literal["release", "unit_gain", "normalised"]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with PReLU around a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*conv_act(channels, channels, 3), nn.Conv2d(channels, channels, 3, padding=1))
        self.activation = PReLU()

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        return self.activation(self.layers(features) + features)


class Level(nn.Module):
    """One level of the pyramid: features of the low-resolution depth, filtered by this level's kernels.

    Args:
        channels: of every feature map.
        residual_blocks: before the filter.
        create_generator: makes the level's kernel generator.
        coarsest: True where no coarser level feeds this one.
        inputs: channels of the reduced depth.
    """

    def __init__(
        self,
        channels: int,
        residual_blocks: int,
        create_generator: Callable[[], KernelGenerator],
        coarsest: bool,
        inputs: int = 1,
    ) -> None:
        super().__init__()
        self.entry = nn.Sequential(*conv_act(inputs, channels, 3))
        self.fuse = nn.Conv2d(channels if coarsest else 2 * channels, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(residual_blocks)))
        self.generator = create_generator()

    def forward(self, depth: Tensor, guide: Tensor, depth_lr: Tensor, coarser: Tensor | None) -> Tensor:
        """Filters one level.

        Args:
            depth: features (B, C, h, w) of the start image.
            guide: features (B, C, h, w) of the guide.
            depth_lr: low-resolution depth resized to (B, inputs, h / 2, w / 2).
            coarser: result of the coarser level, (B, C, h / 2, w / 2), or None.
        """
        entry = self.entry(depth_lr)
        features = self.blocks(self.fuse(entry if coarser is None else torch.cat((entry, coarser), dim=1)))
        kernel = self.generator(depth, guide)
        return filter_coarse(features, kernel)


class ResidualHead(nn.Module):
    """Reads a residual off a level's result, with the coarser head's features added (eqs. 19-21)."""

    def __init__(self, channels: int, coarsest: bool) -> None:
        super().__init__()
        self.layer = nn.Sequential(*conv_act(channels, channels, 3))
        self.mix = None if coarsest else nn.Sequential(*conv_act(channels, channels, 3))
        self.share = None if coarsest else nn.Parameter(torch.zeros(1))
        self.residual = nn.Sequential(*conv_act(channels, 1, 3))

    def forward(self, features: Tensor, coarser: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, C, h, w) and the coarser head's (B, C, h / 2, w / 2) to features and residual (B, 1, h, w)."""
        features = self.layer(features)
        if self.mix is not None and self.share is not None and coarser is not None:
            features = self.mix(self.share * _enlarge_nearest(coarser, 2) + features)
        return features, self.residual(features)


@register_model("dagf")
class DAGF(GuidedUpsampler):
    """Deep attentional guided filter; 2,392,710 parameters.

    Args:
        scale: integer ratio between guide and depth.
        levels: m, levels of the pyramid (paper, Table VI: 3).
        kernel_size: k, side of the kernels (paper, Table VI: 3).
        channels: of every feature map.
        residual_blocks: per level; 2 in the release's default.
        combination: `attention` (the paper's AKL), `multiply`, `sum`, or the kernel of one modality alone, `depth` or
            `guide` (paper, Table VII, models 1-5).
        norm_momentum: of the running statistics in the attention network. The release's 0.999 keeps little but the
            last batch; small batches want 0.1.
        initialisation: `release`, PyTorch's defaults and kernels that sum to about 0.2, so that a signal shrinks
            fivefold per level and the first thousand steps teach next to nothing; or `unit_gain`, which keeps the
            signal (kernels sum to one, He initialisation) and starts near the start image; or `normalised`, which
            besides starts the norms of the attention networks as batch normalisation alone (w0 = 0, w1 = 1), so that
            the map keeps its range. Only the first values differ, not the network.
        attention_activation: `none` as in the release, or `sigmoid`, which keeps the attention map between 0 and 1 (the
            paper plots 0.4 to 0.6). Without it a high learning rate can drive the map to millions: tanh then turns
            every kernel into signs, its gradient is gone, and the filter no longer follows the guide.
        kernel_norm: `none` as in the release, or `batch`: batch normalisation of each tap's values before the softmax
            over the taps. Without it features that grow in training let one tap win everywhere; with it every tap's
            value varies from pixel to pixel, so kernels cannot become the same all over the image. It folds into the
            convolution before it.
    """

    output_names = ("depth", "stages")
    # what is filtered, and what heads make of it, is depth itself: its digits are those of the result
    half_parts = ("levels.*.fuse", "levels.*.blocks", "heads")

    def __init__(
        self,
        scale: int = 8,
        levels: int = 3,
        kernel_size: int = 3,
        channels: int = 32,
        residual_blocks: int = 2,
        combination: Combination = "attention",
        norm_momentum: float = 0.999,
        initialisation: Initialisation = "release",
        attention_activation: AttentionActivation = "none",
        kernel_norm: KernelNorm = "none",
    ) -> None:
        super().__init__()
        for name, value, known in (
            ("kernel_norm", kernel_norm, KernelNorm),
            ("attention_activation", attention_activation, AttentionActivation),
            ("initialisation", initialisation, Initialisation),
            ("combination", combination, Combination),
        ):
            if value not in get_args(known):
                raise ValueError(f"{name}: expected one of {get_args(known)}, found {value!r}")
        if scale < 1 or scale & (scale - 1):
            raise ValueError(f"scale: expected a power of two, since levels halve the size, found {scale}")
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size: expected an odd number, found {kernel_size}")
        self.scale = int(scale)
        self.size_multiple = 2 ** (levels + 1)
        self.options = {
            "scale": self.scale,
            "levels": levels,
            "kernel_size": kernel_size,
            "channels": channels,
            "residual_blocks": residual_blocks,
            "combination": combination,
            "norm_momentum": norm_momentum,
            "initialisation": initialisation,
            "attention_activation": attention_activation,
            "kernel_norm": kernel_norm,
        }
        self.depth_head, self.guide_head = _head(1, channels), _head(3, channels)
        self.depth_pyramid = nn.ModuleList(downsample(channels) for _ in range(levels - 1))
        self.guide_pyramid = nn.ModuleList(downsample(channels) for _ in range(levels - 1))
        create_generator = partial(
            KernelGenerator, channels, kernel_size, combination, norm_momentum, attention_activation, kernel_norm
        )
        self.levels = nn.ModuleList(
            Level(channels, residual_blocks, create_generator, coarsest=i == 0) for i in range(levels)
        )
        self.heads = nn.ModuleList(ResidualHead(channels, coarsest=i == 0) for i in range(levels))
        if initialisation != "release":
            start_with_unit_gain([self], normalised=initialisation == "normalised")

    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        """The finest level's residual added to the start image (B, 1, H, W)."""
        return start.float() + self._residuals(guide, depth_lr, start)[-1].float()

    def training_outputs(self, guide: Tensor, depth_lr: Tensor) -> dict[str, Tensor]:
        """`depth`, and `stages` (B, m - 1, H, W): the results of the coarser levels, coarsest first (eq. 21).

        With one level `stages` has no channels.
        """
        self._check_shapes(guide, depth_lr)
        start = self.start_image(depth_lr)
        *coarse, finest = self._residuals(guide, depth_lr, start)
        start = start.float()
        enlarged = [F.interpolate(r.float(), start.shape[-2:], mode="bilinear", align_corners=False) for r in coarse]
        stages = torch.cat([start[:, :0], *(start + r for r in enlarged)], dim=1)
        return {"depth": start + finest.float(), "stages": stages}

    def _residuals(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> list[Tensor]:
        """Residual of each level, coarsest first, each at its level's size."""
        depth_features, guide_features = [self.depth_head(start)], [self.guide_head(guide)]
        for depth_down, guide_down in zip(self.depth_pyramid, self.guide_pyramid, strict=True):
            depth_features.append(depth_down(depth_features[-1]))
            guide_features.append(guide_down(guide_features[-1]))
        residuals: list[Tensor] = []
        coarser: Tensor | None = None
        head_features: Tensor | None = None
        for number, (level, head) in enumerate(zip(self.levels, self.heads, strict=True)):
            below = len(self.levels) - 1 - number
            resized = _resize_nearest(depth_lr, self.scale, 2 ** (below + 1))
            coarser = level(depth_features[below], guide_features[below], resized, coarser)
            head_features, residual = head(coarser, head_features)
            residuals.append(residual)
        return residuals


@torch.no_grad()
def start_with_unit_gain(parts: Iterable[nn.Module], normalised: bool) -> None:
    """Gives the layers of parts of a network first values that keep a signal's size, see `DAGF`.

    Args:
        parts: the parts.
        normalised: whether norms of attention networks start as batch normalisation alone.
    """
    last_layers: list[Any] = []
    for module in (module for part in parts for module in part.modules()):
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, a=0.25)
            nn.init.zeros_(module.bias)
        elif isinstance(module, KernelGenerator):
            # two softmaxes over n taps multiply to about 1 / n
            module.divisor.fill_(1 / module.taps if module.combination == "multiply" else 1.0)
        elif isinstance(module, ResidualHead):
            last_layers.append(module.residual[0].weight)
        elif isinstance(module, AdaptiveNorm) and normalised:
            module.identity_share.zero_()
            module.norm_share.fill_(1.0)
    for weight in last_layers:
        weight.mul_(0.1)


def downsample(channels: int) -> nn.Sequential:
    """A step down the pyramid: (B, channels, h, w) to half the size."""
    return nn.Sequential(*conv_act(channels, channels, 3), nn.PixelUnshuffle(2), *conv_act(4 * channels, channels, 1))


def _head(inputs: int, channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, channels, 3, padding=1), *conv_act(channels, channels, 1))


def _enlarge_nearest(image: Tensor, factor: int) -> Tensor:
    return F.interpolate(image, scale_factor=float(factor), mode="nearest")


def _resize_nearest(depth_lr: Tensor, scale: int, divisor: int) -> Tensor:
    """Depth of 1 / scale of the full size to 1 / divisor of it; a smaller size takes the top left sample of each."""
    if divisor >= scale:
        return depth_lr[:, :, :: divisor // scale, :: divisor // scale]
    return _enlarge_nearest(depth_lr, scale // divisor)
