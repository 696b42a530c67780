"""Pictures of a report: held frames before and after, and images of the base set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.picture import Panel, Scale, compose, false_colours
from depth_sr_ros.models import GuidedUpsampler
from depth_sr_ros.models.export.frame_graph import FrameGraph
from training.datasets.pairs import Pair, PairEntry, load_pair
from training.evaluation.pictures import comparison_picture
from training.evaluation.protocols import protocol
from training.retraining.held_scores import Bicubic, Depth, answer
from training.retraining.split import recording_of

_WIDTH = 360
_ERRORS_SHOWN = 97  # percentile of the old weights' errors that the error scale ends at


@dataclass(frozen=True)
class Networks:
    """The network with its old and with its new weights."""

    before: GuidedUpsampler
    after: GuidedUpsampler


@dataclass(frozen=True)
class Picture:
    """A picture with what it shows, (H, W, 3) uint8 BGR."""

    title: str
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class _Frame:
    title: str
    pair: Pair
    low: Depth
    target: Depth
    results: dict[str, Depth]

    def error(self, name: str) -> Depth:
        """Absolute error in millimetres, NaN where either is not valid."""
        return np.asarray(1e3 * np.abs(self.results[name] - self.target), np.float32)


def held_pictures(networks: Networks, entries: Sequence[PairEntry]) -> list[Picture]:
    """One picture per held frame: colour, input, results and target above, errors below, all errors on one scale."""
    graphs = {
        "bicubic": FrameGraph(Bicubic(networks.before.scale)).eval(),
        "before": FrameGraph(networks.before).eval(),
        "after": FrameGraph(networks.after).eval(),
    }
    frames = [_frame(graphs, entry) for entry in entries]
    errors = np.concatenate([frame.error("before")[np.isfinite(frame.error("before"))] for frame in frames])
    high = float(np.percentile(errors, _ERRORS_SHOWN)) if errors.size else 1.0
    scale = Scale(0.0, max(high, 1.0), "mm", "error")
    return [Picture(frame.title, _drawn(frame, scale)) for frame in frames]


def _frame(graphs: dict[str, FrameGraph], entry: PairEntry) -> _Frame:
    pair = load_pair(entry)
    answers = {name: answer(graph, pair) for name, graph in graphs.items()}
    target = np.where(pair.valid, pair.target, np.nan).astype(np.float32)
    title = f"{recording_of(entry)}, frame {entry.view}"
    return _Frame(title, pair, answers["after"][0], target, {name: result for name, (_, result) in answers.items()})


def _drawn(frame: _Frame, error: Scale) -> NDArray[np.uint8]:
    height, width = frame.target.shape
    depth = Scale.of_depth(frame.target)
    cells = np.ceil(np.asarray((height, width)) / np.asarray(frame.low.shape)).astype(int)
    low = frame.low.repeat(cells[0], axis=0).repeat(cells[1], axis=1)[:height, :width]
    colour = np.ascontiguousarray(frame.pair.rgb[..., ::-1])
    size = f"{frame.low.shape[1]}x{frame.low.shape[0]}"
    above = [
        Panel(shown(colour), f"colour {width}x{height}"),
        Panel(shown(false_colours(low, depth)), f"input {size}"),
        *(Panel(shown(false_colours(frame.results[name], depth)), name) for name in ("before", "after")),
        Panel(shown(false_colours(frame.target, depth)), "target: the sensor's own", depth),
    ]
    below = [Panel(shown(np.full_like(colour, 24)), "")] * 1
    for name in ("bicubic", "before", "after"):
        values = frame.error(name)
        known = values[np.isfinite(values)]
        rmse = float(np.sqrt((known.astype(np.float64) ** 2).mean())) if known.size else float("nan")
        below.append(Panel(shown(false_colours(values, error)), f"error of {name}, RMSE {rmse:.1f} mm"))
    change = _better(frame)
    below.append(Panel(shown(change), "green better, red worse", error))
    return compose([*above, *below], columns=5, title=frame.title)


def _better(frame: _Frame) -> NDArray[np.uint8]:
    """Where errors fell (green) or grew (red) by more than a tenth and a millimetre; black elsewhere."""
    before, after = frame.error("before"), frame.error("after")
    image = np.zeros((*before.shape, 3), np.uint8)
    with np.errstate(invalid="ignore"):
        image[(before - after > 1) & (after < 0.9 * before)] = (90, 190, 60)
        image[(after - before > 1) & (before < 0.9 * after)] = (60, 60, 220)
    return image


def shown(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A panel's image, (H, W, 3), brought to the width that all have."""
    height = max(1, round(image.shape[0] * _WIDTH / image.shape[1]))
    method = cv2.INTER_AREA if image.shape[1] > _WIDTH else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, (_WIDTH, height), interpolation=method), np.uint8)


def base_pictures(networks: Networks, pairs: Sequence[Pair], name: str) -> list[Picture]:
    """One picture per image of the base set under a protocol."""
    pictures = []
    for pair in pairs:
        case = protocol(name).pose(pair, networks.before.scale)
        outputs = {"before": case.answer(networks.before), "after": case.answer(networks.after)}
        image = comparison_picture(pair, name, case, outputs)
        width = 1600
        height = round(image.shape[0] * width / image.shape[1])
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) if image.shape[1] > width else image
        pictures.append(Picture(f"{pair.entry.dataset} {pair.entry.name}, {name}", np.asarray(small, np.uint8)))
    return pictures
