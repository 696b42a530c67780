"""What the card of new weights says of their making."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from training.recipes.provenance import Provenance, provenance_of, summary
from training.retraining.held_scores import held_means
from training.retraining.html_report import ReportContent
from training.retraining.settings import Settings, SplitOptions, TrainingOptions
from training.retraining.starting_artifact import Start


def record_of_run(settings: Settings, content: ReportContent, weights: Path, name: str) -> Provenance:
    """The record of the new weights: that of the training run, with what the retraining knows of it.

    Args:
        settings: of the retraining.
        content: what it has found.
        weights: file that the run has written.
        name: of the stage.
    """
    facts = {"recipe": settings.training.recipe.typed, "command": command_of(settings), **_recordings(content)}
    return provenance_of(weights).amended(name, facts)


def card_facts(settings: Settings, start: Start, content: ReportContent, record: Provenance) -> dict[str, Any]:
    """What the new card says: `training`, `evaluation` and `command`; `record` is that of the new weights."""
    base = dict(content.after["base"])
    main = base.pop(start.main)
    training = {"recipe": settings.training.recipe.typed, **summary(record), **_recordings(content)}
    return {
        "training": training | {"selected_on": "nothing: the last weights"},
        "evaluation": {
            "protocol": start.main,
            "unit": "ground truth's own (disparity levels or pixels); centimetres for metric depth",
            "dev": main,
            **{name: {"dev": entry} for name, entry in base.items()},
            "held": {"unit": "mm", "frames": len(content.after["held"]), **held_means(content.after)},
            "change": {"held": content.verdict.held, "base": dict(content.verdict.base)},
        },
        "command": command_of(settings),
    }


def _recordings(content: ReportContent) -> dict[str, Any]:
    return {
        "recordings": {name: dict(count) for name, count in content.frames.items()},
        "noise": content.noise.as_text(),
    }


def command_of(settings: Settings) -> str:
    """The command line that was given, but for paths of this machine and for what changes no number."""
    words = ["python -m training retrain --bags BAGS", f"--model {settings.model} --scale {settings.scale}"]
    words += ["--from ARTIFACT"] if settings.start else []
    words += ["--data BASE"] if settings.data else []
    words += [f"--held {shlex.quote(name)}" for name in settings.split.held]
    words += ["--split-in-time"] if settings.split.in_time else []
    words += ["--registered"] if settings.extraction.bags.registered else []
    words += [f"--poses {shlex.quote(settings.poses)}"] if settings.poses else []
    known = {flag: value for flag, value, _ in _options(Settings((), settings.out))}
    words += [
        f"{flag} {shlex.quote(f'{value:g}' if isinstance(value, float) else str(value))}"
        for flag, value, shown in _options(settings)
        if shown and value != known[flag]
    ]
    return " ".join([*words, "--out OUT"])


def _options(settings: Settings) -> list[tuple[str, Any, bool]]:
    """Option, its value, and whether it has any effect beside the others."""
    training: TrainingOptions = settings.training
    split: SplitOptions = settings.split
    bags = settings.extraction.bags
    return [
        ("--held-share", split.held_share, not split.held and not split.in_time),
        ("--tail", split.tail, split.in_time),
        ("--minutes", training.minutes, True),
        ("--steps", training.steps, True),
        ("--learning-rate", training.learning_rate, True),
        ("--base-share", training.base_share, True),
        ("--crop", training.crop, True),
        ("--recipe", training.recipe.typed, True),
        ("--workers", training.workers, True),
        ("--seed", training.seed, True),
        ("--dev-images", settings.dev_images, True),
        ("--held-images", settings.held_images, True),
        ("--held-margin", 100 * settings.margins.held, True),
        ("--base-margin", 100 * settings.margins.base, True),
        ("--storage", settings.storage, True),
        ("--rgb", bags.streams.rgb, True),
        ("--depth", bags.streams.depth, True),
        ("--rgb-info", bags.streams.rgb_info, True),
        ("--depth-info", bags.streams.depth_info, True),
        ("--slop-s", bags.slop_s, True),
        ("--depth-unit", bags.depth_unit, True),
    ]
