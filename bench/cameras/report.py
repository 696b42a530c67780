"""Tables of what `bench.cameras` measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bench.cameras.methods import METHODS
from training.degradation.two_cameras.known_cameras import SENSORS, SWEEP

Results = Mapping[str, Any]
Row = Mapping[str, float]

NOT_MEASURED = "Not measured.\n"

_GROUPS = {
    "middlebury2014": "Middlebury 2014 (Motorcycle, Recycle, Shelves)",
    "middlebury2006": "Middlebury 2006 (Aloe, Flowerpots, Monopoly, Plastic)",
    "icl": "ICL-NUIM living room (two frames)",
    "procedural": "procedural scenes (three)",
}


def report(results: Results) -> str:
    """All tables as Markdown."""
    parts = []
    for group, title in groups(results).items():
        parts.append(f"## {title}\n\n{sweep_table(results, group)}\n{doubts_table(results, group)}")
    parts.append(f"## Cameras\n\n{sensors_table(results)}\n{flying_table(results)}")
    parts.append(f"## A real recording\n\n{recorded_table(results)}")
    return "\n".join(parts)


def groups(results: Results) -> dict[str, str]:
    """Titles by name of the groups of scenes that were looked at."""
    found = {cell["group"] for cell in results.get("cells", {}).values()}
    return {name: title for name, title in _GROUPS.items() if name in found}


def mean_of(results: Results, camera: str, method: str, group: str | None = None) -> dict[str, float] | None:
    """Scores of a method with a camera, averaged over the scenes of a group, or of all; None where not measured."""
    rows = [
        cell["methods"][method]
        for name, cell in results.get("cells", {}).items()
        if name.split("/")[0] == camera and group in (None, cell["group"]) and method in cell["methods"]
    ]
    if not rows:
        return None
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}


def sweep_table(results: Results, group: str) -> str:
    """Errors over ratios."""
    return _table(results, SWEEP, group, _errors, lambda name: f"{SWEEP[name].ratio:g}", "r")


def doubts_table(results: Results, group: str) -> str:
    """Gross errors, flying pixels, and errors where the driver's depth has a value, over ratios."""
    return _table(results, SWEEP, group, _doubts, lambda name: f"{SWEEP[name].ratio:g}", "r")


def sensors_table(results: Results) -> str:
    """Errors by camera."""
    return _table(results, SENSORS, None, _errors, _sensor_title, "camera (r)")


def flying_table(results: Results) -> str:
    """Gross errors and flying pixels by camera."""
    return _table(results, SENSORS, None, _doubts, _sensor_title, "camera (r)")


def recorded_table(results: Results) -> str:
    """Scores on frames of a real recording, averaged over these."""
    frames = list(results.get("recorded", {}).values())
    if not frames:
        return NOT_MEASURED
    rows = ["| method | all / at edges / elsewhere, mm | gross | fly | has a value |", "|---|---|---|---|---|"]
    for name, (title, _) in METHODS.items():
        if found := [frame[name] for frame in frames if name in frame]:
            mean = {key: sum(row[key] for row in found) / len(found) for key in found[0]}
            errors = f"{mean['mae']:.1f} / {mean['edges']:.0f} / {mean['elsewhere']:.1f}"
            rows.append(f"| {title} | {errors} | {mean['gross']:.1%} | {mean['flying']:.1%} | {mean['coverage']:.1%} |")
    return "\n".join(rows) + "\n"


def _sensor_title(name: str) -> str:
    return f"{SENSORS[name].title} ({SENSORS[name].ratio:.1f})"


def _table(
    results: Results,
    cameras: Mapping[str, Any],
    group: str | None,
    words: Callable[[Row], str],
    title: Callable[[str], str],
    corner: str,
) -> str:
    methods = [name for name in METHODS if any(mean_of(results, camera, name, group) for camera in cameras)]
    rows = list(_rows(results, cameras, group, methods, words, title))
    if not rows:
        return NOT_MEASURED
    head = f"| {corner} | " + " | ".join(METHODS[name][0] for name in methods) + " |"
    return "\n".join([head, "|---" * (len(methods) + 1) + "|", *rows]) + "\n"


def _rows(
    results: Results,
    cameras: Mapping[str, Any],
    group: str | None,
    methods: Sequence[str],
    words: Callable[[Row], str],
    title: Callable[[str], str],
) -> Iterator[str]:
    for camera in cameras:
        found = [mean_of(results, camera, name, group) for name in methods]
        if any(found):
            yield f"| {title(camera)} | " + " | ".join(words(row) if row else "" for row in found) + " |"


def _errors(row: Row) -> str:
    covered = "" if row["coverage"] > 0.9995 else f" ({row['coverage']:.0%})"
    return f"{row['mae']:.1f} / {row['edges']:.0f} / {row['elsewhere']:.1f}{covered}"


def _doubts(row: Row) -> str:
    return f"{row['gross']:.1%} / {row['flying']:.1%} / {row['on_driver']:.1f}"
