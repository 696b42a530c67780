"""Bags into shards: which bags there are, which of them are finished, and the others one after the other.

Running the same command again continues an interrupted run; finished bags are not read again.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from depth_sr_ros.command_line import Interrupted
from depth_sr_ros.recordings.opening import BAG_SUFFIXES
from depth_sr_ros.recordings.recording import RecordingError
from depth_sr_ros.recordings.salvage import bag_files
from training.extraction.bag_task import WORK, BagFailure, BagJob, ExtractionOptions, check_shards
from training.extraction.manifest import BagRecord, HashCache, Manifest, bag_bytes, locked
from training.extraction.workers import RayWorkers, SerialWorkers

Say = Callable[[str], None]
Workers = SerialWorkers | RayWorkers


class ExtractionInterrupted(Interrupted):
    """The run was asked to stop. Finished bags are kept; the same command continues."""


@dataclass(frozen=True)
class ExtractionResult:
    """What a run did.

    Attributes:
        extracted: bags that this run finished.
        skipped: bags that were finished before, or hold the same as another.
        failures: bags from which nothing could be read.
        samples: frames in the folder now, of all bags.
    """

    extracted: tuple[BagRecord, ...]
    skipped: int
    failures: tuple[BagFailure, ...]
    samples: int


def find_bags(paths: Sequence[Path]) -> list[Path]:
    """The bags among paths and in folders below them, sorted.

    A folder with metadata.yaml is one bag, and so is one whose files are called `<folder>_<number>`, which is what a
    killed recorder leaves. Every other bag file is a bag of its own.

    Raises:
        RecordingError: a path without any bag.
    """
    found: set[Path] = set()
    for path in paths:
        bags = _bags_in(Path(path))
        if not bags:
            raise RecordingError(
                f"{path}: expected a bag ({', '.join(BAG_SUFFIXES)}) or a folder with bags, found "
                f"{'none in it' if Path(path).exists() else 'nothing there'}"
            )
        found.update(bags)
    return sorted(found)


def _bags_in(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix in BAG_SUFFIXES else []
    if not path.is_dir():
        return []
    files = bag_files(path)
    parts = re.compile(rf"{re.escape(path.resolve().name)}(_\d+)?\.(mcap|db3)")
    if (path / "metadata.yaml").is_file() or (files and all(parts.fullmatch(file.name) for file in files)):
        return [path]
    below = [child for child in path.iterdir() if child.is_dir() and not child.name.startswith(".")]
    return files + [bag for folder in sorted(below) for bag in _bags_in(folder)]


def extract(
    paths: Sequence[Path],
    out: Path,
    options: ExtractionOptions | None = None,
    workers: Workers | None = None,
    say: Say = print,
) -> ExtractionResult:
    """Extracts every bag that is not finished yet.

    Args:
        paths: bags and folders of bags.
        out: folder of the shards; made if it is not there.
        options: how to extract.
        workers: who does it; None takes this process.
        say: told what a user should know.

    Raises:
        RecordingError: no bags there.
        ValueError: `out` was made with other options, or another run is using it.
        OSError: `out` cannot be written, as on a full disk.
    """
    options, workers, out = options or ExtractionOptions(), workers or SerialWorkers(), Path(out)
    bags = find_bags(paths)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        shutil.rmtree(out / WORK, ignore_errors=True)
        try:
            manifest = _manifest(out, options, say)
            jobs, skipped, failures = _plan(bags, out, options, manifest, workers, say)
            extracted = _run(jobs, manifest, workers, failures, say)
        finally:
            shutil.rmtree(out / WORK, ignore_errors=True)
    samples = sum(record.samples for record in manifest.bags.values())
    return ExtractionResult(tuple(extracted), skipped, tuple(failures), samples)


def _manifest(out: Path, options: ExtractionOptions, say: Say) -> Manifest:
    try:
        manifest = Manifest.read(out)
    except FileNotFoundError:
        return Manifest(out, options.as_text())
    manifest.check_options(options.as_text())
    for record in list(manifest.bags.values()):
        if check_shards(record, out):
            say(f"{record.name}: shards are missing or cut off; it is extracted again")
            del manifest.bags[record.bag]
    return manifest


def _plan(
    bags: Sequence[Path], out: Path, options: ExtractionOptions, manifest: Manifest, workers: Workers, say: Say
) -> tuple[list[BagJob], int, list[BagFailure]]:
    """The bags to extract; how many need not be; those that cannot be read."""
    cache = HashCache(out)
    hashes = {bag: known for bag in bags if (known := cache.get(bag)) is not None}
    failures = []
    unknown = [bag for bag in bags if bag not in hashes]
    with _bar(sum(map(bag_bytes, unknown)), "reading") as bar:
        for bag, digest in workers.hashes(unknown):
            bar.update(bag_bytes(bag))
            if isinstance(digest, BagFailure):
                failures.append(digest)
                continue
            hashes[bag] = digest
            cache.put(bag, digest)
    cache.write()
    jobs: dict[str, BagJob] = {}
    for bag in (bag for bag in bags if bag in hashes):
        digest = hashes[bag]
        if digest in jobs:
            say(f"{bag}: has the same content as {jobs[digest].path}; left out")
        elif digest not in manifest.bags:
            jobs[digest] = BagJob(bag.resolve(), digest, out.resolve(), options)
    return list(jobs.values()), len(hashes) - len(jobs), failures


def _run(
    jobs: Sequence[BagJob], manifest: Manifest, workers: Workers, failures: list[BagFailure], say: Say
) -> list[BagRecord]:
    sizes = {job.bag: bag_bytes(job.path) for job in jobs}
    shares = dict.fromkeys(sizes, 0.0)
    extracted = []
    with _bar(sum(sizes.values()), "extracting") as bar:

        def progress(job: BagJob, share: float) -> None:
            share = min(1.0, max(share, shares[job.bag]))
            bar.update(round(share * sizes[job.bag]) - round(shares[job.bag] * sizes[job.bag]))
            shares[job.bag] = share

        for job, result in workers.extract(jobs, progress):
            progress(job, 1.0)
            if isinstance(result, BagFailure):
                failures.append(result)
                continue
            manifest.add(result)
            extracted.append(result)
            with tqdm.external_write_mode(file=sys.stderr):
                for note in result.notes:
                    say(note)
                say(f"{result.name}: {summary(result)}")
    return extracted


def summary(record: BagRecord) -> str:
    """What became of a bag's pairs, in one line."""
    counts = ", ".join(f"{count} {name}" for name, count in record.counts.items() if count)
    return f"{counts}; {len(record.shards)} shards, sheet {record.sheet}"


def _bar(total: int, what: str) -> tqdm[None]:
    """Bytes of bags done, rate and time left; in a log file a line every ten seconds."""
    often = 0.5 if sys.stderr.isatty() else 10.0
    return tqdm(total=total, unit="B", unit_scale=True, desc=what, mininterval=often, disable=not total)
