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

from functools import partial
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.adaptive_norm import AdaptiveNorm, ConvNormAct, conv_act
from depth_sr_ros.models.base import GuidedUpsampler, float32_on
from depth_sr_ros.models.prelu import PReLU
from depth_sr_ros.models.registry import register_model

Combination = Literal["attention", "multiply", "sum", "depth", "guide"]
Initialisation = Literal["release", "unit_gain", "normalised"]
AttentionActivation = Literal["none", "sigmoid"]
KernelNorm = Literal["none", "batch"]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with PReLU around a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*conv_act(channels, channels, 3), nn.Conv2d(channels, channels, 3, padding=1))
        self.activation = PReLU()

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        return self.activation(self.layers(features) + features)


class AttentionUNet(nn.Module):
    """Five-layer U-shaped network with pixel (un)shuffling (eq. 13); height and width are multiples of 4."""

    def __init__(self, channels: int, norm_momentum: float) -> None:
        super().__init__()
        deepest = 4 * channels
        layer = partial(ConvNormAct, kernel_size=3, momentum=norm_momentum)
        self.encoder_1 = layer(channels, channels // 2)
        self.encoder_2 = layer(2 * channels, channels)
        self.bottom = nn.Sequential(layer(deepest, deepest), layer(deepest, deepest))
        self.decoder_1 = layer(deepest, 2 * deepest)
        self.decoder_2 = layer(2 * channels, 4 * channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        half = F.pixel_unshuffle(self.encoder_1(features), 2)
        quarter = F.pixel_unshuffle(self.encoder_2(half), 2)
        half = F.pixel_shuffle(self.decoder_1(self.bottom(quarter) + quarter), 2) + half
        return F.pixel_shuffle(self.decoder_2(half), 2) + features


class KernelGenerator(nn.Module):
    """Attentional kernel learning: one k x k kernel per pixel from depth and guide features (eqs. 11-14).

    Args:
        channels: of either feature map.
        kernel_size: k.
        combination: how the two kernels become one, see `DAGF`.
        norm_momentum: of the running statistics in the attention network.
        attention_activation: what bounds the attention map, see `DAGF`.
        kernel_norm: what the softmax over the taps is taken of, see `DAGF`.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        combination: Combination,
        norm_momentum: float,
        attention_activation: AttentionActivation = "none",
        kernel_norm: KernelNorm = "none",
    ) -> None:
        super().__init__()
        taps = kernel_size**2
        layer = partial(ConvNormAct, kernel_size=3, momentum=norm_momentum)
        self.combination, self.taps, self.attention_activation = combination, taps, attention_activation
        self.divisor = nn.Parameter(torch.full((1,), 0.5 * taps))
        sources = [combination] if combination in ("depth", "guide") else ["depth", "guide"]
        norms = [] if kernel_norm == "none" else [partial(nn.BatchNorm2d, taps, eps=1e-3, momentum=norm_momentum)]
        self.kernels = nn.ModuleDict(
            {
                source: nn.Sequential(
                    *conv_act(channels, channels, 1), nn.Conv2d(channels, taps, 1), *(norm() for norm in norms)
                )
                for source in sources
            }
        )
        self.attention = (
            nn.Sequential(layer(2 * channels, channels), AttentionUNet(channels, norm_momentum), layer(channels, 1))
            if combination == "attention"
            else None
        )

    def forward(self, depth: Tensor, guide: Tensor) -> Tensor:
        """Features (B, C, H, W) of both modalities to kernels (B, k * k, H, W), taps in row-major order."""
        features = {"depth": depth, "guide": guide}
        raw = {source: head(features[source]) for source, head in self.kernels.items()}
        attention = None if self.attention is None else self.attention(torch.cat((depth, guide), dim=1))
        with float32_on(depth.device):
            # planes from here on: the filter reads one tap after the other
            kernels = [torch.softmax(k.float().contiguous(), dim=1) for k in raw.values()]
            kernel = self._combine(kernels, None if attention is None else attention.float())
            kernel = torch.tanh(kernel) / (self.divisor + 1e-8)
            return kernel / (kernel.abs().sum(dim=1, keepdim=True) + 1e-4).clamp(min=1.0)

    def _combine(self, kernels: list[Tensor], attention: Tensor | None) -> Tensor:
        if len(kernels) == 1:
            return kernels[0]
        depth, guide = kernels
        if attention is not None:
            attention = torch.sigmoid(attention) if self.attention_activation == "sigmoid" else attention
            return guide + attention * (depth - guide)
        return depth * guide if self.combination == "multiply" else 0.5 * (depth + guide)


def filter_coarse(features: Tensor, kernel: Tensor) -> Tensor:
    """Filters features, enlarged twice by nearest neighbour, with a kernel per fine pixel (eq. 18).

    The taps are 2 fine pixels apart, so each reads one coarse pixel: the enlarged map is never built.

    Args:
        features: (B, C, h, w).
        kernel: (B, k * k, 2h, 2w), taps in row-major order.

    Returns:
        (B, C, 2h, 2w); beyond the image features count as zero.
    """
    batch, channels, height, width = features.shape
    taps = kernel.shape[1]
    side = round(taps**0.5)
    if torch.is_grad_enabled() and kernel.requires_grad:
        return _filter_as_products(features, kernel)
    padded = F.pad(features, [side // 2] * 4)
    phases = F.pixel_unshuffle(kernel, 2).reshape(batch, taps, 1, 4, height, width)
    total: Tensor | None = None
    for tap in range(taps):
        row, column = divmod(tap, side)
        shifted = padded[:, :, row : row + height, column : column + width].unsqueeze(2)
        term = shifted * phases[:, tap]
        total = term if total is None else total + term
    assert total is not None
    return F.pixel_shuffle(total.reshape(batch, channels * 4, height, width), 2)


def _filter_as_products(features: Tensor, kernel: Tensor) -> Tensor:
    """As `filter_coarse`, by a small matrix product per coarse pixel: its gradient moves far less memory."""
    batch, channels, height, width = features.shape
    taps = kernel.shape[1]
    side = round(taps**0.5)
    rows = F.pad(features.permute(0, 2, 3, 1), (0, 0, *[side // 2] * 4))
    shifted = [rows[:, i : i + height, j : j + width] for i in range(side) for j in range(side)]
    patches = torch.stack(shifted, dim=3).reshape(-1, taps, channels)
    phases = F.pixel_unshuffle(kernel, 2).reshape(batch, taps, 4, height, width).permute(0, 3, 4, 2, 1)
    product = torch.matmul(phases.reshape(-1, 4, taps).to(features.dtype), patches)
    fine = product.reshape(batch, height, width, 2, 2, channels).permute(0, 1, 3, 2, 4, 5)
    return fine.reshape(batch, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)


class Level(nn.Module):
    """One level of the pyramid: features of the low-resolution depth, filtered by this level's kernels.

    Args:
        channels: of every feature map.
        kernel_size: k.
        residual_blocks: before the filter.
        combination, norm_momentum, attention_activation, kernel_norm: see `DAGF`.
        coarsest: True where no coarser level feeds this one.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        residual_blocks: int,
        combination: Combination,
        norm_momentum: float,
        attention_activation: AttentionActivation,
        kernel_norm: KernelNorm,
        coarsest: bool,
    ) -> None:
        super().__init__()
        self.entry = nn.Sequential(*conv_act(1, channels, 3))
        self.fuse = nn.Conv2d(channels if coarsest else 2 * channels, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(residual_blocks)))
        self.generator = KernelGenerator(
            channels, kernel_size, combination, norm_momentum, attention_activation, kernel_norm
        )

    def forward(self, depth: Tensor, guide: Tensor, depth_lr: Tensor, coarser: Tensor | None) -> Tensor:
        """Filters one level.

        Args:
            depth: features (B, C, h, w) of the start image.
            guide: features (B, C, h, w) of the guide.
            depth_lr: low-resolution depth resized to (B, 1, h / 2, w / 2).
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
        if kernel_norm not in get_args(KernelNorm):
            raise ValueError(f"kernel_norm: expected one of {get_args(KernelNorm)}, found {kernel_norm!r}")
        if attention_activation not in get_args(AttentionActivation):
            raise ValueError(
                f"attention_activation: expected one of {get_args(AttentionActivation)}, found {attention_activation!r}"
            )
        if initialisation not in get_args(Initialisation):
            raise ValueError(f"initialisation: expected one of {get_args(Initialisation)}, found {initialisation!r}")
        if combination not in get_args(Combination):
            raise ValueError(f"combination: expected one of {get_args(Combination)}, found {combination!r}")
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
        self.depth_pyramid = nn.ModuleList(_downsample(channels) for _ in range(levels - 1))
        self.guide_pyramid = nn.ModuleList(_downsample(channels) for _ in range(levels - 1))
        self.levels = nn.ModuleList(
            Level(
                channels,
                kernel_size,
                residual_blocks,
                combination,
                norm_momentum,
                attention_activation,
                kernel_norm,
                coarsest=i == 0,
            )
            for i in range(levels)
        )
        self.heads = nn.ModuleList(ResidualHead(channels, coarsest=i == 0) for i in range(levels))
        if initialisation != "release":
            self._start_with_unit_gain()

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

    @torch.no_grad()
    def _start_with_unit_gain(self) -> None:
        last_layers: list[Any] = []
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, a=0.25)
                nn.init.zeros_(module.bias)
            elif isinstance(module, KernelGenerator):
                # two softmaxes over n taps multiply to about 1 / n
                module.divisor.fill_(1 / module.taps if module.combination == "multiply" else 1.0)
            elif isinstance(module, ResidualHead):
                last_layers.append(module.residual[0].weight)
            elif isinstance(module, AdaptiveNorm) and self.options["initialisation"] == "normalised":
                module.identity_share.zero_()
                module.norm_share.fill_(1.0)
        for weight in last_layers:
            weight.mul_(0.1)

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


def _head(inputs: int, channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, channels, 3, padding=1), *conv_act(channels, channels, 1))


def _downsample(channels: int) -> nn.Sequential:
    return nn.Sequential(*conv_act(channels, channels, 3), nn.PixelUnshuffle(2), *conv_act(4 * channels, channels, 1))


def _enlarge_nearest(image: Tensor, factor: int) -> Tensor:
    return F.interpolate(image, scale_factor=float(factor), mode="nearest")


def _resize_nearest(depth_lr: Tensor, scale: int, divisor: int) -> Tensor:
    """Depth of 1 / scale of the full size to 1 / divisor of it; a smaller size takes the top left sample of each."""
    if divisor >= scale:
        return depth_lr[:, :, :: divisor // scale, :: divisor // scale]
    return _enlarge_nearest(depth_lr, scale // divisor)
