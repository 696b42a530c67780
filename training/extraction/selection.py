"""Which frames of a recording are worth training on: not blurred by motion, not nearly the one kept before.

Both measures are of the colour image and need no scale of their own: sharpness is compared with that of the
neighbours in time, and change is in widths of a thumbnail's pixel. docs/bags.md says how the defaults were chosen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from training.extraction.bag_pairs import Candidate

Verdict = Literal["kept", "blurred", "duplicate"]
Item = TypeVar("Item")

_MEASURED_WIDTH = 640
_THUMBNAIL = (40, 30)
# grey levels between neighbouring pixels of a thumbnail; below, noise would pass for motion
_LEAST_CONTRAST = 2.0
_SHARP_PERCENTILE = 80
# change up to which two frames show much the same, so that their sharpness can be compared
_SAME_VIEW = 2.5


@dataclass(frozen=True)
class SelectionOptions:
    """Which frames are kept.

    Attributes:
        least_sharpness: of a frame, relative to the sharp ones among its neighbours that show much the same (their
            80th percentile); 0 keeps blurred frames.
        least_change: since the last kept frame, in fortieths of the image's width; 0 keeps everything.
        neighbours: frames before and after that a frame's sharpness is compared with.
    """

    least_sharpness: float = 0.75
    least_change: float = 0.5
    neighbours: int = 15

    def __post_init__(self) -> None:
        if not (0 <= self.least_sharpness <= 1 and self.least_change >= 0 and self.neighbours >= 0):
            raise ValueError(
                "selection: expected least_sharpness from 0 to 1, least_change and neighbours of at least 0, found "
                f"{self.least_sharpness}, {self.least_change} and {self.neighbours}"
            )


@dataclass(frozen=True)
class Judged:
    """A frame, what became of it, and why.

    Attributes:
        candidate: the frame.
        verdict: what became of it.
        sharpness: relative to the sharp ones among its neighbours.
        change: since the last kept frame; infinite for the first.
    """

    candidate: Candidate
    verdict: Verdict
    sharpness: float
    change: float


@dataclass
class _Measured:
    sharpness: float
    thumbnail: NDArray[np.float32]


def judge(
    candidates: Iterable[Candidate], options: SelectionOptions, stored: Callable[[Judged], bool] = lambda judged: True
) -> Iterator[Judged]:
    """Says for each frame, in order, whether it is kept. Holds `neighbours` frames in memory.

    Args:
        candidates: the frames.
        options: which are kept.
        stored: asked about a frame that was to be kept, before the next is judged: whether its depth could be used,
            too. Where not, nothing after it is a duplicate of it.
    """
    kept: NDArray[np.float32] | None = None
    for candidate, measured, relative in _with_neighbours(candidates, options.neighbours):
        change = np.inf if kept is None else change_between(kept, measured.thumbnail)
        verdict: Verdict = "kept"
        if relative < options.least_sharpness:
            verdict = "blurred"
        elif change < options.least_change:
            verdict = "duplicate"
        judged = Judged(candidate, verdict, relative, float(change))
        yield judged
        if verdict == "kept" and stored(judged):
            kept = measured.thumbnail


def _with_neighbours(candidates: Iterable[Candidate], reach: int) -> Iterator[tuple[Candidate, _Measured, float]]:
    """Each frame with its measures and its sharpness relative to its neighbours'."""
    waiting: deque[tuple[Candidate, _Measured]] = deque()
    passed: deque[_Measured] = deque(maxlen=reach)

    def leave() -> tuple[Candidate, _Measured, float]:
        candidate, measured = waiting.popleft()
        relative = _relative_sharpness(measured, [*passed, *(other for _, other in waiting)])
        passed.append(measured)
        return candidate, measured, relative

    for candidate in candidates:
        grey = measured_grey(candidate.rgb)
        waiting.append((candidate, _Measured(sharpness_of(grey), thumbnail_of(grey))))
        if len(waiting) > reach:
            yield leave()
    while waiting:
        yield leave()


def _relative_sharpness(frame: _Measured, neighbours: list[_Measured]) -> float:
    """To the sharp ones among the neighbours that show much the same."""
    alike = [n.sharpness for n in neighbours if change_between(frame.thumbnail, n.thumbnail) <= _SAME_VIEW]
    sharp = float(np.percentile([frame.sharpness, *alike], _SHARP_PERCENTILE))
    return frame.sharpness / sharp if sharp > 0 else 1.0


def measured_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The grey image (h, w) that is measured, at most 640 pixels wide."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    if width > _MEASURED_WIDTH:
        size = _MEASURED_WIDTH, max(1, round(height * _MEASURED_WIDTH / width))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def sharpness_of(grey: NDArray[np.uint8]) -> float:
    """Standard deviation of the Laplacian: high where edges are crisp; depends on the scene too."""
    return float(cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))[1][0, 0])


def thumbnail_of(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """40x30 block means, in grey levels."""
    return cv2.resize(grey, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)


def change_between(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """How far the image moved, in pixels of a thumbnail: mean difference over mean difference of neighbours."""
    contrast = (np.abs(np.diff(first, axis=1)).mean() + np.abs(np.diff(second, axis=1)).mean()) / 2
    return float(np.abs(first - second).mean() / max(float(contrast), _LEAST_CONTRAST))


@dataclass
class EvenSample(Generic[Item]):
    """At most `limit` items, evenly spread over a stream whose length is not known beforehand."""

    limit: int
    items: list[Item] = field(default_factory=list)
    _seen: int = 0
    _stride: int = 1

    def offer(self, item: Item) -> None:
        """Shows the next item of the stream."""
        if self._seen % self._stride == 0:
            if len(self.items) == self.limit:
                self.items, self._stride = self.items[::2], self._stride * 2
            if self._seen % self._stride == 0:
                self.items.append(item)
        self._seen += 1
