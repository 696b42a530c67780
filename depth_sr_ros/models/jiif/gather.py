"""The pair function of JIIF at gathered pairs, with a gradient that keeps no activations.

Written as plain layers, a random subset of pixels moves far more memory than it multiplies: every pair has its own
copy of the first layer's sum and of every activation, and all wait for the backward pass. Here a few thousand pairs at
a time pass all layers while they lie in the processor's cache, and the backward pass computes them again. Values and
gradients are those of the plain layers but for the order of sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from depth_sr_ros.models.base import float32_on
from depth_sr_ros.models.jiif.pairs import FirstLayer, PairFunction

# pairs that pass the layers together: their activations should stay in a cache of about a megabyte
_PAIRS_ON_CPU, _PAIRS_ON_GPU = 2048, 1 << 18


def gathered_pairs(
    function: PairFunction, first: FirstLayer, guide: Tensor, cells: Tensor, index: Tensor, relative: Tensor
) -> Tensor:
    """A pair function at queries that each have their own neighbours.

    Args:
        function: the perceptron.
        first: its first layer, split.
        guide: the guide's codes at the queries, (Q, width).
        cells: the first layer's share of every cell, (R, hidden[0]).
        index: rows of `cells` that are a query's neighbours, (Q, N).
        relative: row and column of the query relative to each neighbour, (Q, N, 2), float32.

    Returns:
        (Q, N, outputs).
    """
    at_query = first.at_query(guide)
    rest = [parameter for layer in list(function.layers)[1:] for parameter in _parameters(layer)]
    result: Tensor = _GatheredPairs.apply(cells, index, at_query, relative, first.position, *rest)
    return result


def _parameters(layer: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(layer, nn.Linear)
    return layer.weight, layer.bias


class _GatheredPairs(torch.autograd.Function):
    """See `gathered_pairs`; arithmetic is in the type of `at_query`, sums over parts are in float32."""

    @staticmethod
    def forward(ctx: Any, cells: Tensor, index: Tensor, at_query: Tensor, relative: Tensor, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(cells, index, at_query, relative, *weights)
        with float32_on(at_query.device):
            layers = _Layers(cells, index, at_query, relative, weights)
            return torch.cat([layers.activations(chunk)[-1] for chunk in layers.chunks()]).unflatten(0, index.shape)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        cells, index, at_query, relative, *weights = ctx.saved_tensors
        with float32_on(at_query.device):
            layers = _Layers(cells, index, at_query, relative, weights)
            for_cells = torch.zeros(cells.shape, dtype=torch.float32, device=cells.device)
            for_query = torch.empty_like(at_query)
            for_relative = torch.empty_like(relative) if ctx.needs_input_grad[3] else None
            for_weights = [torch.zeros(w.shape, dtype=torch.float32, device=w.device) for w in weights]
            for chunk in layers.chunks():
                part = gradient[chunk].flatten(0, 1).to(at_query.dtype)
                activations = layers.activations(chunk)
                for number in reversed(range(len(layers.weights))):
                    hidden = activations[number]
                    for_weights[1 + 2 * number] += part.mT @ hidden
                    for_weights[2 + 2 * number] += part.sum(dim=0, dtype=torch.float32)
                    part = torch.ops.aten.threshold_backward(part @ layers.weights[number], hidden, 0)
                for_weights[0] += part.mT @ layers.relative[chunk].flatten(0, 1)
                if for_relative is not None:
                    for_relative[chunk] = (part @ weights[0].to(part.dtype)).unflatten(0, index[chunk].shape).float()
                for_cells.index_add_(0, index[chunk].flatten(), part.float())
                for_query[chunk] = part.unflatten(0, index[chunk].shape).sum(dim=1)
        return for_cells.to(cells.dtype), None, for_query, for_relative, *for_weights


class _Layers:
    """The layers in the type of the queries' share, evaluated on a run of queries."""

    def __init__(
        self, cells: Tensor, index: Tensor, at_query: Tensor, relative: Tensor, weights: Sequence[Tensor]
    ) -> None:
        kind = at_query.dtype
        self.cells, self.index, self.at_query = cells.to(kind), index, at_query
        self.relative, position = relative.to(kind), weights[0].to(kind)
        self.position = position.mT.contiguous()
        self.weights = [w.to(kind) for w in weights[1::2]]
        self.biases = [b.to(kind) for b in weights[2::2]]

    def chunks(self) -> list[slice]:
        """Runs of queries."""
        pairs = _PAIRS_ON_CPU if self.at_query.device.type == "cpu" else _PAIRS_ON_GPU
        queries, step = self.index.shape[0], max(1, pairs // self.index.shape[1])
        return [slice(begin, min(begin + step, queries)) for begin in range(0, max(queries, 1), step)]

    def activations(self, chunk: slice) -> list[Tensor]:
        """What each layer but the first sees, (queries * N, hidden), and the result last."""
        index = self.index[chunk]
        first = self.cells.index_select(0, index.flatten()).unflatten(0, index.shape)
        first += self.at_query[chunk].unsqueeze(1)
        rows = first.flatten(0, 1).addmm_(self.relative[chunk].flatten(0, 1), self.position).relu_()
        kept = [rows]
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            rows = torch.addmm(bias, rows, weight.mT)
            if number + 1 < len(self.weights):
                rows = rows.relu_()
            kept.append(rows)
        return kept
