"""`python -m training retrain`: the options, and what happens at the end."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from depth_sr_ros.artifact import read_card, shipped_scales
from depth_sr_ros.models.weights import Storage
from training.extraction.bag_task import ExtractionOptions
from training.extraction.command import add_bag_arguments, bag_options
from training.extraction.selection import SelectionOptions
from training.recipes.live_recipe import find_live_recipe, list_live_recipes
from training.recipes.names import RecipeFile, find_recipe
from training.retraining.dry_run import dry_run
from training.retraining.live.dry_run import dry_run_live
from training.retraining.live.judging import LiveVerdict
from training.retraining.live.run import retrain_live
from training.retraining.promotion import switch_words
from training.retraining.run import Retrained, retrain
from training.retraining.settings import Margins, Settings, SplitOptions, TrainingOptions
from training.retraining.verdict import Verdict

DESCRIPTION = "make better weights from recordings: extract, train, evaluate, and promote what is better"


_PAPERS_SCALE = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `retrain`."""
    known = TrainingOptions()
    parser.add_argument(
        "--bags", required=True, nargs="+", type=Path, metavar="DIR",
        help="bags, or folders that contain bags; for live weights folders of images, too",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, help="folder of this run; repeat the command to continue")
    parser.add_argument("--model", default="fdkn", help="network (default %(default)s)")
    parser.add_argument(
        "--scale", type=int,
        help="colour size / depth size; 0 for live weights, which serve any ratio (default: that of --from, or 0 "
        f"where live weights ship, or {_PAPERS_SCALE})",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="start", type=Path, metavar="ARTIFACT", help="weights to start from (default: the shipped ones)"
    )
    parser.add_argument("--data", type=Path, metavar="BASE", help="folder with a manifest.csv of base data")
    parser.add_argument("--dry-run", action="store_true", help="report inputs, split, time and space; write nothing")
    group = parser.add_argument_group("which frames are held out for the comparison")
    group.add_argument("--held", action="append", default=[], metavar="NAME", help="a recording; may be given again")
    group.add_argument("--held-share", type=float, default=0.2, help="of recordings, by hash (default %(default)s)")
    group.add_argument("--split-in-time", action="store_true", help="the last part of each recording; weaker evidence")
    group.add_argument("--tail", type=float, default=0.25, help="that part (default %(default)s)")
    group = parser.add_argument_group("training")
    group.add_argument("--minutes", type=float, default=known.minutes, help="length (default %(default)s; 0: by steps)")
    group.add_argument("--steps", type=int, default=0, help="most steps")
    group.add_argument("--learning-rate", type=float, default=0.0, help="(default: the recipe's)")
    group.add_argument(
        "--base-share", type=float, default=known.base_share, help="of crops not from recordings (default %(default)s)"
    )
    group.add_argument("--crop", type=int, default=0, metavar="PIXELS", help="side of a crop (default: the recipe's)")
    group.add_argument("--recipe", help="name or YAML file (default: base/retrain; live weights have one of their own)")
    group.add_argument("--workers", type=int, default=-1, help="processes that prepare crops (default: the recipe's)")
    group.add_argument("--seed", type=int, default=known.seed, help="of crops (default %(default)s)")
    group = parser.add_argument_group("evaluation and promotion")
    group.add_argument("--dev-images", type=int, default=0, help="most images of the base set (default: all)")
    group.add_argument("--held-images", type=int, default=100, help="most held frames (default %(default)s; 0: all)")
    group.add_argument(
        "--held-margin", type=float, default=0.0, metavar="PER_CENT",
        help="by which held-out frames may get worse; negative demands improvement (default %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--base-margin", type=float, default=1.0, metavar="PER_CENT",
        help="by which the base set may get worse (default %(default)s)",
    )  # fmt: skip
    group.add_argument("--storage", choices=get_args(Storage), default="fp16", help="of weights (default fp16)")
    group.add_argument("--engine-cache", type=Path, metavar="FOLDER", help="folder of the node's plans")
    add_bag_arguments(parser)
    parser.add_argument(
        "--poses", default="", metavar="NAME",
        help="folder of poses inside each folder of images, for live weights: depth fused of neighbouring frames is "
        "then the target (default: pose or poses, where there is one; none does without)",
    )  # fmt: skip


def _scale_of(args: argparse.Namespace) -> int:
    """What was asked for, or what the weights are for."""
    if args.scale is not None:
        return int(args.scale)
    if args.start is not None:
        return read_card(args.start).scale
    return 0 if 0 in shipped_scales(args.model) else _PAPERS_SCALE


def _recipe_of(words: str | None, scale: int) -> RecipeFile:
    """The file that was asked for. Raises FileNotFoundError where there is none."""
    if words is None:
        return TrainingOptions().recipe
    if scale:
        return find_recipe(words)
    found = find_live_recipe(words) or RecipeFile(Path(words))
    if not found.path.is_file():
        raise FileNotFoundError(f"--recipe {words}: expected a YAML file, or one of {list_live_recipes()}")
    return found


def settings_of(args: argparse.Namespace) -> Settings:
    """What `add_arguments` declared. Raises ValueError for settings that do not go together."""
    known = SelectionOptions()
    if args.held and args.split_in_time:
        raise ValueError("--held holds out recordings, --split-in-time the last part of all; give only one of them")
    if not 0 < args.tail < 1 or not 0 < args.held_share < 1:
        raise ValueError(f"expected --tail and --held-share between 0 and 1, found {args.tail} and {args.held_share}")
    scale = _scale_of(args)
    if args.poses and scale:
        raise ValueError(f"--poses: expected with live weights, found --scale {scale}; give --scale 0")
    return Settings(
        bags=tuple(args.bags),
        out=args.out,
        model=args.model,
        scale=scale,
        start=args.start,
        data=args.data,
        extraction=ExtractionOptions(bag_options(args), known),
        split=SplitOptions(tuple(args.held), args.held_share, args.split_in_time, args.tail),
        training=TrainingOptions(
            _recipe_of(args.recipe, scale), args.minutes, args.steps, args.learning_rate,
            args.base_share, args.crop, args.workers, args.seed,
        ),
        dev_images=args.dev_images,
        held_images=args.held_images,
        margins=Margins(args.held_margin / 100, args.base_margin / 100),
        storage=args.storage,
        engine_cache=args.engine_cache,
        poses=args.poses,
    )  # fmt: skip


def run_retrain(args: argparse.Namespace) -> None:
    """Retrains, or says what that would take.

    Raises:
        ValueError: something cannot be used.
        PromotionRefused: the new weights are not better enough.
        RetrainingInterrupted: stopped; the same command continues.
    """
    settings = settings_of(args)
    if args.dry_run:
        (dry_run if settings.scale else dry_run_live)(settings)
        return
    done: Retrained[Verdict] | Retrained[LiveVerdict] = retrain(settings) if settings.scale else retrain_live(settings)
    print(f"{done.verdict.words}\nreport: {done.report}\n{switch_words(done.artifact)}\n{done.switch}")
