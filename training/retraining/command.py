"""`python -m training retrain`: the options, and what happens at the end."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from depth_sr_ros.models.weights import Storage
from training.extraction.bag_task import ExtractionOptions
from training.extraction.command import add_bag_arguments, bag_options
from training.extraction.selection import SelectionOptions
from training.recipes.names import find_recipe
from training.retraining.dry_run import dry_run
from training.retraining.promotion import switch_words
from training.retraining.run import retrain
from training.retraining.settings import Margins, Settings, SplitOptions, TrainingOptions

DESCRIPTION = "make better weights from recordings: extract, train, evaluate, and promote what is better"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `retrain`."""
    known = TrainingOptions()
    parser.add_argument(
        "--bags", required=True, nargs="+", type=Path, metavar="DIR", help="bags, or folders that contain bags"
    )
    parser.add_argument("--out", required=True, type=Path, help="folder of this run; repeat the command to continue")
    parser.add_argument("--model", default="fdkn", help="network (default %(default)s)")
    parser.add_argument("--scale", type=int, default=8, help="colour size / depth size (default %(default)s)")
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
    group.add_argument("--recipe", default=known.recipe.typed, help="name or YAML file (default: base/retrain)")
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


def settings_of(args: argparse.Namespace) -> Settings:
    """What `add_arguments` declared. Raises ValueError for settings that do not go together."""
    known = SelectionOptions()
    if args.held and args.split_in_time:
        raise ValueError("--held holds out recordings, --split-in-time the last part of all; give only one of them")
    if not 0 < args.tail < 1 or not 0 < args.held_share < 1:
        raise ValueError(f"expected --tail and --held-share between 0 and 1, found {args.tail} and {args.held_share}")
    return Settings(
        bags=tuple(args.bags),
        out=args.out,
        model=args.model,
        scale=args.scale,
        start=args.start,
        data=args.data,
        extraction=ExtractionOptions(bag_options(args), known),
        split=SplitOptions(tuple(args.held), args.held_share, args.split_in_time, args.tail),
        training=TrainingOptions(
            find_recipe(args.recipe), args.minutes, args.steps, args.learning_rate,
            args.base_share, args.crop, args.workers, args.seed,
        ),
        dev_images=args.dev_images,
        held_images=args.held_images,
        margins=Margins(args.held_margin / 100, args.base_margin / 100),
        storage=args.storage,
        engine_cache=args.engine_cache,
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
        dry_run(settings)
        return
    done = retrain(settings)
    print(f"{done.verdict.words}\nreport: {done.report}\n{switch_words(done.artifact)}\n{done.switch}")
