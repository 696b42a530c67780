"""JIIF, the joint implicit image function.

Jiaxiang Tang, Xiaokang Chen, Gang Zeng, "Joint Implicit Image Function for Guided Depth Super-Resolution", ACM MM
2021, arXiv 2107.08717; layers as in the authors' release. Two encoders give latent codes of depth and guide; for each
of the four depth cells around a query position a multilayer perceptron predicts a value and an attention logit from
both codes and the relative position (eq. 8), and the result is the softmax-weighted sum of the values (eqs. 1, 9) plus
the bicubic start image.

Where paper and released code differ, the code is followed: the guide's code at a cell comes from encoding the reduced
guide with the same encoder (paper: bicubic interpolation of the full-resolution code), and the perceptron sees
(z_i, g_q, g_q - g_i, x_q - x_i) (paper: g_i in place of g_q, which spans the same functions). The release rounds the
reduced guide to eight bits; it is not rounded here. The release feeds BGR images with the statistics of RGB, and gives
neighbours outside the map zero codes at coordinate zero, so that the relative position there grows with the size of the
image; both are options for its weights (`guide_statistics="bgr"`, `border="zeros"`) and repaired by default.

Three forms of the same function. `refine` evaluates all pixels, by sub-pixel phase: pixels of equal phase see the cells
as one shifted grid, so nothing is gathered, and a phase at a time bounds the memory. `sampled` evaluates a random
subset, which is what makes training affordable. `query` and `upsample` take any position and any size.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import GuidedUpsampler, float32_on
from depth_sr_ros.models.jiif.edsr import EdsrEncoder
from depth_sr_ros.models.jiif.gather import gathered_pairs
from depth_sr_ros.models.jiif.pairs import (
    STEPS,
    AxisPositions,
    Border,
    FirstLayer,
    PairFunction,
    PairInput,
    bilinear_shares,
    phase_halves,
    phase_offset,
    phase_runs,
    relative_position,
)
from depth_sr_ros.models.layers import imagenet
from depth_sr_ros.models.layers.interpolation import resize_bicubic
from depth_sr_ros.models.layers.reduction import PhaseReducer
from depth_sr_ros.models.registry import register_model

WeightKind = Literal["joint", "separate", "bilinear", "regression"]
ChannelOrder = Literal["rgb", "bgr"]

# queries evaluated at a time by `upsample`
_QUERIES = 8192


@dataclass(frozen=True)
class _Encoded:
    """Features of one batch.

    Attributes:
        guide: features of the guide, (B, H, W, width).
        layers: split first layers of the pair functions.
        cells: for each pair function, the first layer's share of the cells, (B, h + 2, w + 2, hidden), with a margin of
            one cell.
    """

    guide: Tensor
    layers: list[FirstLayer]
    cells: list[Tensor]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the low-resolution depth."""
        return self.cells[0].shape[1] - 2, self.cells[0].shape[2] - 2


@register_model("jiif")
class JIIF(GuidedUpsampler):
    """Joint implicit image function.

    Args:
        scale: integer ratio between guide and depth in `forward`; `query` and `upsample` are free of it.
        width: channels of the latent codes.
        blocks: residual blocks of each encoder.
        hidden: widths of the perceptron's hidden layers.
        weights: where interpolation weights come from. `joint`: one function gives values and weights (eq. 8).
            `separate`: two functions, values by eq. 6 and weights by eq. 7 ("Baseline" of Table 3). `bilinear` and
            `regression`: rows of Table 4; values by a function with the joint one's input, weights from the position
            alone or by one linear layer on the guide's code at the query (the paper names a convolution; its size is
            not given).
        residual: True adds the start image; False predicts depth itself.
        guide_statistics: `rgb`, or `bgr` as the released weights expect.
        border: neighbours outside the map. `replicate`: the edge cell stands in. `zeros`: zero codes at coordinate
            zero, as the released weights expect.
        guide_stride: 1, or 2 or 4 for a guide encoder at a half or a quarter of the resolution, which is this
            project's own.

    Raises:
        ValueError: an option has another value than those named here.
    """

    samples_pixels = True
    any_position = True

    def __init__(
        self,
        scale: int = 8,
        width: int = 128,
        blocks: int = 16,
        hidden: Sequence[int] = (1024, 512, 256, 128),
        weights: WeightKind = "joint",
        residual: bool = True,
        guide_statistics: ChannelOrder = "rgb",
        border: Border = "replicate",
        guide_stride: int = 1,
    ) -> None:
        super().__init__()
        if guide_stride not in (1, 2, 4):
            raise ValueError(f"guide_stride: expected 1, 2 or 4, found {guide_stride!r}")
        _check_choice("weights", weights, get_args(WeightKind))
        _check_choice("guide_statistics", guide_statistics, get_args(ChannelOrder))
        _check_choice("border", border, get_args(Border))
        if not hidden:
            raise ValueError("hidden: expected at least one width, found none")
        self.scale = int(scale)
        self.weights: WeightKind = weights
        self.residual = bool(residual)
        self.border: Border = border
        self.guide_statistics = guide_statistics
        self.options = {
            "scale": self.scale,
            "width": width,
            "blocks": blocks,
            "hidden": list(hidden),
            "weights": weights,
            "residual": self.residual,
            "guide_statistics": guide_statistics,
            "border": border,
            "guide_stride": guide_stride,
        }
        self.guide_multiple = guide_stride
        # the reduced guide passes the same encoder
        self.size_multiple = self.scale * guide_stride if guide_stride > 1 else type(self).size_multiple
        self.guide_encoder = EdsrEncoder(3, width, blocks, guide_stride)
        self.depth_encoder = EdsrEncoder(1, width, blocks)
        self.reduce = PhaseReducer(self.scale)
        self.functions = _pair_functions(weights, width, hidden)
        self.weight_head = nn.Linear(width, len(STEPS)) if weights == "regression" else None
        self.normalise = imagenet.Normalisation()

    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        """Evaluates every pixel, quadrant by quadrant of the cells and about a thirty-second of the image at a time."""
        encoded = self._encode(guide, self.reduce(guide), depth_lr)
        (height, width), scale = encoded.size, self.scale
        batch, _, _, channels = encoded.guide.shape
        by_phase = encoded.guide.reshape(batch, height, scale, width, scale, channels)
        rows: list[list[Tensor]] = [[] for _ in range(scale)]
        halves = phase_halves(scale)
        for down, right in STEPS:
            if halves[down] and halves[right]:
                near = self._quadrant(encoded, down, right)
                for row, run in itertools.product(halves[down], phase_runs(halves[right], scale)):
                    part = by_phase[:, :, row, :, run.start : run.stop]
                    rows[row].append(self._phase(part, encoded.layers, near, row, run))
        values = torch.stack([torch.cat(parts, dim=3) for parts in rows], dim=2).reshape(start.shape)
        return start.float() + values if self.residual else values

    def sampled(
        self, guide: Tensor, depth_lr: Tensor, count: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """See `GuidedUpsampler.sampled`; pixels are drawn without replacement and for each image anew."""
        self._check_shapes(guide, depth_lr)
        batch, _, height, width = guide.shape
        if not 0 < count <= height * width:
            raise ValueError(f"count: expected 1 to {height * width} (pixels of the guide), found {count}")
        draws = [torch.randperm(height * width, generator=generator)[:count] for _ in range(batch)]
        pixels = torch.stack(draws).to(guide.device)
        encoded = self._encode(guide, self.reduce(guide), depth_lr)
        values = self._at_pixels(encoded, pixels)
        return self._add_start(values, self.start_image(depth_lr), pixels), pixels

    def query(self, guide: Tensor, depth_lr: Tensor, positions: Tensor) -> Tensor:
        """See `GuidedUpsampler.query`.

        The guide's code and the start image are those of the guide pixel that a position lies in.
        """
        self._check_any_size(guide, depth_lr)
        if positions.dim() != 3 or positions.shape[0] != guide.shape[0] or positions.shape[2] != 2:
            raise ValueError(f"positions: expected ({guide.shape[0]}, N, 2), found {tuple(positions.shape)}")
        (height, width), (cells_high, cells_wide) = guide.shape[-2:], depth_lr.shape[-2:]
        row, column = positions.unbind(-1)
        pixels = _containing_pixel(row, height) * width + _containing_pixel(column, width)
        encoded = self._encode(guide, resize_bicubic(guide, (cells_high, cells_wide)), depth_lr)
        rows = AxisPositions.of_coordinates(row, cells_high)
        columns = AxisPositions.of_coordinates(column, cells_wide)
        start = resize_bicubic(depth_lr, (height, width))
        return self._add_start(self._at(encoded, rows, columns, pixels), start, pixels)

    def upsample(self, guide: Tensor, depth_lr: Tensor) -> Tensor:
        """See `GuidedUpsampler.upsample`."""
        self._check_any_size(guide, depth_lr)
        batch, _, height, width = guide.shape
        encoded = self._encode(guide, resize_bicubic(guide, depth_lr.shape[-2:]), depth_lr)
        parts = []
        for pixels in torch.arange(height * width, device=guide.device).split(_QUERIES):
            parts.append(self._at_pixels(encoded, pixels.expand(batch, -1)))
        values = torch.cat(parts, dim=1).reshape(batch, 1, height, width)
        return values + resize_bicubic(depth_lr, (height, width)).float() if self.residual else values

    def _encode(self, guide: Tensor, reduced: Tensor, depth_lr: Tensor) -> _Encoded:
        guide_codes = self.guide_encoder(self._normalised(guide))
        cell_codes = torch.cat(
            (self.depth_encoder(_channels_last(depth_lr)), self.guide_encoder(self._normalised(reduced))), dim=1
        )
        margin = F.pad(cell_codes, (1, 1, 1, 1), mode="replicate" if self.border == "replicate" else "constant")
        by_cell = margin.permute(0, 2, 3, 1)
        layers = [function.first_layer() for function in self.functions]  # type: ignore[operator]
        return _Encoded(guide_codes.permute(0, 2, 3, 1), layers, [layer.at_cell(by_cell) for layer in layers])

    def _normalised(self, guide: Tensor) -> Tensor:
        with float32_on(guide.device):
            ordered = guide if self.guide_statistics == "rgb" else guide[:, [2, 1, 0]]
            return _channels_last(self.normalise(ordered))

    def _quadrant(self, encoded: _Encoded, down: int, right: int) -> list[Tensor]:
        """First layer of the pairs of every cell's centre with the four neighbours of one quadrant of the cell.

        Returns:
            For each pair function, (4, B, h, w, 1, hidden), without the query's share.
        """
        height, width = encoded.size
        device = encoded.guide.device
        rows = AxisPositions.of_cells(height, down - 1, device).column()
        columns = AxisPositions.of_cells(width, right - 1, device)
        quadrant = []
        for layer, cells in zip(encoded.layers, encoded.cells, strict=True):
            near = []
            for r, c in STEPS:
                relative = layer.at_position(relative_position(rows, columns, r, c, self.border))
                shifted = cells[:, down + r : down + r + height, right + c : right + c + width]
                near.append(shifted + relative.to(cells.dtype))
            quadrant.append(torch.stack(near).unsqueeze(4))
        return quadrant

    def _phase(
        self, guide: Tensor, layers: list[FirstLayer], near: list[Tensor], row_phase: int, column_phases: range
    ) -> Tensor:
        """Interpolates the pixels of one row phase and some column phases, all in the same quadrant of their cells.

        Args:
            guide: the guide's codes at these pixels, (B, h, w, len(column_phases), width).
            layers: see `_Encoded`.
            near: the quadrant's neighbours, see `_quadrant`.
            row_phase: row within the cell.
            column_phases: columns within the cell.

        Returns:
            (B, h, w, len(column_phases)), float32.
        """
        # from the centre of the cell that the pixels lie in, in cells
        columns = torch.arange(column_phases.start, column_phases.stop, device=guide.device, dtype=torch.float32)
        columns = (columns + 0.5) / self.scale - 0.5
        position = torch.stack([torch.full_like(columns, phase_offset(row_phase, self.scale)), columns], dim=-1)
        pairs = []
        for function, layer, neighbours in zip(self.functions, layers, near, strict=True):
            at_query = layer.at_query(guide)
            at_query = at_query + layer.at_position(2 * position).to(at_query.dtype)
            pairs.append(function(at_query + neighbours))
        shares = bilinear_shares(position - torch.floor(position))
        return self._interpolate(torch.cat(pairs, dim=-1).movedim(0, -2), guide, shares)

    def _at_pixels(self, encoded: _Encoded, pixels: Tensor) -> Tensor:
        """Interpolates whole guide pixels, flat indices (B, N) -> (B, N)."""
        _, height, width, _ = encoded.guide.shape
        cells_high, cells_wide = encoded.size
        rows = AxisPositions.of_pixels(torch.div(pixels, width, rounding_mode="floor"), height, cells_high)
        columns = AxisPositions.of_pixels(pixels % width, width, cells_wide)
        return self._at(encoded, rows, columns, pixels)

    def _at(self, encoded: _Encoded, rows: AxisPositions, columns: AxisPositions, pixels: Tensor) -> Tensor:
        """Interpolates positions, (B, N) each, with the guide's codes of `pixels`, flat indices (B, N)."""
        batch, wide = pixels.shape[0], encoded.size[1] + 2
        image = torch.arange(batch, device=pixels.device).unsqueeze(1)
        height, width = encoded.guide.shape[1:3]
        guide = _take(encoded.guide, pixels + image * (height * width))
        cell = torch.stack([(rows.neighbour(r) + 1) * wide + columns.neighbour(c) + 1 for r, c in STEPS], dim=-1)
        cell = cell + (image * ((encoded.size[0] + 2) * wide)).unsqueeze(-1)
        relative = torch.stack([relative_position(rows, columns, r, c, self.border) for r, c in STEPS], dim=-2)
        pairs = []
        for function, layer, cells in zip(self.functions, encoded.layers, encoded.cells, strict=True):
            queries = guide.flatten(0, 1), cells.flatten(0, 2), cell.flatten(0, 1), relative.flatten(0, 1)
            pairs.append(gathered_pairs(function, layer, *queries).unflatten(0, pixels.shape))  # type: ignore[arg-type]
        fractions = torch.stack([rows.position - rows.first, columns.position - columns.first], dim=-1)
        return self._interpolate(torch.cat(pairs, dim=-1), guide, bilinear_shares(fractions))

    def _interpolate(self, pairs: Tensor, guide: Tensor, shares: Tensor) -> Tensor:
        """Weighs the neighbours' values.

        Args:
            pairs: what the pair functions gave, (..., 4, 1 or 2): value and, if learned on pairs, logit.
            guide: codes of the queries, (..., width).
            shares: bilinear weights, (..., 4).
        """
        head = None if self.weight_head is None else self.weight_head(guide)
        with float32_on(guide.device):
            pairs = pairs.float()
            if self.weights == "bilinear":
                weights = shares
            else:
                weights = torch.softmax(pairs[..., 1] if head is None else head.float(), dim=-1)
            return (weights * pairs[..., 0]).sum(dim=-1)

    def _add_start(self, values: Tensor, start: Tensor, pixels: Tensor) -> Tensor:
        return values + start.float().flatten(1).gather(1, pixels) if self.residual else values

    def _check_any_size(self, guide: Tensor, depth_lr: Tensor) -> None:
        if guide.dim() != 4 or guide.shape[1] != 3:
            raise ValueError(f"guide: expected (B, 3, H, W), found {tuple(guide.shape)}")
        batch, _, height, width = guide.shape
        fits = depth_lr.dim() == 4 and depth_lr.shape[:2] == (batch, 1)
        if not fits or not (0 < depth_lr.shape[2] <= height and 0 < depth_lr.shape[3] <= width):
            raise ValueError(
                f"depth_lr: expected ({batch}, 1, h, w) with h <= {height} and w <= {width}, the guide's size, "
                f"found {tuple(depth_lr.shape)}"
            )
        stride = self.guide_encoder.stride
        if any(side % stride for side in (*guide.shape[-2:], *depth_lr.shape[-2:])):
            raise ValueError(
                f"guide and depth_lr: height and width must be multiples of {stride} for this network, found "
                f"{tuple(guide.shape)} and {tuple(depth_lr.shape)}; pad them"
            )


def _pair_functions(weights: WeightKind, width: int, hidden: Sequence[int]) -> nn.ModuleList:
    if weights == "separate":
        value = PairFunction(("latent", "neighbour", "position"), width, hidden, 1)
        return nn.ModuleList([value, PairFunction(("neighbour", "difference"), width, hidden, 1)])
    inputs: tuple[PairInput, ...] = ("latent", "query", "difference", "position")
    return nn.ModuleList([PairFunction(inputs, width, hidden, 2 if weights == "joint" else 1)])


def _take(rows: Tensor, index: Tensor) -> Tensor:
    """Rows of (..., C), counted over all leading axes, at an index of any shape -> (*index, C)."""
    return rows.flatten(0, -2).index_select(0, index.flatten()).reshape(*index.shape, rows.shape[-1])


def _containing_pixel(coordinate: Tensor, size: int) -> Tensor:
    return torch.floor((coordinate.float() + 1) * (size / 2)).long().clamp(0, size - 1)


def _channels_last(image: Tensor) -> Tensor:
    return image.contiguous(memory_format=torch.channels_last)


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name}: expected one of {known}, found {value!r}")
