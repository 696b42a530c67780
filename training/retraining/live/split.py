"""Which frames live weights are trained on and which are held out, by the rules of `datasets.readers.shards`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.datasets.live.recorded import FrameEntry
from training.retraining.live.frames import RecordedFrames
from training.retraining.settings import SplitOptions
from training.retraining.split import check_recordings

_GAP = 0.05  # share of a recording between the two parts of a split in time


@dataclass(frozen=True)
class LiveSplit:
    """Frames to train on and frames held out; `in_time` is as in `training.retraining.split.Split`."""

    train: Sequence[FrameEntry]
    held: Sequence[FrameEntry]
    in_time: bool


def split_live(recordings: Sequence[RecordedFrames], options: SplitOptions) -> LiveSplit:
    """Splits recordings, or each of them in time.

    Raises:
        ValueError: one recording only, all held out, unknown names, or a recording too short to split in time.
    """
    if options.in_time:
        parts = [_in_time(one, options.tail) for one in recordings]
        return LiveSplit([e for train, _ in parts for e in train], [e for _, held in parts for e in held], True)
    check_recordings([(one.name, one.digest) for one in recordings])
    held = _held(sorted(recordings, key=lambda one: one.digest), options)
    train = [one for one in recordings if one.digest not in {other.digest for other in held}]
    if not train:
        raise ValueError("expected recordings on both sides of the split, found none to train on; see --held")
    return LiveSplit([e for one in train for e in one.entries], [e for one in held for e in one.entries], False)


def _in_time(one: RecordedFrames, tail: float) -> tuple[list[FrameEntry], list[FrameEntry]]:
    entries = one.entries
    held = max(1, round(len(entries) * tail))
    train = len(entries) - held - max(1, round(len(entries) * _GAP))
    if train < 1:
        raise ValueError(
            f"{one.name}: expected at least 3 frames to split in time, found {len(entries)}; record longer"
        )
    return entries[:train], entries[len(entries) - held :]


def _held(recordings: Sequence[RecordedFrames], options: SplitOptions) -> list[RecordedFrames]:
    if options.held:
        unknown = [word for word in options.held if not any(_is_called(one, word) for one in recordings)]
        if unknown:
            known = [f"{one.name} ({one.digest[:8]})" for one in recordings]
            raise ValueError(f"no recordings {unknown} to hold out; there are {known}")
        return [one for one in recordings if any(_is_called(one, word) for word in options.held)]
    out = [one for one in recordings if int(one.digest[:8], 16) < options.held_share * 2**32] or [recordings[0]]
    return out[:-1] if len(out) == len(recordings) else out


def _is_called(one: RecordedFrames, word: str) -> bool:
    return one.name == word or (len(word) >= 4 and one.digest.startswith(word))
