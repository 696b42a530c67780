"""Extracts one bag: the piece of work that a process of this machine, or of a cluster, does at a time.

Shards are written in a working folder of this attempt's own and get their names when the bag is complete; the caller
then names them in the manifest. An attempt that dies leaves nothing that is used.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depth_sr_ros.recordings.recording import DamagedRecordingError, RecordingError
from training.extraction.bag_pairs import Bag, BagOptions, BagPair, Candidate
from training.extraction.manifest import BagRecord
from training.extraction.selection import Judged, SelectionOptions, judge
from training.extraction.shards import Shard, ShardWriteError, ShardWriter, cannot_write, png, sample_files
from training.extraction.sheet import ContactSheet

WORK = ".work"
"""Folder of unfinished work inside an extraction folder; whatever is in it is not used."""

Progress = Callable[[float], None]
"""Told now and then which share of a bag is done."""


@dataclass(frozen=True)
class ExtractionOptions:
    """What decides the bytes of the shards.

    Attributes:
        bags: how bags are read.
        selection: which frames are kept.
        least_valid: share of a depth image that must be measured.
        depth_unit_m: metres per unit of the stored depth.
        shard_samples: most frames in a shard.
    """

    bags: BagOptions = BagOptions()
    selection: SelectionOptions = SelectionOptions()
    least_valid: float = 0.1
    depth_unit_m: float = 0.001
    shard_samples: int = 500

    def __post_init__(self) -> None:
        if not 0 <= self.least_valid <= 1 or self.depth_unit_m <= 0 or self.shard_samples < 1:
            raise ValueError(
                "extraction: expected least_valid from 0 to 1, a positive depth_unit_m and samples in a shard, "
                f"found {self.least_valid}, {self.depth_unit_m} and {self.shard_samples}"
            )

    def as_text(self) -> dict[str, Any]:
        """All settings, for the manifest."""
        return asdict(self)


@dataclass(frozen=True)
class BagJob:
    """A bag to extract: where it is, its SHA-256, the folder for its shards, and how."""

    path: Path
    bag: str
    out: Path
    options: ExtractionOptions = ExtractionOptions()


@dataclass(frozen=True)
class BagFailure:
    """A bag from which nothing could be read, and why."""

    path: Path
    message: str


@dataclass
class _Attempt:
    """What one reading of a bag gathers."""

    bag: Bag
    writer: ShardWriter
    sheet: ContactSheet = field(default_factory=ContactSheet)
    skipped: Counter[str] = field(default_factory=Counter)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    newest: Judged | None = None  # frame in the shards


def extract_bag(job: BagJob, progress: Progress | None = None) -> BagRecord | BagFailure:
    """Writes the shards of one bag.

    Args:
        job: which bag, and how.
        progress: told how far it is.

    Returns:
        What to put into the manifest; or why the bag cannot be used.

    Raises:
        ShardWriteError: no room for the shards; every other bag would meet the same.
    """
    cv2.setNumThreads(1)
    attempt = f"{job.bag[:8]}-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    folder = job.out / WORK / attempt
    try:
        with _writing(job.out):
            folder.mkdir(parents=True)
        record = _extract(job, folder, progress or (lambda share: None))
        with _writing(job.out):
            for name in [*(shard.name for shard in record.shards), record.sheet]:
                os.replace(folder / name, job.out / name)
        return record
    except ShardWriteError:
        raise
    except (RecordingError, OSError) as error:
        return BagFailure(job.path, str(error))
    except Exception as error:  # whatever a library raises on one bag, the others go on
        found = f"{type(error).__name__}: {error}"
        return BagFailure(job.path, f"{job.path}: expected a bag that can be read, found: {found}; leave it out")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(out, error) from error


def _extract(job: BagJob, folder: Path, progress: Progress) -> BagRecord:
    try:
        return _read(job, folder, Bag(job.path, job.options.bags), progress)
    except DamagedRecordingError:
        for part in folder.iterdir():
            part.unlink()
        return _read(job, folder, Bag(job.path, job.options.bags, salvage=True), progress)


def _read(job: BagJob, folder: Path, bag: Bag, progress: Progress) -> BagRecord:
    attempt = _Attempt(bag, ShardWriter(folder, shard_stem(bag.name, job.bag), job.options.shard_samples))
    current: list[tuple[int, Judged]] = []  # the frame under way: its number among the pairs, and why it was kept

    def select(candidates: Iterator[Candidate]) -> Iterator[Candidate]:
        judging = judge(candidates, job.options.selection, lambda judged: attempt.newest is judged)
        for number, judged in enumerate(judging):
            progress(bag.report.messages["depth"] / max(1, bag.expected))
            if judged.verdict == "kept":
                current[:] = [(number, judged)]
                yield judged.candidate
            else:
                attempt.skipped[judged.verdict] += 1
                attempt.sheet.left_out(number, judged)

    try:
        for pair in bag.pairs(select):
            _keep(job, attempt, pair, *current[0])
        return _record(job, attempt, folder)
    finally:
        attempt.writer.abandon()


def _keep(job: BagJob, attempt: _Attempt, pair: BagPair, number: int, judged: Judged) -> None:
    if np.isfinite(pair.depth).mean() < job.options.least_valid:
        attempt.skipped["few valid"] += 1
        return
    files = sample_files(pair, job.options.depth_unit_m, _provenance(job, attempt.bag, pair, number, judged))
    attempt.writer.add(files)
    attempt.newest = judged
    attempt.sheet.kept(number, judged, pair.depth)
    attempt.sizes.setdefault("colour", (pair.rgb.shape[1], pair.rgb.shape[0]))
    attempt.sizes.setdefault("depth", (pair.depth.shape[1], pair.depth.shape[0]))


def _provenance(job: BagJob, bag: Bag, pair: BagPair, number: int, judged: Judged) -> Mapping[str, Any]:
    return {
        "bag": job.bag,
        "recording": bag.name,
        "pair": number,
        "topics": bag.topics,
        "frame_ids": bag.frame_ids,
        "stamps_ns": {"colour": pair.stamps_ns[0], "depth": pair.stamps_ns[1]},
        "registration": "recorded" if bag.to_colour is None else bag.to_colour.tolist(),
        "salvaged": bag.salvaged,
        "sharpness": round(judged.sharpness, 4),
        "change": None if np.isinf(judged.change) else round(judged.change, 4),
    }


def _record(job: BagJob, attempt: _Attempt, folder: Path) -> BagRecord:
    bag, report = attempt.bag, attempt.bag.report
    shards = attempt.writer.close()
    if not shards:
        raise RecordingError(_nothing_kept(attempt))
    sheet = _write_sheet(attempt, folder, job)
    counts = {
        "colour messages": report.messages["colour"],
        "depth messages": report.messages["depth"],
        "colour without partner": report.unmatched["colour"],
        "depth without partner": report.unmatched["depth"],
        "pairs": report.pairs,
        "kept": attempt.writer.samples,
        **{name: attempt.skipped[name] for name in ("blurred", "duplicate", "few valid")},
        **{f"unusable, {cause}": count for cause, count in sorted(report.unusable.items())},
    }
    examples = [f"{bag.name}: unusable, {cause}: {text}" for cause, text in sorted(report.examples.items())]
    # notes begin with the path that the bag was read from, which is no part of what it holds
    notes = tuple(note.replace(str(job.path), bag.name) for note in (*bag.notes, *examples))
    return BagRecord(job.bag, bag.name, bag.topics, tuple(shards), sheet, counts, attempt.sizes, notes)


def _nothing_kept(attempt: _Attempt) -> str:
    report = attempt.bag.report
    found = [f"{count} {name}" for name, count in sorted((*attempt.skipped.items(), *report.unusable.items()))]
    example = next((f" For example: {text}" for text in report.examples.values()), "")
    return (
        f"{attempt.bag.name}: expected frames to keep, found {report.pairs} pairs: {', '.join(found)}; record "
        f"with less motion and depth in view, or lower --least-sharpness or --least-valid.{example}"
    )


def _write_sheet(attempt: _Attempt, folder: Path, job: BagJob) -> str:
    skipped = ", ".join(f"{count} {name}" for name, count in sorted(attempt.skipped.items()))
    title = f"{attempt.bag.name}: kept {attempt.writer.samples} of {attempt.bag.report.pairs} pairs, {skipped}"
    name = f"{shard_stem(attempt.bag.name, job.bag)}.png"
    page = png(attempt.sheet.draw(title))
    with _writing(job.out):
        (folder / name).write_bytes(page)
    return name


def shard_stem(name: str, bag: str) -> str:
    """Beginning of the names of a bag's shards: its name without dots, and eight digits of its hash."""
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:80]}-{bag[:8]}"


def check_shards(record: BagRecord, folder: Path) -> list[Shard]:
    """The shards of a bag that are missing or of another size than the manifest says."""
    return [s for s in record.shards if not (folder / s.name).is_file() or (folder / s.name).stat().st_size != s.bytes]
