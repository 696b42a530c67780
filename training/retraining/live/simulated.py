"""Simulated crops beside the recorded ones: edges and hidden surfaces with an exact truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.datasets.live.crops import LiveCropsByNumber, LiveOptions
from training.datasets.live.dev import DevCrop
from training.datasets.live.opening import open_scenes
from training.datasets.live.recorded import FrameEntry, read_frame, spread_frames
from training.datasets.live.recorded_view import RecordedView
from training.datasets.live.scenes import ProceduralPieces, SceneSource
from training.datasets.procedural import ProceduralScenes
from training.datasets.scenes.photographs import Photographs
from training.degradation.two_cameras.ranges import CameraRanges, GeometryRanges

OWN, ANY = "simulated, this camera", "simulated, any camera"
"""What simulated crops are called: before the recording's camera, and before all those that training draws."""

_SEED = 900_001  # of the crops to judge by; no recipe's seed is as large
_SIDE = 224
_PHOTOGRAPHS = 24  # frames that made scenes take textures from
_NEAR = 0.1  # share by which ratio and baseline differ from the recording's
_STEEP = 2.0  # degrees between the cameras' directions from which they are drawn so


def ranges_like(view: RecordedView) -> CameraRanges:
    """Cameras that stand as a recording's do, with the faults of all kinds of sensors."""
    known = GeometryRanges()
    ratio = (view.ratio * (1 - _NEAR / 2), view.ratio * (1 + _NEAR / 2))
    if view.registered and view.ratio < 1 + _NEAR:
        # a driver's doing: where the depth camera stood it does not say
        geometry = replace(known, ratio=(1.0, known.aligned_ratio), registered=0.0, aligned=1.0)
    elif view.registered:
        geometry = replace(known, ratio=ratio, one_to_one=0.0, registered=1.0, aligned=0.0)
    else:
        apart = ((1 - _NEAR) * view.baseline, (1 + _NEAR) * view.baseline)
        steep, tilt = (1.0, view.turn) if view.turn > _STEEP else (0.0, known.steep_tilt)
        geometry = replace(
            known, ratio=ratio, one_to_one=0.0, registered=0.0, aligned=0.0, baseline=apart, steep=steep,
            steep_tilt=tilt,
        )  # fmt: skip
    return replace(CameraRanges(), geometry=geometry)


def training_crops(
    view: RecordedView | None, frames: Sequence[FrameEntry], data: Path | None, options: LiveOptions, seed: int
) -> LiveCropsByNumber:
    """Crops to train on.

    Args:
        view: the recording's cameras; None draws all kinds.
        frames: whose colour made scenes take textures from.
        data: folder with a manifest, whose photographs and rendered frames are used as well; None has made scenes only.
        options: size and margin.
        seed: fixes all crops.
    """
    chosen = options if view is None else replace(options, ranges=ranges_like(view))
    return LiveCropsByNumber(_scenes(frames, data, options.side, seed), chosen, seed)


def _scenes(frames: Sequence[FrameEntry], data: Path | None, side: int, seed: int) -> SceneSource:
    if data is not None:
        return open_scenes(data, side, seed)
    images = [read_frame(entry.path).rgb for entry in spread_frames(frames, _PHOTOGRAPHS)]
    return ProceduralPieces(ProceduralScenes(side, side, seed, "depth", Photographs(images)))


def distinct_views(frames: Sequence[FrameEntry]) -> list[RecordedView]:
    """The cameras of recordings, each once."""
    return list({frame.view.words: frame.view for frame in frames}.values())


def own_crops(frames: Sequence[FrameEntry], count: int) -> list[DevCrop]:
    """`judged_crops` before the cameras of the recordings, `count` for all of them together, one for each at least."""
    views = distinct_views(frames)
    made = [one for view in views for one in judged_crops(view, max(1, count // len(views)))]
    return [replace(one, camera=f"{OWN} {number}") for number, one in enumerate(made)]


def judged_crops(view: RecordedView | None, count: int) -> list[DevCrop]:
    """Made scenes to judge by, the same every time: nothing of the recordings is in them.

    Args:
        view: as of `training_crops`.
        count: how many.
    """
    options = LiveOptions(_SIDE)
    if view is not None:
        options = replace(options, ranges=ranges_like(view))
    pieces = ProceduralPieces(ProceduralScenes(options.side, options.side, _SEED, "depth"))
    crops, name = LiveCropsByNumber(pieces, options, _SEED), ANY if view is None else OWN
    found = [crops.crop(number, np.random.default_rng([_SEED, number])) for number in range(count)]
    # each counts by itself, so that far scenes, whose errors are large, do not decide alone
    return [
        DevCrop(f"{name} {one.number}", str(one.number), one, np.round(255 * one.guide).astype(np.uint8))
        for one in found
    ]
