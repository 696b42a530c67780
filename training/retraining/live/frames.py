"""Recordings to frames that crops are cut from: what is kept of each, with fused depth where there are poses.

`OUT/frames/kitchen-1a2b3c4d/000012.npz` holds colour, depth as it arrived and fused depth; `recording.json` beside it
holds cameras, counts and notes. That is written last, and only then do the frames count.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depth_sr_ros.recordings.recording import RecordingError
from training.datasets.live.recorded import FrameEntry, RecordedFrame
from training.datasets.live.recorded_view import RecordedView
from training.extraction.bag_task import ExtractionOptions, shard_stem
from training.extraction.manifest import replace_file
from training.extraction.selection import judge
from training.extraction.shards import to_json
from training.retraining.live.sources import LivePair, LiveSource

FRAMES = "frames"
"""Folder of the frames inside that of a retraining."""

_RECORD = "recording.json"
_MOST = 400  # frames of a recording, evenly spread: more of a place teach little


@dataclass(frozen=True)
class RecordedFrames:
    """The frames of one recording.

    Attributes:
        name: of the recording.
        digest: its hash.
        folder: where they lie.
        view: its cameras.
        files: in order of time.
        fused: whether they hold fused depth.
        counts: of what was met.
        notes: what a user should know.
    """

    name: str
    digest: str
    folder: Path
    view: RecordedView
    files: tuple[str, ...]
    fused: bool
    counts: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def entries(self) -> list[FrameEntry]:
        """Where the frames lie, in order."""
        return [FrameEntry(self.name, self.folder / file, self.view) for file in self.files]


@dataclass(frozen=True)
class FrameOptions:
    """What decides the frames.

    Attributes:
        extraction: how recordings are read, and which frames are kept.
        poses: see `sources.LiveSource`.
    """

    extraction: ExtractionOptions = ExtractionOptions()
    poses: str = ""


def frames_of(path: Path, digest: str, out: Path, options: FrameOptions, say: Callable[[str], None]) -> RecordedFrames:
    """The frames of a recording; read again only where they are not there, or were made by other options.

    Args:
        path: the recording.
        digest: its hash.
        out: folder of the retraining.
        options: how.
        say: told what a user should know.

    Raises:
        RecordingError: nothing to be had; the message says what to change.
        OSError: they cannot be written.
    """
    source = LiveSource(path, options.extraction.bags, options.poses)
    folder = out / FRAMES / shard_stem(source.name, digest)
    asked = json.loads(to_json(asdict(options)))
    found = _known(folder, source.name, digest, asked)
    if found is None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        found = _written(source, digest, folder, options)
        replace_file(folder / _RECORD, to_json(_as_text(found) | {"options": asked}))
        kept = f"{len(found.files)} of {found.counts['pairs']} pairs kept"
        say("\n".join((*found.notes, f"{found.name}: {kept}" + (", with fused depth" if found.fused else ""))))
    return found


def _known(folder: Path, name: str, digest: str, asked: Mapping[str, Any]) -> RecordedFrames | None:
    try:
        raw = json.loads((folder / _RECORD).read_text())
        same = raw["options"] == asked and all((folder / file).is_file() for file in raw["files"])
        view = RecordedView.from_text(raw["view"])
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    if not same:
        return None
    files, notes = tuple(raw["files"]), tuple(raw["notes"])
    return RecordedFrames(name, digest, folder, view, files, bool(raw["fused"]), raw["counts"], notes)


def _as_text(found: RecordedFrames) -> dict[str, Any]:
    facts = {"view": found.view.as_text(), "files": list(found.files), "fused": found.fused}
    return {**facts, "counts": dict(found.counts), "notes": list(found.notes), "bag": found.digest, "name": found.name}


def _written(source: LiveSource, digest: str, folder: Path, options: FrameOptions) -> RecordedFrames:
    wanted, counts = chosen_frames(source, options.extraction)
    files, lost = [], Counter[str]()
    for number, pair in enumerate(source.pairs()):
        if number not in wanted:
            continue
        frame = _frame(source, pair, options.extraction.least_valid, lost)
        if frame is not None:
            files.append(f"{number:06d}.npz")
            frame.write(folder / files[-1])
    if not files:
        found = ", ".join(f"{count} {name}" for name, count in {**counts, **lost}.items())
        raise RecordingError(
            f"{source.name}: expected frames to keep, found {found}; record with less motion and depth in view"
        )
    notes = tuple(note.replace(str(folder), source.name) for note in source.notes)
    return RecordedFrames(
        source.name, digest, folder, source.view, tuple(files), source.posed is not None, {**counts, **lost}, notes
    )


def chosen_frames(source: LiveSource, options: ExtractionOptions) -> tuple[set[int], dict[str, int]]:
    """Numbers of the pairs that are sharp and no duplicates, thinned where there are many; and what was met."""
    numbers: list[int] = []
    counts: Counter[str] = Counter()
    candidates = (pair.candidate for pair in source.pairs())
    for number, judged in enumerate(judge(candidates, options.selection)):
        counts["pairs"] += 1
        if judged.verdict == "kept":
            numbers.append(number)
        else:
            counts[judged.verdict] += 1
    if not counts["pairs"]:
        raise RecordingError(
            f"{source.name}: expected pairs with stamps within {options.bags.slop_s * 1e3:g} ms, found none; raise "
            "--slop-s, or synchronise the cameras' clocks"
        )
    thinned = [numbers[place * len(numbers) // _MOST] for place in range(_MOST)] if len(numbers) > _MOST else numbers
    return set(thinned), dict(counts)


def _frame(source: LiveSource, pair: LivePair, least: float, lost: Counter[str]) -> RecordedFrame | None:
    depth = source.depth(pair.candidate.depth)
    if depth is None or np.isfinite(depth).mean() < least:
        lost["few valid"] += 1
        return None
    truth = None
    if source.posed is not None:
        if pair.stem not in source.posed.poses:
            lost["without pose"] += 1
            return None
        truth = source.posed.fused(pair.stem, "colour").depth
        if truth.shape != pair.candidate.rgb.shape[:2] or not np.isfinite(truth).any():
            lost["few fused"] += 1
            return None
    return RecordedFrame(pair.candidate.rgb, depth, truth)


def recordings_by_name(found: Sequence[RecordedFrames]) -> list[RecordedFrames]:
    """Recordings under names of their own: with the beginning of their hash where names repeat."""
    count = Counter(one.name for one in found)
    return [one if count[one.name] == 1 else _renamed(one) for one in found]


def _renamed(one: RecordedFrames) -> RecordedFrames:
    name = f"{one.name} ({one.digest[:8]})"
    return RecordedFrames(name, one.digest, one.folder, one.view, one.files, one.fused, one.counts, one.notes)
