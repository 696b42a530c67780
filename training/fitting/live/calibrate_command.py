"""`python -m training calibrate-error`: is a live run's expected error honest, and weights where it is."""

from __future__ import annotations

import argparse
import copy
import shutil
from collections.abc import Mapping
from pathlib import Path

from depth_sr_ros.models import create_live_model
from depth_sr_ros.models.weights import save_weights
from depth_sr_ros.recordings.image_files import write_image
from training.datasets.live.dev import dev_crops
from training.fitting.live.calibration import fit_correction, halves, miss, stated_of, table, together
from training.fitting.live.reliability_plot import reliability_plot
from training.networks.loading import load_into
from training.recipes.live_recipe import find_live_recipe, load_live_recipe
from training.recipes.provenance import provenance_of

DESCRIPTION = "tell how honest a live run's expected error is, and correct it"
_KEPT = "validation.npz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments, beside --recipe and --data."""
    parser.add_argument("--run", required=True, type=Path, help="the OUT folder of `train`")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="stated against found, to draw")
    parser.add_argument(
        "--out", type=Path,
        help="folder to write corrected weights into, for `export --run`; fitted on all scenes, and only "
        "where the same fit on half of them is better on the others",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Runs the command.

    Raises:
        FileNotFoundError: no weights in the run's folder, or no manifest.
        ValueError: no live recipe, weights of another network, or a correction that cannot be believed.
    """
    file = find_live_recipe(args.recipe)
    if file is None:
        raise ValueError(f"--recipe: expected a live recipe such as fdkn_live, found {args.recipe!r}")
    if args.out is not None and args.out.resolve() == args.run.resolve():
        raise ValueError(f"--out: expected another folder than the run's, found {args.out}")
    recipe, weights = load_live_recipe(file), args.run / "weights.safetensors"
    network = create_live_model(recipe.model, **recipe.model_options).eval()
    load_into(network, weights, f"{recipe.model}'s live form")
    crops = dev_crops(args.data, args.run / _KEPT)
    before = stated_of(network, crops)
    print(table(together(before)))
    if args.plot is not None:
        write_image(args.plot, reliability_plot(together(before)))
    if args.out is None:
        return
    first, second = halves(crops)
    constant, slope = fit_correction(together([before[number] for number in first]))
    corrected = copy.deepcopy(network)
    corrected.correct_error(constant, slope)
    others = [crops[number] for number in second]
    after = together(stated_of(corrected, others))
    missed = miss(together([before[number] for number in second])), miss(after)
    print(f"\nfitted on {len(first)} crops: constant {constant:.3f}, slope {slope:.3f}; on the {len(second)} others:\n")
    print(f"{table(after)}\n\nmean distance {missed[0]:.3f} before, {missed[1]:.3f} after")
    if missed[1] >= missed[0]:
        print("no better: no weights are written; export the run as it is")
        return
    constant, slope = fit_correction(together(before))
    corrected = copy.deepcopy(network)
    corrected.correct_error(constant, slope)
    print(f"\nfitted on all crops: constant {constant:.3f}, slope {slope:.3f}:\n")
    print(table(together(stated_of(corrected, crops))))
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "weights.safetensors"
    save_weights(corrected.state_dict(), path)
    record = provenance_of(weights)
    facts = {"error_correction": _both(record.last.get("error_correction"), constant, slope)}
    record.amended(record.last["id"], facts).stored(path).write(args.out)
    shutil.copyfile(args.run / _KEPT, args.out / _KEPT)
    print(path)


def _both(earlier: Mapping[str, float] | None, constant: float, slope: float) -> dict[str, float]:
    """A correction after an earlier one, as a single one of what was trained."""
    if earlier is not None:
        constant, slope = constant + slope * earlier["constant"], slope * earlier["slope"]
    return {"constant": round(constant, 4), "slope": round(slope, 4)}
