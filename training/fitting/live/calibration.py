"""Whether a live network's expected error is honest, and weights with an honest one.

The expected error b is the scale of a Laplace distribution, so an error stays below a unit u (a centimetre or a per
cent of the depth, the larger) with probability p = 1 - exp(-u / b). It is honest where, of all pixels with a stated p,
a share p stays below. A network states b as usual error times exp(e); corrected it is exp(constant + slope e), monotone
in e, with two numbers fitted as in Platt's scaling: John Platt, "Probabilistic outputs for support vector machines",
1999.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from depth_sr_ros.models import LiveNetwork
from depth_sr_ros.models.live.network import NOISE_M, NOISE_SHARE
from training.datasets.live.dev import DevCrop

TOLERANCE = 0.03
"""How far the share may lie from the stated probability."""

_BINS = 10
_LARGEST_CONSTANT, _SLOPES = 2.0, (0.2, 2.0)  # of a correction that is believed

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Stated:
    """What was stated of pixels, and what was so; each (N,).

    Attributes:
        expected: expected error, in units.
        error: the error that there is, in units.
        usual: expected error of a network whose error head says nothing, in units.
        weight: how much a pixel counts; every crop counts alike.
    """

    expected: Values
    error: Values
    usual: Values
    weight: Values


@dataclass(frozen=True)
class Bin:
    """Pixels whose stated probabilities are alike.

    Attributes:
        pixels: their share of all.
        stated: mean probability of an error below a unit.
        found: share of the pixels whose error is.
    """

    pixels: float
    stated: float
    found: float


def stated_of(network: LiveNetwork, crops: Sequence[DevCrop]) -> list[Stated]:
    """What a network states of each crop's pixels with known truth.

    Args:
        network: in evaluation mode.
        crops: each with some truth.

    Raises:
        ValueError: no crops.
    """
    if not crops:
        raise ValueError("calibration: expected at least one crop, found none; give --data with a dev split")
    silent = copy.deepcopy(network)
    silent.correct_error(0.0, 0.0)
    return list(_stated(network, silent, crops))


@torch.no_grad()
def _stated(network: LiveNetwork, silent: LiveNetwork, crops: Sequence[DevCrop]) -> Iterator[Stated]:
    for one in crops:
        tensors = one.crop.tensors()
        inputs = [tensors[name][None] for name in ("guide", "start", "near", "far", "quality")]
        outputs, usual = network(*inputs), silent(*inputs).error[0, 0].double().numpy()
        depth, expected = (image[0, 0].double().numpy() for image in (outputs.depth, outputs.error))
        truth = one.crop.truth.astype(np.float64)
        known = np.isfinite(truth)
        unit = np.maximum(NOISE_M, NOISE_SHARE * depth[known])  # of the depth that is stated, as a user has it
        error = np.abs(depth - truth)[known] / unit
        yield Stated(expected[known] / unit, error, usual[known] / unit, np.full(error.shape, 1 / max(1, error.size)))


def together(parts: Sequence[Stated]) -> Stated:
    """All pixels of several crops."""
    names = ("expected", "error", "usual", "weight")
    return Stated(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def overall(stated: Stated) -> Bin:
    """All pixels as one bin."""
    return _bin(stated, np.ones(stated.error.shape, bool))


def bins(stated: Stated) -> list[Bin]:
    """Ten bins of equal width in the stated probability; empty ones are left out."""
    place = np.minimum((_BINS * _probability(stated)).astype(int), _BINS - 1)
    return [_bin(stated, place == number) for number in np.unique(place)]


def miss(stated: Stated) -> float:
    """Mean distance of the bins' shares from their stated probabilities, weighted by their pixels."""
    return float(sum(one.pixels * abs(one.found - one.stated) for one in bins(stated)))


def fit_correction(stated: Stated) -> tuple[float, float]:
    """Constant and slope for `LiveNetwork.correct_error` that make errors below a unit as likely as is stated.

    What is least is the cross entropy of "below a unit" under the stated probability, over all pixels.

    Raises:
        ValueError: what comes out is no small correction: the network's statement is of no use.
    """
    below, weight = (torch.from_numpy(values) for values in (stated.error < 1, stated.weight / stated.weight.sum()))
    usual, said = (torch.from_numpy(np.log(values)) for values in (stated.usual, stated.expected / stated.usual))
    line = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=50, line_search_fn="strong_wolfe")

    def surprise() -> torch.Tensor:
        optimiser.zero_grad()
        units = torch.exp(-usual - line[0] - line[1] * said).clamp(1e-6, 1e3)  # in an expected error
        loss: torch.Tensor = -(weight * torch.where(below, torch.log(-torch.expm1(-units)), -units)).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(surprise)  # type: ignore[no-untyped-call]
    constant, slope = line.tolist()
    if abs(constant) > _LARGEST_CONSTANT or not _SLOPES[0] <= slope <= _SLOPES[1]:
        raise ValueError(
            f"correction: expected a constant within {_LARGEST_CONSTANT} and a slope of {_SLOPES[0]} to {_SLOPES[1]}, "
            f"found {constant:.2f} and {slope:.2f}; train the network longer"
        )
    return constant, slope


def halves(crops: Sequence[DevCrop]) -> tuple[list[int], list[int]]:
    """Numbers of the crops of every second scene, and of the others: no scene is in both."""
    scenes = sorted({one.scene for one in crops})
    first = [number for number, one in enumerate(crops) if scenes.index(one.scene) % 2 == 0]
    return first, [number for number in range(len(crops)) if number not in first]


def table(stated: Stated) -> str:
    """Lines to print: bins, then all pixels."""
    lines = ["| stated | found | pixels | within 0.03 |", "|---|---|---|---|"]
    for one in bins(stated):
        lines.append(_line(f"{one.stated:.3f}", one))
    return "\n".join([*lines, _line(f"all: {overall(stated).stated:.3f}", overall(stated))])


def _line(name: str, one: Bin) -> str:
    within = "yes" if abs(one.found - one.stated) <= TOLERANCE else "no"
    return f"| {name} | {one.found:.3f} | {one.pixels:.1%} | {within} |"


def _bin(stated: Stated, here: NDArray[np.bool_]) -> Bin:
    weight = stated.weight[here]
    shares = (weight * values[here] for values in (_probability(stated), stated.error < 1))
    found = [float(share.sum() / weight.sum()) for share in shares]
    return Bin(float(weight.sum() / stated.weight.sum()), *found)


def _probability(stated: Stated) -> Values:
    probability: Values = 1 - np.exp(-1 / stated.expected)
    return probability
