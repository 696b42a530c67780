"""What the card of new weights says of their making."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from training.fitting.train import RECIPES
from training.retraining.held_scores import held_means
from training.retraining.html_report import ReportContent
from training.retraining.settings import Settings, SplitOptions, TrainingOptions
from training.retraining.starting_artifact import Start


def card_facts(settings: Settings, start: Start, content: ReportContent, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the new card says: `training`, `evaluation` and `command`; `facts` are those of the training run."""
    base = dict(content.after["base"])
    main = base.pop(start.main)
    training = {key: value for key, value in facts.items() if key not in ("sha256", "resumed", "command")}
    return {
        "training": training
        | {
            "recipe": settings.training.recipe.stem,
            "recordings": {name: dict(count) for name, count in content.frames.items()},
            "noise": content.noise.as_text(),
            "selected_on": "nothing: the last weights",
        },
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


def command_of(settings: Settings) -> str:
    """The command line that was given, but for paths of this machine and for what changes no number."""
    words = ["python -m training retrain --bags BAGS", f"--model {settings.model} --scale {settings.scale}"]
    words += ["--from ARTIFACT"] if settings.start else []
    words += ["--data BASE"] if settings.data else []
    words += [f"--held {shlex.quote(name)}" for name in settings.split.held]
    words += ["--split-in-time"] if settings.split.in_time else []
    words += ["--registered"] if settings.extraction.bags.registered else []
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
    bags, recipe = settings.extraction.bags, training.recipe
    shipped = RECIPES / recipe.parent.name / recipe.name == recipe
    return [
        ("--held-share", split.held_share, not split.held and not split.in_time),
        ("--tail", split.tail, split.in_time),
        ("--minutes", training.minutes, True),
        ("--steps", training.steps, True),
        ("--learning-rate", training.learning_rate, True),
        ("--base-share", training.base_share, True),
        ("--crop", training.crop, True),
        ("--recipe", f"{recipe.parent.name}/{recipe.stem}" if shipped else recipe.name, True),
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
