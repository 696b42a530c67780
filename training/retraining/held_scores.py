"""Errors of a network on held frames, as the node would meet them, and on the base set by the protocols of cards.

A held frame is reduced as the node reduces aligned depth, runs through the frame graph in float32, and is compared with
the sensor's own depth where both are valid: no border is cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from depth_sr_ros.cameras.grids import colour_on_grid, depth_on_grid, frame_layout
from depth_sr_ros.models import GuidedUpsampler
from depth_sr_ros.models.export.frame_graph import FrameGraph
from training.datasets.pairs import Pair, PairEntry, load_pair
from training.evaluation.network_scores import card_entry
from training.evaluation.protocols import ImageScore, protocol
from training.retraining.split import recording_of

Depth = NDArray[np.float32]
_MM = 1e3


class Bicubic(GuidedUpsampler):
    """The start image itself: what a network has to improve on."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.options = {"scale": scale}

    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        """The start image."""
        return start


@dataclass(frozen=True)
class FrameScore:
    """One held frame: errors of a network and of bicubic in millimetres, and the share of its pixels that counted."""

    name: str
    recording: str
    rmse: float
    mae: float
    bicubic_rmse: float
    bicubic_mae: float
    counted: float


@torch.inference_mode()
def answer(graph: FrameGraph, pair: Pair) -> tuple[Depth, Depth]:
    """What the node would make of a frame: low-resolution depth (h, w) and result (H, W), metres, NaN where invalid."""
    depth = np.where(pair.valid, pair.target, np.nan).astype(np.float32)
    size = (pair.rgb.shape[0], pair.rgb.shape[1])
    network = graph.network
    scale, multiple = network.scale, network.size_multiple
    layout = frame_layout(size, (depth.shape[0], depth.shape[1]), scale, (scale,), multiple)
    low = depth_on_grid(depth, layout, size)
    rgb = torch.from_numpy(colour_on_grid(pair.rgb, layout))
    result, valid = (image[: size[0], : size[1]].numpy() for image in graph(rgb, torch.from_numpy(low)))
    return np.where(low > 0, low, np.float32(np.nan)), np.where(valid > 0, result, np.float32(np.nan))


def score_frame(graph: FrameGraph, plain: FrameGraph, pair: Pair) -> FrameScore | None:
    """Errors on one frame; None where no pixel is valid in depth and result both."""
    (_, result), (_, start) = answer(graph, pair), answer(plain, pair)
    counted = pair.valid & np.isfinite(result)
    if not counted.any():
        return None
    (rmse, mae), (plain_rmse, plain_mae) = (_errors(depth, pair.target, counted) for depth in (result, start))
    share = float(counted.mean())
    return FrameScore(pair.entry.name, recording_of(pair.entry), rmse, mae, plain_rmse, plain_mae, share)


def _errors(depth: Depth, target: Depth, counted: NDArray[np.bool_]) -> tuple[float, float]:
    difference = (depth - target)[counted].astype(np.float64)
    return _MM * math.sqrt(float((difference**2).mean())), _MM * float(np.abs(difference).mean())


def score_held(network: GuidedUpsampler, entries: Sequence[PairEntry]) -> list[FrameScore]:
    """Errors on held frames.

    Raises:
        ValueError: no frame has anything to compare.
    """
    graph, plain = FrameGraph(network).eval(), FrameGraph(Bicubic(network.scale)).eval()
    frames = tqdm(entries, desc="held frames", unit="frame", leave=False)
    scores = [score for entry in frames if (score := score_frame(graph, plain, load_pair(entry))) is not None]
    if not scores:
        raise ValueError("held frames: expected some depth to compare with, found no valid pixel in any")
    return scores


def score_base(network: GuidedUpsampler, pairs: Sequence[Pair], names: Iterable[str]) -> dict[str, list[ImageScore]]:
    """Scores on the base set by protocol."""
    return {
        name: protocol(name)(network, tqdm(pairs, desc=name, unit="image", leave=False), network.scale)
        for name in names
    }


def evaluate_both(
    network: GuidedUpsampler, held: Sequence[PairEntry], base: Sequence[Pair], protocols: Iterable[str]
) -> dict[str, Any]:
    """Both evaluations, as they are kept in a file: `held`, a list of frames, and `base`, card entries by protocol."""
    frames = [asdict(score) for score in score_held(network, held)]
    return {"held": frames, "base": {name: card_entry(s) for name, s in score_base(network, base, protocols).items()}}


def held_means(found: Mapping[str, Any], recording: str | None = None) -> dict[str, float]:
    """Mean errors over the held frames of a recording, or of all."""
    frames = [frame for frame in found["held"] if recording in (None, frame["recording"])]
    keys = ("rmse", "mae", "bicubic_rmse", "bicubic_mae", "counted")
    return {key: float(np.mean([frame[key] for frame in frames])) for key in keys}


def recordings(found: Mapping[str, Any]) -> list[str]:
    """Names of the recordings that held frames come from, in order."""
    return list(dict.fromkeys(frame["recording"] for frame in found["held"]))
