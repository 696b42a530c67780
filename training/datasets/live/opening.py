"""The scenes that live networks train on: a data folder's train split, rendered frames, and procedural ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from training.datasets.live.photographed import DepthImage, ImagePieces, depth_image
from training.datasets.live.scenes import MixedScenes, ProceduralPieces, SceneSource
from training.datasets.pairs import PairEntry, load_pair, read_manifest
from training.datasets.procedural import ProceduralScenes
from training.datasets.scenes.photographs import Photographs

SHARES = {"photographs": 0.5, "rendered": 0.15, "procedural": 0.35}
"""Of the crops."""

_SMALLEST = 320  # pixels: images with a shorter side are left out
_ICL_FOCAL = 481.2  # pixels, of its 640x480 frames
_ICL_STEP, _ICL_APART = 3, 12  # every third frame, none so near to a frame that benchmarks use
_ICL_KEPT = (0, 75)  # frames of `bench.cameras.scenes`
_EXACT = 2.0  # weight of an image whose depth is not rounded to levels


def open_scenes(data: Path, side: int, seed: int = 0, shares: Mapping[str, float] | None = None) -> SceneSource:
    """All scenes of a data folder, and procedural ones textured with its photographs.

    Args:
        data: folder with a manifest; its splits `train` and `synthetic` are used.
        side: of the pieces that will be asked for, pixels.
        seed: fixes procedural scenes.
        shares: of the crops, by the names in `SHARES`; one of 0 is not opened.

    Raises:
        FileNotFoundError: no manifest there.
        ValueError: unknown names, or nothing to draw from.
    """
    shares = dict(SHARES if shares is None else shares)
    if set(shares) - set(SHARES) or not sum(shares.values()) > 0:
        raise ValueError(f"scenes: expected shares of {sorted(SHARES)}, not all 0, found {shares}")
    photographs = _images(data, "train", lambda entry: True) if max(shares.get(k, 0) for k in SHARES) > 0 else []
    makers: dict[str, Callable[[], SceneSource]] = {
        "photographs": lambda: ImagePieces([image for image, _ in photographs], [weight for _, weight in photographs]),
        "rendered": lambda: _alike([image for image, _ in _images(data, "synthetic", _trains)]),
        "procedural": lambda: ProceduralPieces(
            ProceduralScenes(side, side, seed, "depth", Photographs([image.rgb for image, _ in photographs]))
        ),
    }
    used = [(name, share) for name, share in shares.items() if share > 0]
    return MixedScenes([makers[name]() for name, _ in used], [share for _, share in used])


def _alike(images: list[DepthImage]) -> ImagePieces:
    return ImagePieces(images, [1.0] * len(images))


def _images(data: Path, split: str, wanted: Callable[[PairEntry], bool]) -> list[tuple[DepthImage, float]]:
    """Images of a split with their weights: a scene with several views counts once."""
    entries = [entry for entry in read_manifest(data, split) if wanted(entry)]
    found = []
    for entry in entries:
        pair = load_pair(entry)
        if min(pair.target.shape) < _SMALLEST:
            continue
        views = sum(other.scene == entry.scene for other in entries)
        exact = _EXACT if entry.quantum < 1 else 1.0
        found.append((depth_image(pair, _ICL_FOCAL if entry.kind == "depth" else 0.0), exact / views))
    return found


def _trains(entry: PairEntry) -> bool:
    """Frames of ICL-NUIM without noise, not all of them, none near one that is kept to judge by."""
    if "icl" not in entry.dataset or not entry.view.isdigit():
        return False
    frame = int(entry.view)
    return frame % _ICL_STEP == 0 and all(abs(frame - kept) > _ICL_APART for kept in _ICL_KEPT)
