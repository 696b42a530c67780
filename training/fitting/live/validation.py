"""Validation of a live network: errors in millimetres beside those of the start image and of the live filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from depth_sr_ros.models import LiveNetwork
from training.datasets.live.dev import DevCrop
from training.evaluation.camera_scores import Scores, scores

METHODS = ("start", "filter", "network")
"""What is compared."""

_MEASURES = ("mae", "edges", "elsewhere", "flying")


@dataclass(frozen=True)
class LiveScores:
    """Means over the crops of one camera.

    Attributes:
        camera: its name.
        measures: by method, then by `mae`, `edges`, `elsewhere` (mm) and `flying` (share).
        honest: share of the pixels whose error is below the expected one; 0.63 for a Laplace distribution.
    """

    camera: str
    measures: Mapping[str, Mapping[str, float]]
    honest: float


class LiveEvaluation:
    """Evaluates on the same crops every time; the start image and the filter are scored once.

    Args:
        crops: what to evaluate on.

    Raises:
        ValueError: no crops.
    """

    def __init__(self, crops: Sequence[DevCrop]) -> None:
        if not crops:
            raise ValueError("live evaluation: expected at least one crop, found none")
        self._crops = list(crops)
        self._known = [
            {"start": scores(c.registered.start, c.truth), "filter": scores(c.smooth, c.truth)}
            for c in (one.crop for one in self._crops)
        ]

    def __deepcopy__(self, memo: object) -> LiveEvaluation:
        """Itself: a copy of the module, as for the running average of its weights, shares the crops."""
        return self

    @torch.no_grad()
    def __call__(self, network: LiveNetwork, device: torch.device | str = "cpu") -> list[LiveScores]:
        """Scores a network, camera by camera in the order of the crops."""
        by_camera: dict[str, list[tuple[Mapping[str, Scores], float]]] = {}
        for one, known in zip(self._crops, self._known, strict=True):
            batch = {name: value[None].to(device) for name, value in one.crop.tensors().items()}
            outputs = network(*(batch[name] for name in ("guide", "start", "near", "far", "quality")))
            depth, expected = (image[0, 0].float().cpu().numpy() for image in (outputs.depth, outputs.error))
            own = scores(depth, one.crop.truth)
            below = np.abs(depth - one.crop.truth)[np.isfinite(one.crop.truth)] < expected[np.isfinite(one.crop.truth)]
            by_camera.setdefault(one.camera, []).append(({**known, "network": own}, float(below.mean())))
        return [_mean(camera, found) for camera, found in by_camera.items()]


def ratio_to_filter(found: Sequence[LiveScores]) -> float:
    """What a run is judged by: mean over cameras of the network's error over the filter's, overall and at edges."""
    ratios = [
        one.measures["network"][name] / one.measures["filter"][name] for one in found for name in ("mae", "edges")
    ]
    return float(np.mean(ratios))


def table(found: Sequence[LiveScores]) -> str:
    """Lines to print: by camera, error in mm overall / at edges / elsewhere and flying pixels."""
    lines = ["| camera | " + " | ".join(METHODS) + " | below expected |", "|---" * (len(METHODS) + 2) + "|"]
    for one in found:
        cells = [_cell(one.measures[method]) for method in METHODS]
        lines.append(f"| {one.camera} | " + " | ".join(cells) + f" | {one.honest:.2f} |")
    return "\n".join(lines)


def _cell(measures: Mapping[str, float]) -> str:
    mae, edges, elsewhere, flying = (measures[name] for name in _MEASURES)
    return f"{mae:.1f} / {edges:.0f} / {elsewhere:.1f}, {flying:.1%}"


def _mean(camera: str, found: Sequence[tuple[Mapping[str, Scores], float]]) -> LiveScores:
    measures = {
        method: {name: _known_mean([getattr(of[method], name) for of, _ in found]) for name in _MEASURES}
        for method in METHODS
    }
    return LiveScores(camera, measures, float(np.mean([honest for _, honest in found])))


def _known_mean(values: Sequence[float]) -> float:
    """Of the crops that have such pixels; NaN where none has."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
