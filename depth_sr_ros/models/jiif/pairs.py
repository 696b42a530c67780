"""Pairs of a query position and a neighbouring depth cell: where they lie, and the function evaluated on them.

Positions are in cells: the centre of cell i of the low-resolution depth lies at i, so the middle of guide row r lies at
(r + 0.5) h / H - 0.5. The neighbours of a position u are, along each axis, floor(u) and floor(u) + 1; a position at the
very centre of a cell takes that cell and the next. (Rounding u - 1/2 and u + 1/2 to even, as a nearest look-up in
normalised coordinates does, would give such a position one cell twice, or leave its own cell out, by parity. Even
integer factors never meet that case.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import float32_on

Border = Literal["replicate", "zeros"]
PairInput = Literal["latent", "query", "neighbour", "difference", "position"]

# the four neighbours of a position, as steps along rows and columns
STEPS = ((0, 0), (0, 1), (1, 0), (1, 1))

# parts in which a whole image is evaluated
_PARTS = 32
# a position this close below a cell's centre, in cells, counts as on it
_TIE = 1e-5


@dataclass(frozen=True)
class AxisPositions:
    """Positions along one axis with their two neighbours.

    Attributes:
        position: in cells.
        first: index of the first neighbour, -1 to count - 1; the second is one more, at most count.
        count: cells along the axis.
    """

    position: Tensor
    first: Tensor
    count: int

    @classmethod
    def of_pixels(cls, pixels: Tensor, size: int, count: int) -> AxisPositions:
        """Positions of whole guide pixels, integer indices below `size`; neighbours are found in integers."""
        numerator = (2 * pixels + 1) * count - size
        first = torch.div(numerator, 2 * size, rounding_mode="floor")
        return cls(numerator.float() / (2 * size), first, count)

    @classmethod
    def of_cells(cls, count: int, first: int, device: torch.device) -> AxisPositions:
        """The centres of all cells, with neighbours `first` and `first` + 1 cells away."""
        cell = torch.arange(count, device=device)
        return cls(cell.float(), cell + first, count)

    @classmethod
    def of_coordinates(cls, coordinates: Tensor, count: int) -> AxisPositions:
        """Positions from coordinates in which the image spans [-1, 1]."""
        position = ((coordinates.float() + 1) * count - 1) / 2
        return cls(position, torch.floor(position + _TIE).long().clamp(-1, count - 1), count)

    def neighbour(self, step: int) -> Tensor:
        """Index of the first (step 0) or second (step 1) neighbour; -1 and `count` lie outside."""
        return self.first + step

    def column(self) -> AxisPositions:
        """The same as a column, (n,) -> (n, 1), to meet another axis by broadcasting."""
        return AxisPositions(self.position.unsqueeze(1), self.first.unsqueeze(1), self.count)


def relative_position(
    rows: AxisPositions, columns: AxisPositions, row_step: int, column_step: int, border: Border
) -> Tensor:
    """Distance from a neighbour's centre, (..., 2), in half cells, so up to 2 for a neighbour inside the map.

    Outside, `replicate` measures from the nearest edge cell, `zeros` from the middle of the image (coordinate 0 on both
    axes, even if only one of them is outside).
    """
    axes = ((rows, rows.neighbour(row_step)), (columns, columns.neighbour(column_step)))
    if border == "replicate":
        parts = [2 * (axis.position - cell.clamp(0, axis.count - 1)) for axis, cell in axes]
    else:
        (inside_row, inside_column) = ((cell >= 0) & (cell < axis.count) for axis, cell in axes)
        inside = inside_row & inside_column
        parts = [2 * axis.position - torch.where(inside, 2 * cell, axis.count - 1) for axis, cell in axes]
    return torch.stack(torch.broadcast_tensors(*parts), dim=-1)


def phase_halves(scale: int) -> tuple[range, range]:
    """Sub-pixel phases of a cell before and from its centre, where the neighbours change."""
    return range(scale // 2), range(scale // 2, scale)


def phase_runs(phases: range, scale: int) -> list[range]:
    """Cuts column phases of one row phase so short that a run is no more than about a thirty-second of an image."""
    longest = max(1, scale**2 // _PARTS)
    return [range(first, min(first + longest, phases.stop)) for first in range(phases.start, phases.stop, longest)]


def phase_offset(phase: int, scale: int) -> float:
    """Position of a sub-pixel phase, 0 to scale - 1, from the centre of its cell, in cells."""
    return (2 * phase + 1 - scale) / (2 * scale)


def bilinear_shares(fractions: Tensor) -> Tensor:
    """Fractions of the way to the second neighbour, (..., 2), row and column -> bilinear weights, (..., 4)."""
    row, column = fractions.unbind(-1)
    return torch.stack([(row if r else 1 - row) * (column if c else 1 - column) for r, c in STEPS], dim=-1)


class PairFunction(nn.Module):
    """Multilayer perceptron on pairs, whose first layer is evaluated per query and per cell instead of per pair.

    A pair's input is a concatenation of some of: `latent` (depth feature of the cell), `query` (guide feature at the
    query), `neighbour` (guide feature of the cell), `difference` (query minus neighbour) and `position` (relative row
    and column). The first layer is linear in these, so its weight on the query, on the cell and on the position can be
    applied where each is known, and the three are added; that saves a third of the network's arithmetic, exactly.

    Args:
        inputs: what a pair's input consists of, in this order.
        width: channels of every feature.
        hidden: widths of the hidden layers, at least one.
        outputs: channels of the result.
    """

    def __init__(self, inputs: Sequence[PairInput], width: int, hidden: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.inputs = tuple(inputs)
        self.width = width
        self.sizes = [2 if name == "position" else width for name in self.inputs]
        widths = [sum(self.sizes), *hidden, outputs]
        self.layers = nn.ModuleList(nn.Linear(ins, outs) for ins, outs in pairwise(widths))

    def first_layer(self) -> FirstLayer:
        """The first layer, split by what it acts on."""
        first: nn.Linear = self.layers[0]  # type: ignore[assignment]
        parts = dict(zip(self.inputs, first.weight.split(self.sizes, dim=1), strict=True))
        none = first.weight.new_zeros(first.out_features, self.width)
        difference = parts.get("difference", none)
        cell = torch.cat((parts.get("latent", none), parts.get("neighbour", none) - difference), dim=1)
        position = parts.get("position", none[:, :2])
        return FirstLayer(parts.get("query", none) + difference, cell, position, first.bias)

    def forward(self, first: Tensor) -> Tensor:
        """(..., hidden[0]), the first layer's sum, which is overwritten -> (..., outputs)."""
        rows = first.flatten(0, -2)
        for layer in list(self.layers)[1:]:
            rows = layer(F.relu(rows, inplace=True))
        return rows.reshape(*first.shape[:-1], rows.shape[-1])


@dataclass(frozen=True)
class FirstLayer:
    """A first layer split by what it acts on; weights are (hidden, inputs).

    Attributes:
        query: weight on the guide feature at the query.
        cell: weight on the cell's depth feature followed by its guide feature.
        position: weight on the relative row and column.
        bias: bias, (hidden,).
    """

    query: Tensor
    cell: Tensor
    position: Tensor
    bias: Tensor

    def at_query(self, guide_feature: Tensor) -> Tensor:
        """(..., width) -> (..., hidden), bias included."""
        return _linear(guide_feature, self.query, self.bias)

    def at_cell(self, features: Tensor) -> Tensor:
        """(..., 2 width) -> (..., hidden)."""
        return _linear(features, self.cell)

    def at_position(self, relative: Tensor) -> Tensor:
        """Relative row and column, (..., 2) -> (..., hidden), in float32."""
        with float32_on(relative.device):
            return F.linear(relative.float(), self.position.float())


def _linear(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Linear layer on the last axis, as one matrix product; strided features would become a batch of small ones."""
    rows = F.linear(features.reshape(-1, features.shape[-1]), weight, bias)
    return rows.reshape(*features.shape[:-1], weight.shape[0])
