"""Fills the generated blocks of docs/models.md: tables of the shipped models, and the list of pictures.

`make models DATA=folder` measures times and classical methods, draws the pictures and fills the page;
`python -m docs.make_models` fills it from cards and the last measurements, and `--check` only says whether it is up to
date. Text outside the blocks is written by hand and kept. The line "**Good for**: ..." below the heading of an
artifact or a model is repeated in the table.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from depth_sr_ros.artifact import SHIPPED, Artifact, list_artifacts, read_artifact
from docs.blocks import with_block
from docs.model_measurements import (
    Measurements,
    measure_classical,
    measure_times,
    read_gpu,
    read_measurements,
    write_measurements,
)
from docs.model_tables import classical_table, gains_table, timing_note, weights_table

PAGE = Path(__file__).parent / "models.md"
IMAGES = Path(__file__).parent / "images"


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, draws, fills; returns the exit status."""
    args = _parser().parse_args(argv)
    _measure(args)
    if args.pictures:
        _draw(args)
    old = PAGE.read_text()
    new = filled(old, shipped(), read_measurements(), read_gpu())
    if args.check:
        return int(old != new)
    PAGE.write_text(new)
    for name in undescribed(new, shipped()):
        print(f"{PAGE.name}: {name} ships, but no section `### {name}` says what it is good for and where it fails")
    return 0


def shipped() -> dict[str, Artifact]:
    """All shipped artifacts of the papers' networks by name, small scales first; docs/cameras.md has the live ones."""
    found = {name: artifact for name in list_artifacts() if (artifact := read_artifact(SHIPPED / name)).card.scale}
    return dict(sorted(found.items(), key=lambda item: (item[1].card.scale, item[0])))


def filled(page: str, weights: dict[str, Artifact], measured: Measurements, gpu: Mapping[str, Any]) -> str:
    """The page with its blocks made anew.

    Args:
        page: as it is.
        weights: artifacts by name.
        measured: see `read_measurements`.
        gpu: see `read_gpu`.

    Raises:
        ValueError: a block is missing or there twice.
    """
    table = weights_table(weights, measured["times"], uses(page), gpu)
    page = with_block(page, "weights", f"{table}\n\n{timing_note(measured['times'], gpu)}\n")
    page = with_block(page, "gains", gains_table(weights, measured["classical"]) + "\n")
    return with_block(page, "classical", classical_table(measured["classical"]) + "\n")


def uses(page: str) -> dict[str, str]:
    """What the page says that artifacts and models are good for, by the section's heading."""
    return dict(re.findall(r"^### `?(\w+)`?\n+\*\*Good for\*\*: (.+)$", page, re.MULTILINE))


def undescribed(page: str, weights: dict[str, Artifact]) -> list[str]:
    """Artifacts and models that nobody has written about: neither the artifact nor its model has a section."""
    written = uses(page)
    return [name for name, one in weights.items() if name not in written and one.card.model not in written]


def _measure(args: argparse.Namespace) -> None:
    measured = read_measurements()
    if args.times:
        measured["times"] = measure_times(args.rounds)
    if args.data:
        measured["classical"] = measure_classical(args.data)
    if args.times or args.data:
        write_measurements(measured)


def _draw(args: argparse.Namespace) -> None:
    from docs.model_pictures import SCALE, draw, real_images, synthetic_images

    cards = {name: artifact.card for name, artifact in shipped().items()}
    # the depth drawn has no noise, and smoothing what is clean tells nothing about weights that were made for it
    weights = [name for name, card in cards.items() if card.scale == SCALE and card.variant != "noisy"]
    for path in (*draw(synthetic_images(), weights, IMAGES), *draw(real_images(args.cache), weights, args.out)):
        print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m docs.make_models", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with a manifest.csv: measure the classical methods on it")
    parser.add_argument("--times", action="store_true", help="measure milliseconds per frame")
    parser.add_argument("--pictures", action="store_true", help="draw the pictures")
    parser.add_argument("--rounds", type=int, default=15, help="frames that are timed")
    parser.add_argument("--cache", type=Path, default=Path("out/cache"), help="where the Motorcycle scene is kept")
    parser.add_argument("--out", type=Path, default=Path("out/models"), help="for pictures that must not be passed on")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where the page is not up to date")
    return parser


if __name__ == "__main__":
    sys.exit(main())
