"""Tables of the page about the models, from the cards of artifacts and from kept measurements.

A number that a card or the measurements do not have is an empty cell, or "not measured".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.gpu_report import gpu_time
from depth_sr_ros.artifact import Artifact, Card
from depth_sr_ros.models import create_model
from training.recipes.provenance import Stage, plain_machine, provenance_of

TEST_SCENES = ("dolls", "laundry", "reindeer")
LARGE_DISPARITIES = ("Motorcycle_v0", "Motorcycle_v1", "Recycle_v0", "Recycle_v1", "Shelves_v0", "Shelves_v1")

Errors = Mapping[str, float]
Weights = Mapping[str, Artifact]


def weights_table(weights: Weights, times: Mapping[str, Any], uses: Mapping[str, str], gpu: Mapping[str, Any]) -> str:
    """One row per artifact: parameters, errors, training, times, use.

    Args:
        weights: artifacts by name.
        times: as `measure_times` gives them.
        uses: what artifacts are good for, by name, or by model for those without words of their own.
        gpu: what `bench.gpu` measured.
    """
    head = ["weights", "parameters", "error on test", "bicubic", "to bicubic on dev", "trained"]
    head += ["CPU, ms per frame", "GPU, ms per frame", "good for"]
    rows = []
    for name, artifact in weights.items():
        card = artifact.card
        test, dev = _scores(card, "test"), _scores(card, "dev")
        figures = [_number(test.get("mean")), _number(test.get("bicubic_mean")), _number(dev.get("mean_ratio"))]
        trained = training_spent(provenance_of(artifact.weights).stages)
        spent = [trained, _time(times, artifact, name), _gpu_time(gpu, artifact)]
        rows.append([f"`{name}`", f"{parameters(card):,}", *figures, *spent, uses.get(name, uses.get(card.model, ""))])
    return _table(head, rows)


def gains_table(weights: Weights, classical: Mapping[str, Errors]) -> str:
    """How much smaller than bicubic's the errors are: the six images with large disparities, the others, the test."""
    head = ["", *(name.replace("_v", " ") for name in LARGE_DISPARITIES), "mean of these", "other dev images", "test"]
    rows = []
    for name, artifact in weights.items():
        errors, plain = _errors(artifact.card, "rmse"), _errors(artifact.card, "bicubic")
        rows.append([f"`{name}`", *_gains(errors, plain)])
    plain = classical.get("bicubic", {})
    rows += [[name, *_gains(errors, plain)] for name, errors in classical.items() if name != "bicubic"]
    return _table(head, rows)


def classical_table(classical: Mapping[str, Errors]) -> str:
    """Errors of the methods that learn nothing."""
    plain = classical.get("bicubic", {})
    head = ["method", *(name.capitalize() for name in TEST_SCENES), "mean", "to bicubic on dev"]
    rows = []
    for name, errors in classical.items():
        test = [errors.get(scene) for scene in TEST_SCENES]
        ratios = [error / plain[image] for image, error in errors.items() if image not in TEST_SCENES]
        rows.append([name, *map(_number, test), _number(_mean(test)), _number(_mean(ratios))])
    return _table(head, rows)


def timing_note(times: Mapping[str, Any], gpu: Mapping[str, Any]) -> str:
    """How times were measured, by those in `weights_table`."""
    return " ".join([_cpu_note(times), *([_gpu_note(gpu["machine"])] if "machine" in gpu else [])])


def _cpu_note(times: Mapping[str, Any]) -> str:
    if not times:
        return "Times on a CPU have not been measured yet."
    return (
        f"CPU: processor time of one thread for a whole frame of 640x480, median of {times['rounds']}, "
        f"{times['engine']} on {times['machine']}, {times['date']} (load average {times['load']:g}). That is about "
        "what a frame takes on one free core."
    )


def _gpu_note(about: Mapping[str, Any]) -> str:
    return (
        f"GPU: the network and the frame graph around it by `torch-cuda`, without the copies of the frame, median of "
        f"{about['rounds']} by the GPU's clock, {about['name']}, {about['date']}; measured once for every network, "
        "whatever its weights. More is on [the engines' page](engines.md)."
    )


def parameters(card: Card) -> int:
    """Parameters of the network that runs; parts that only training needs do not count."""
    return sum(parameter.numel() for parameter in create_model(card.model, **card.options).parameters())


def training_spent(stages: Iterable[Stage]) -> str:
    """Steps and minutes on each machine over all stages, of other networks, other scales and averaged runs too.

    Machines are in the order of their first use.
    """
    spent: dict[str, list[float]] = {}
    for stage in stages:
        if "steps" in stage:  # an average of runs took none
            machine = plain_machine(stage.get("machine", "machine unknown"))
            on = spent.setdefault(machine, [0, 0])
            on[0], on[1] = on[0] + stage["steps"], on[1] + stage.get("minutes", 0)
    return "; ".join(f"{steps:,} steps, {_minutes(took)}, {on}" for on, (steps, took) in spent.items())


def _minutes(spent: float) -> str:
    return f"{spent:.0f} min" if spent >= 10 else f"{spent:.1f} min"


def _scores(card: Card, split: str) -> Mapping[str, Any]:
    found = card.evaluation.get(split, {})
    return found if isinstance(found, Mapping) else {}


def _errors(card: Card, what: str) -> Errors:
    return {**_scores(card, "dev").get(what, {}), **_scores(card, "test").get(what, {})}


def _gains(errors: Errors, plain: Errors) -> list[str]:
    """Cells: gain on each of the six, and its means over them, over the rest of dev and over the test scenes."""
    gains = {image: 1 - error / plain[image] for image, error in errors.items() if image in plain}
    six = [gains.get(image) for image in LARGE_DISPARITIES]
    rest = [gain for image, gain in gains.items() if image not in (*LARGE_DISPARITIES, *TEST_SCENES)]
    means = _mean(six), _mean(rest), _mean([gains.get(scene) for scene in TEST_SCENES])
    return [_percent(value) for value in (*six, *means)]


def _mean(values: Iterable[float | None]) -> float | None:
    """None unless every value is there."""
    known = list(values)
    return sum(known) / len(known) if known and None not in known else None  # type: ignore[arg-type]


def _time(times: Mapping[str, Any], artifact: Artifact, name: str) -> str:
    found = times.get("frames", {}).get(name)
    if found is None or found["weights_id"] != artifact.weights_id:
        return "not measured"
    return f"{found['median_ms']:.0f} ({found['precision']})"


def _gpu_time(gpu: Mapping[str, Any], artifact: Artifact) -> str:
    found = gpu_time(gpu, artifact)
    return "not measured" if found is None else f"{found[0]:.2f} ({found[1]})"


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}".replace("-", "−")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
