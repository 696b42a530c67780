"""What a comparison found, as CSV, as Markdown and as pictures."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from training.evaluation.comparison import Result
from training.evaluation.protocols import UNITLESS, protocol
from training.evaluation.published import paper_layout, read_published

_FIELDS = ("dataset", "split", "scene", "image", "protocol", "scale", "method", "unit", "seconds")
_TITLES = {
    "rmse": "RMSE",
    "mae": "MAE",
    "mse": "MSE",
    "boundary_rmse": "RMSE at edges",
    "bad": "off by > 1, %",
    "lr_mse": "low-resolution MSE",
    "weighted_f": "weighted F-measure",
    "f": "F-measure",
}
_SQUARED = ("mse", "lr_mse")
_MOST_COLUMNS = 12


def write_csv(results: Sequence[Result], path: Path) -> None:
    """One line per method, image, protocol and scale, with all measures; empty where there was nothing to measure."""
    measures = list(dict.fromkeys(name for result in results for name in result.measures))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*_FIELDS, *measures])
        for result in results:
            values = [f"{result.measures[name]:.6g}" if name in result.measures else "" for name in measures]
            known = {**vars(result), "seconds": "" if math.isnan(result.seconds) else result.seconds}
            writer.writerow([*(known[field] for field in _FIELDS), *values])


def markdown(results: Sequence[Result]) -> str:
    """All tables.

    Per data set, protocol and scale the reported measures by image and the means of all measures; then the papers'
    tables that the results belong to. A cell is empty where there was nothing to measure, and `nan` where a result was
    not finite, for an image and for every mean that it enters. Notes on the results stand below their tables.
    """
    groups: dict[tuple[str, str, str, float], list[Result]] = {}
    for result in results:
        groups.setdefault((result.dataset, result.split, result.protocol, result.scale), []).append(result)
    blocks = []
    for (dataset, split, name, scale), some in groups.items():
        blocks.append(f"## {dataset} ({split}), {name}, x{scale}")
        blocks += [_by_image(some, measure) for measure in protocol(name).reported]
        blocks.append(_all_measures(some))
        blocks += [f"Note: {note}." for note in dict.fromkeys(note for result in some for note in result.notes)]
    papers = [text for table in read_published() if (text := paper_layout(table, results))]
    if papers:
        blocks += ["## In the papers' layout", *papers]
    return "\n\n".join(blocks) + "\n"


def _by_image(results: Sequence[Result], measure: str) -> str:
    """Methods down, images and their mean across; only the mean where there are many images."""
    images = list(dict.fromkeys(result.image for result in results))
    shown = images if len(images) <= _MOST_COLUMNS else []
    unit = "" if measure in UNITLESS else f" ({results[0].unit}{'²' if measure in _SQUARED else ''})"
    head = [f"{_TITLES[measure]}{unit}", *shown, f"mean of {len(images)}"]
    rows = []
    for method, some in _by_method(results):
        of_image = {result.image: result.measures.get(measure) for result in some}
        rows.append([method, *(_number(of_image[image]) for image in shown), _number(_mean(of_image.values()))])
    return _table(head, rows)


def _all_measures(results: Sequence[Result]) -> str:
    names = list(dict.fromkeys(name for result in results for name in result.measures))
    rows = [
        [
            method,
            *(_number(_mean(result.measures.get(name) for result in some)) for name in names),
            _number(_mean(None if math.isnan(result.seconds) else result.seconds for result in some)),
        ]
        for method, some in _by_method(results)
    ]
    return _table(["mean", *(_TITLES[name] for name in names), "seconds per image"], rows)


def _by_method(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    grouped: dict[str, list[Result]] = {}
    for result in results:
        grouped.setdefault(result.method, []).append(result)
    return list(grouped.items())


def _mean(values: Iterable[float | None]) -> float | None:
    """Of the images that had something to measure; None where none had."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if value >= 100 else f"{value:.3f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
