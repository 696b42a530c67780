"""`python -m training extract` and `make-bag`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.command_line import Incomplete, four_numbers, not_negative
from depth_sr_ros.recordings.bag_writer import STORAGES
from depth_sr_ros.recordings.recording import RecordingError, Streams
from training.extraction.bag_pairs import BagOptions
from training.extraction.bag_task import ExtractionOptions
from training.extraction.make_bag import BagRequest, make_bag
from training.extraction.run import ExtractionInterrupted, Workers, extract
from training.extraction.selection import SelectionOptions
from training.extraction.shards import ShardWriteError
from training.extraction.workers import RayWorkers, SerialWorkers

EXTRACT = "turn bags into shards to train on"
MAKE_BAG = "make a bag of a folder of images with calibration"


def add_extract_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `extract`."""
    parser.add_argument("bags", nargs="+", type=Path, metavar="BAG", help="bags, or folders that contain bags")
    parser.add_argument("--out", required=True, type=Path, help="folder for shards, contact sheets and manifest.json")
    add_bag_arguments(parser)
    group = parser.add_argument_group("which frames are kept")
    known = SelectionOptions()
    group.add_argument(
        "--least-sharpness", type=float, default=known.least_sharpness, metavar="SHARE",
        help="relative to the sharp ones of the neighbouring frames (default %(default)s; 0 keeps blurred ones)",
    )  # fmt: skip
    group.add_argument(
        "--least-change", type=float, default=known.least_change, metavar="X",
        help="since the last kept frame, in fortieths of the width (default %(default)s; 0 keeps all)",
    )  # fmt: skip
    group.add_argument(
        "--least-valid", type=float, default=ExtractionOptions().least_valid, metavar="SHARE",
        help="of the depth image that must be measured (default %(default)s)",
    )  # fmt: skip
    group = parser.add_argument_group("shards")
    group.add_argument("--stored-unit-m", type=float, default=0.001, help="of depth in shards (default %(default)s)")
    group.add_argument("--shard-samples", type=int, default=500, help="most frames in a shard (default %(default)s)")
    group = parser.add_argument_group("Ray")
    group.add_argument(
        "--ray", metavar="ADDRESS", help="a task per bag on this cluster: auto, ray://HOST:10001; local starts one here"
    )
    group.add_argument("--workers", type=int, default=0, help="of --ray local (default: one per core)")


def add_bag_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares how bags are read."""
    group = parser.add_argument_group("topics and files, if they are not found automatically")
    group.add_argument("--rgb", metavar="TOPIC", help="colour images")
    group.add_argument("--depth", metavar="TOPIC", help="depth images")
    group.add_argument("--rgb-info", metavar="TOPIC", help="camera_info of the colour camera")
    group.add_argument("--depth-info", metavar="TOPIC", help="camera_info of the depth images")
    group.add_argument(
        "--registered", action="store_true", default=None, help="depth is registered to colour, whatever the frames"
    )
    group.add_argument("--intrinsics", type=four_numbers, metavar='"FX FY CX CY"', help="of the colour image, pixels")
    group.add_argument(
        "--depth-unit", type=float, default=0.0, metavar="METRES",
        help="per raw depth unit, as the node's depth_unit (default: from the encoding)",
    )  # fmt: skip
    for name, words in (("min", "nearest depth that counts (0)"), ("max", "farthest depth that counts (0: no limit)")):
        group.add_argument(f"--depth-{name}", type=not_negative, default=0.0, metavar="METRES", help=words)
    group.add_argument("--slop-s", type=float, default=0.02, help="largest stamp distance of a pair (0.02)")


def bag_options(args: argparse.Namespace) -> BagOptions:
    """What `add_bag_arguments` declared."""
    streams = Streams(args.rgb, args.depth, args.rgb_info, args.depth_info, args.intrinsics)
    return BagOptions(
        streams, args.slop_s, registered=args.registered, depth_unit=args.depth_unit, depth_min=args.depth_min,
        depth_max=args.depth_max,
    )  # fmt: skip


def run_extract(args: argparse.Namespace) -> None:
    """Extracts what the options say.

    Raises:
        ValueError: bags or options cannot be used.
        Incomplete: some bags gave nothing; the others are finished.
        ExtractionInterrupted: stopped by a signal.
    """
    selection = SelectionOptions(args.least_sharpness, args.least_change)
    options = ExtractionOptions(bag_options(args), selection, args.least_valid, args.stored_unit_m, args.shard_samples)
    if args.workers and args.ray != "local":
        raise ValueError(
            f"--workers {args.workers}: expected --ray local beside it, found "
            f"{f'--ray {args.ray}' if args.ray else 'no --ray'}; a running cluster has its own number of workers"
        )
    workers: Workers = RayWorkers(args.ray, args.workers) if args.ray else SerialWorkers()
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        result = extract(args.bags, args.out, options, workers, _say)
    except KeyboardInterrupt:
        raise ExtractionInterrupted(
            f"interrupted; finished bags are kept. Run the same command again to continue with {args.out}"
        ) from None
    except ShardWriteError as error:
        raise RecordingError(error.strerror) from error
    except OSError as error:
        raise RecordingError(f"{args.out}: cannot be written ({error}); free some space or change --out") from error
    finally:
        signal.signal(signal.SIGTERM, before)
        workers.close()
    _say(
        f"{args.out}: {len(result.extracted)} bags extracted, {result.skipped} finished before or alike, "
        f"{len(result.failures)} failed; {result.samples} frames in all"
    )
    if result.failures:
        raise Incomplete(
            "nothing could be read from:\n" + "\n".join(f"  {failure.message}" for failure in result.failures)
        )


def add_make_bag_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `make-bag`."""
    parser.add_argument("folder", type=Path, help="holds rgb/, depth/, and camera.json or calibration.json")
    parser.add_argument("--out", required=True, type=Path, help="folder of the new bag; must not exist")
    parser.add_argument("--depth", metavar="FOLDER", help="sub-folder of the depth images")
    parser.add_argument("--storage", choices=sorted(STORAGES), default="mcap", help="default %(default)s")
    parser.add_argument("--compressed", action="store_true", help="compressed topics; JPEG files as they are")
    parser.add_argument("--first", type=int, default=0, help="number of the first image (default 0)")
    parser.add_argument("--count", type=int, default=0, help="how many images (default: all that follow)")


def run_make_bag(args: argparse.Namespace) -> None:
    """Makes a bag. Raises ValueError where it cannot."""
    try:
        request = BagRequest(args.depth, args.storage, args.compressed, args.first, args.count)
        made = make_bag(args.folder, args.out, request)
    except FrameError as error:
        raise RecordingError(str(error)) from error
    except OSError as error:
        raise RecordingError(f"{args.out}: cannot be written ({error}); free some space or change --out") from error
    for note in made.notes:
        _say(note)
    print(f"{args.out}: {made.pairs} pairs")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
