"""What a retraining would use and how long it would take, without writing anything."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from depth_sr_ros.models import create_model
from depth_sr_ros.recordings.recording import DamagedRecordingError, RecordingError
from training.datasets.readers.shards import split_recordings
from training.extraction.bag_pairs import Bag, BagPair
from training.extraction.manifest import BagRecord, Manifest, hash_bag
from training.extraction.run import find_bags
from training.extraction.selection import judge
from training.extraction.shards import sample_files
from training.recipes.recipe import Recipe, load_recipe
from training.retraining.base_set import base_set
from training.retraining.retraining_recipe import adapted, crop_side
from training.retraining.settings import Settings, check_claim, check_folder
from training.retraining.split import check_recordings, require_both_sides
from training.retraining.starting_artifact import Start, starting_point
from training.retraining.step_times import seconds_per_pixel, seconds_per_step

_JUDGED = 60  # candidates of each bag that are looked at
_DEV_PIXELS, _DEV_IMAGES = 480 * 360, 16  # assumed of a base set's images until they are read
_COPIES = 8  # float32 values per weight in both checkpoints: itself, Adam's two averages, the running average


@dataclass(frozen=True)
class BagSurvey:
    """What one bag holds.

    Attributes:
        name: of the recording.
        bag: its hash.
        topics: of colour and depth.
        pairs: by stamp.
        frames: that would be kept, from the share among the first ones.
        size: height and width of its depth.
        bytes_per_frame: in a shard.
        seconds_per_pair: that extraction takes.
        notes: about how it is read.
    """

    name: str
    bag: str
    topics: tuple[str, str]
    pairs: int
    frames: int
    size: tuple[int, int]
    bytes_per_frame: float
    seconds_per_pair: float
    notes: tuple[str, ...]


def dry_run(settings: Settings, say: Callable[[str], None] = print) -> None:
    """Says what would be used and how long it would take; writes nothing.

    Raises:
        ValueError: what the retraining itself would raise for these settings.
    """
    start = starting_point(settings)
    recipe = adapted(settings.training, start)
    base = base_set(settings.data, load_recipe(settings.training.recipe).data, settings.dev_images)
    check_folder(settings.out)
    bags = _bags(settings.bags, say)
    check_claim(settings.out, settings.identity(start.artifact.weights_id, list(bags)))
    surveys = _surveys(bags, settings, say)
    say(f"start:    {start.artifact.card.name}, weights {start.artifact.weights_id}")
    _say_recordings(surveys, say)
    train, held = _split(settings, surveys)
    say(f"split:    about {train} frames to train on, {held} held" + (" (in time)" if settings.split.in_time else ""))
    say(f"base set: {settings.training.base_share:.0%} of the crops, {base.words}")
    say(f"          evaluated on {base.dev_words}, by {', '.join(start.protocols)}; each decides")
    recipe = replace(recipe, crops=replace(recipe.crops, size=_side(settings, recipe, surveys), width=0))
    _say_recipe(recipe, settings, say)
    _say_times(settings, recipe, start, surveys, held, say)
    _say_disk(settings, recipe, surveys, say)
    # a file of other inputs is made again, which only the run itself can tell
    done = [name for name in ("noise", "before", "trained", "after", "promoted") if _is_there(settings.out, name)]
    if done:
        say(f"{settings.out}: finished already, will not be repeated: {', '.join(done)}")


def _bags(paths: Sequence[Path], say: Callable[[str], None]) -> dict[str, Path]:
    """Bags by hash, those of equal content once, without those that cannot be read."""
    bags: dict[str, Path] = {}
    for path in find_bags(paths):
        try:
            first = bags.setdefault(hash_bag(path), path)
        except OSError as error:
            say(f"nothing could be read from {path}: {error}")
            continue
        if first != path:
            say(f"{path}: has the same content as {first}; left out")
    return bags


def _surveys(bags: Mapping[str, Path], settings: Settings, say: Callable[[str], None]) -> list[BagSurvey]:
    surveys, failures = [], []
    for digest, path in bags.items():
        try:
            surveys.append(survey(path, digest, settings))
        except (RecordingError, OSError) as error:
            failures.append(f"nothing could be read from {error}")
    for failure in failures:
        say(failure)
    if not surveys:
        raise RecordingError("nothing could be read from the recordings:\n" + "\n".join(f"  {one}" for one in failures))
    return surveys


def survey(path: Path, digest: str, settings: Settings) -> BagSurvey:
    """Counts the pairs of a bag and looks at its first frames. Raises RecordingError where nothing can be read."""
    try:
        return _survey(path, digest, settings, salvage=False)
    except DamagedRecordingError:
        return _survey(path, digest, settings, salvage=True)


def _survey(path: Path, digest: str, settings: Settings, salvage: bool) -> BagSurvey:
    options = settings.extraction
    pairs = Bag(path, options.bags, salvage).count_pairs().pairs
    bag = Bag(path, options.bags, salvage)
    began, judged, sizes = time.perf_counter(), 0, []
    frame: BagPair | None = None

    def select(candidates):  # type: ignore[no-untyped-def]
        nonlocal judged
        for one in judge(islice(candidates, _JUDGED), options.selection):
            judged += 1
            if one.verdict == "kept":
                yield one.candidate

    for frame in bag.pairs(select):
        if np.isfinite(frame.depth).mean() >= options.least_valid:
            sizes.append(sum(map(len, sample_files(frame, options.depth_unit_m, {}).values())))
    if frame is None or not sizes:
        raise RecordingError(f"{bag.name}: expected frames to keep, found none among the first {judged} pairs")
    seconds = (time.perf_counter() - began) / judged
    frames = round(pairs * len(sizes) / judged)
    height, width = frame.depth.shape
    topics = bag.topics["colour"], bag.topics["depth"]
    mean = float(np.mean(sizes))
    return BagSurvey(bag.name, digest, topics, pairs, frames, (height, width), mean, seconds, bag.notes)


def _split(settings: Settings, surveys: Sequence[BagSurvey]) -> tuple[int, int]:
    """Frames to train on and held ones."""
    total = sum(one.frames for one in surveys)
    if settings.split.in_time:
        parts = [_in_time(one, settings.split.tail) for one in surveys]
        return sum(train for train, _ in parts), sum(held for _, held in parts)
    check_recordings([(one.name, one.bag) for one in surveys])
    records = {one.bag: BagRecord(one.bag, one.name, {}, (), "", {}, {}, ()) for one in surveys}
    manifest = Manifest(settings.out, {}, records)
    train_records, held_records = split_recordings(manifest, settings.split.held, settings.split.held_share)
    require_both_sides(settings.out, train_records, held_records)
    out = {record.bag for record in held_records}
    held = sum(one.frames for one in surveys if one.bag in out)
    return total - held, held


def _in_time(one: BagSurvey, tail: float) -> tuple[int, int]:
    """What the data set `shards` would make of a recording: frames to train on and held ones."""
    held = max(1, round(one.frames * tail))
    train = one.frames - held - max(1, round(0.05 * one.frames))
    if train < 1:
        raise ValueError(
            f"{one.name}: expected at least 3 frames to split in time, found about {one.frames}; record longer"
        )
    return train, held


def _side(settings: Settings, recipe: Recipe, surveys: Sequence[BagSurvey]) -> int:
    return settings.training.crop or crop_side(recipe, surveys[0].size)


def _say_recordings(surveys: Sequence[BagSurvey], say: Callable[[str], None]) -> None:
    for one in surveys:
        height, width = one.size
        say(
            f"bag:      {one.name} ({one.bag[:8]}): {one.pairs} pairs of {one.topics[0]} and {one.topics[1]}, depth "
            f"{width}x{height}, about {one.frames} frames to keep"
        )
        for note in one.notes:
            say(f"          {note}")


def _say_recipe(recipe: Recipe, settings: Settings, say: Callable[[str], None]) -> None:
    shares = ", ".join(f"{name} {share:.0%}" for name, share in recipe.crops.degradations.items())
    say(
        f"recipe:   {settings.training.recipe.name}: {recipe.batch_size} crops of {recipe.crops.size} px a step, "
        f"learning rate {recipe.optimiser.learning_rate:g}, loss {dict(recipe.loss)}; {shares}"
    )


def _say_times(
    settings: Settings,
    recipe: Recipe,
    start: Start,
    surveys: Sequence[BagSurvey],
    held: int,
    say: Callable[[str], None],
) -> None:
    step = seconds_per_step(recipe)
    pixel = seconds_per_pixel(start)
    extraction = sum(one.pairs * one.seconds_per_pair for one in surveys)
    height, width = surveys[0].size
    frames = min(held, settings.held_images or held)
    images = settings.dev_images or _DEV_IMAGES
    evaluation = 2 * pixel * (frames * height * width + len(start.protocols) * images * _DEV_PIXELS)
    limits = [settings.training.minutes * 60] if settings.training.minutes else []
    limits += [settings.training.steps * step] if settings.training.steps else []
    training = min(limits)
    say(
        f"time:     extraction {_words(extraction)}, training {_words(training)} ({step:.2f} s a step, about "
        f"{math.floor(training / step)} steps), evaluation before and after {_words(evaluation)}; measured on "
        "this machine now. Not included: writing the artifact and compiling its engine"
    )


def _say_disk(settings: Settings, recipe: Recipe, surveys: Sequence[BagSurvey], say: Callable[[str], None]) -> None:
    network = create_model(recipe.model, scale=recipe.scale, **recipe.model_options)
    weights = sum(parameter.numel() for parameter in network.parameters())
    needed = sum(one.frames * one.bytes_per_frame for one in surveys) + weights * 4 * _COPIES
    out = settings.out.resolve()
    free = shutil.disk_usage(next(path for path in (out, *out.parents) if path.exists())).free
    enough = "" if needed < free else ": NOT ENOUGH, free some space or choose another --out"
    say(f"disk:     about {needed / 2**20:.0f} MiB needed in {settings.out}, {free / 2**20:.0f} MiB free{enough}")


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _is_there(out: Path, name: str) -> bool:
    return (out / f"{name}.json").is_file()
