"""Command line of the offline side: `python -m training COMMAND ...`, from bags to shards to weights to artifacts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from depth_sr_ros.command_line import exit_status
from depth_sr_ros.models.weights import Storage
from training.evaluation import command as compare_command
from training.extraction import command as extraction
from training.fitting import live_quantising
from training.fitting.live import calibrate_command
from training.fitting.live.run_artifact import export_live_run
from training.fitting.live.train import train_live
from training.fitting.run_artifact import export_run
from training.fitting.start_weights import Given, named_weights, recipe_to_train
from training.fitting.train import train
from training.fusion import command as fusion
from training.recipes.live_recipe import find_live_recipe
from training.retraining import command as retraining
from training.surgery.average import average_runs
from training.surgery.grow import grow_run
from training.surgery.shrink import shrink_run


def main(argv: list[str] | None = None) -> int:
    """Entry point. Returns the exit status, see `depth_sr_ros.command_line.ExitStatus`."""
    args = _parser().parse_args(argv)
    return exit_status(lambda: args.run_command(args), f"python -m training {args.command}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    recipe = argparse.ArgumentParser(add_help=False)
    recipe.add_argument("--recipe", required=True, help="name of a shipped recipe (fdkn_x8_local), or a YAML file")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data", required=True, type=Path,
        help="folder with a manifest.csv, or with the data sets that the recipe names",
    )  # fmt: skip

    command = commands.add_parser("train", parents=[recipe, data], help="train a network by a recipe")
    command.add_argument("--out", required=True, type=Path, help="folder for checkpoints, logs and weights")
    command.add_argument("--resume", action="store_true", help="go on from OUT/last.ckpt")
    command.add_argument(
        "--start-from", metavar="WEIGHTS",
        help="begin with these weights instead of the recipe's: a weights.safetensors, or the name of shipped ones "
        "(fdkn_x8)",
    )  # fmt: skip
    command.add_argument(
        "--max-steps", type=_steps, default=0, metavar="N", help="end after N steps at most (default: the recipe's)"
    )
    command.set_defaults(run_command=_train)

    command = commands.add_parser("evaluate", help=compare_command.DESCRIPTION)
    compare_command.add_arguments(command)
    command.set_defaults(run_command=compare_command.run)

    command = commands.add_parser("grow", parents=[recipe], help="start a wide network from a trained narrow one")
    command.add_argument("--narrow-recipe", required=True, help="recipe of the trained network")
    command.add_argument("--run", required=True, type=Path, help="its run, the OUT folder of `train`, or an artifact")
    command.add_argument("--out", required=True, type=Path, help="folder for the weights to start from")
    command.set_defaults(run_command=lambda a: print(grow_run(a.narrow_recipe, a.run, a.recipe, a.out)))

    command = commands.add_parser("shrink", parents=[recipe], help="start a small FDKN, JIIF or DADA from a large one")
    command.add_argument("--wide-recipe", required=True, help="recipe of the trained network")
    command.add_argument("--run", required=True, type=Path, help="its run, the OUT folder of `train`, or an artifact")
    command.add_argument("--out", required=True, type=Path, help="folder for the weights to start from")
    command.set_defaults(run_command=lambda a: print(shrink_run(a.wide_recipe, a.run, a.recipe, a.out)))

    command = commands.add_parser("average", help="mean of the weights of several runs of one network")
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="OUT folders of `train`")
    command.add_argument("--out", required=True, type=Path, help="folder to write")
    command.add_argument(
        "--shares", nargs="+", type=float, metavar="SHARE", help="how much each run counts, as 1 4 (default: alike)"
    )
    command.add_argument(
        "--part", nargs="+", action="append", default=[], metavar="WORD SHARE", dest="parts",
        help="other shares for the weights with this word in their names, as --part guide 3 7; repeat for further ones",
    )  # fmt: skip
    command.set_defaults(run_command=lambda a: print(average_runs(a.runs, a.out, a.shares, _parts(a.parts))))

    command = commands.add_parser("export", parents=[recipe], help="evaluate a run, write an artifact")
    command.add_argument(
        "--data", type=Path,
        help="folder with a manifest.csv whose dev and test are evaluated; without it the card has no errors",
    )  # fmt: skip
    command.add_argument("--run", required=True, type=Path, help="the OUT folder of `train`")
    command.add_argument("--artifact", required=True, type=Path, help="folder to write, e.g. artifacts/fdkn_x8")
    command.add_argument("--storage", choices=get_args(Storage), default="fp16", help="of weights (default fp16)")
    command.add_argument("--variant", default="", help="what the weights are for, where not the papers' depth: live")
    command.set_defaults(run_command=_export)

    command = commands.add_parser("quantise-live", help=live_quantising.DESCRIPTION)
    live_quantising.add_arguments(command)
    command.set_defaults(run_command=live_quantising.run)

    command = commands.add_parser("calibrate-error", parents=[recipe, data], help=calibrate_command.DESCRIPTION)
    calibrate_command.add_arguments(command)
    command.set_defaults(run_command=calibrate_command.run)

    command = commands.add_parser("extract", help=extraction.EXTRACT)
    extraction.add_extract_arguments(command)
    command.set_defaults(run_command=extraction.run_extract)

    command = commands.add_parser("make-bag", help=extraction.MAKE_BAG)
    extraction.add_make_bag_arguments(command)
    command.set_defaults(run_command=extraction.run_make_bag)

    command = commands.add_parser("fuse", help=fusion.DESCRIPTION)
    fusion.add_arguments(command)
    command.set_defaults(run_command=fusion.run)

    command = commands.add_parser("retrain", help=retraining.DESCRIPTION)
    retraining.add_arguments(command)
    command.set_defaults(run_command=retraining.run_retrain)
    return parser


def _parts(words: Sequence[Sequence[str]]) -> dict[str, list[float]]:
    """`--part WORD SHARE...` by word. Raises ValueError where a share is no number."""
    try:
        return {word: [float(share) for share in shares] for word, *shares in words}
    except ValueError as error:
        raise ValueError(f"--part: expected a word and a number for each run, found {list(words)}") from error


def _train(args: argparse.Namespace) -> None:
    live = find_live_recipe(args.recipe)
    if live is not None:
        start = None if args.start_from is None else named_weights(args.start_from)
        print(train_live(live, args.data, args.out, args.resume, start, args.max_steps))
        return
    recipe = recipe_to_train(args.recipe, args.out, Given(args.start_from, args.max_steps), args.resume)
    print(train(recipe, args.data, args.out, args.resume))


def _export(args: argparse.Namespace) -> None:
    live = find_live_recipe(args.recipe)
    if live is not None:
        if args.variant:
            raise ValueError(f"--variant: expected none for weights of a live recipe, found {args.variant!r}")
        artifact = export_live_run(live, args.run, args.data, args.artifact, args.storage)
        print(f"{artifact.folder}: {artifact.card.evaluation}")
        return
    artifact = export_run(args.recipe, args.run, args.data, args.artifact, args.storage, args.variant)
    print(f"{artifact.folder}: {artifact.card.evaluation}")


def _steps(words: str) -> int:
    if not words.isdigit() or int(words) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more steps, found {words}")
    return int(words)


if __name__ == "__main__":
    sys.exit(main())
