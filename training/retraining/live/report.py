"""The report of a retraining of live weights: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from depth_sr_ros.cameras.picture import Panel, Scale, compose, false_colours
from depth_sr_ros.cameras.registration import MEASURED
from depth_sr_ros.models import LiveNetwork
from training.datasets.live.dev import DevCrop
from training.datasets.live.recorded import Depth
from training.extraction.manifest import replace_file
from training.retraining.held_pictures import Picture, shown
from training.retraining.html_report import REPORT, embedded, loss_chart
from training.retraining.live.judging import HELD, LiveVerdict, change
from training.retraining.verdict import per_cent

_ERRORS_SHOWN = 97  # percentile of the old weights' errors that the error scale ends at
_MEASURES = (("mae", "overall"), ("edges", "at edges"), ("elsewhere", "elsewhere"))


@dataclass(frozen=True)
class LiveRow:
    """A line of the table: errors in millimetres of the filter, the old and the new weights; None where there is none.

    Attributes:
        name: what was measured where.
        known: of the filter, of the old weights and of the new.
        change: of the new against the old.
        decides: whether promotion depends on it.
    """

    name: str
    known: tuple[float | None, float | None, float | None]
    change: str
    decides: bool = False


@dataclass(frozen=True)
class LiveReport:
    """What a report tells.

    Attributes:
        title: of the page.
        verdict: the decision.
        before: of `LiveJudge.score`.
        after: likewise.
        facts: names and values of what was used.
        losses: steps and losses.
        in_time: whether recordings were split in time.
        frames: frames by recording, to train on and held.
        notes: sentences about recordings.
        pictures: of held frames.
        promotion: the switch line, and what serves; empty where refused.
    """

    title: str
    verdict: LiveVerdict
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    facts: Mapping[str, str]
    losses: Sequence[tuple[int, float]]
    in_time: bool
    frames: Mapping[str, Mapping[str, int]]
    notes: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    promotion: Mapping[str, str] = field(default_factory=dict)


def write_live_report(report: LiveReport, out: Path) -> Path:
    """Writes the report whole. Raises OSError where it cannot be written."""
    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader([here, here.parent]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template("live_report.html.j2").render(
        report=report,
        rows=live_rows(report.before, report.after),
        honest=[(one["camera"], one["honest"]) for one in report.after[HELD]],
        loss_chart=Markup(loss_chart(report.losses)),
        embedded=embedded,
    )
    replace_file(out / REPORT, page.encode())
    return out / REPORT


def live_rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[LiveRow]:
    """Errors by recording, and for each set the mean change that decides."""
    rows = []
    for name, found in before.items():
        if name == HELD:
            for old, new in zip(found, after[name], strict=True):
                rows += [_row(old, new, measure, words) for measure, words in _MEASURES]
        what = "all held frames" if name == HELD else name
        rows.append(LiveRow(f"{what}: mean change", (None, None, None), per_cent(change(after[name], found)), True))
    return rows


def _row(old: Mapping[str, Any], new: Mapping[str, Any], measure: str, words: str) -> LiveRow:
    columns = ((old, "filter"), (old, "network"), (new, "network"))
    filtered, before, after = (of["measures"][method][measure] for of, method in columns)
    ratio = per_cent(after / before - 1) if before and after is not None else ""
    return LiveRow(f"{old['camera']}, {words}", (filtered, before, after), ratio)


def held_pictures(crops: Sequence[DevCrop], old: LiveNetwork, new: LiveNetwork) -> list[Picture]:
    """One picture per crop: colour, input, results and target above, errors below, all errors on one scale."""
    results = [{"filter": one.crop.smooth, "before": _run(old, one), "after": _run(new, one)} for one in crops]
    errors = [_errors(one, found["before"]) for one, found in zip(crops, results, strict=True)]
    known = np.concatenate([error[np.isfinite(error)] for error in errors])
    high = float(np.percentile(known, _ERRORS_SHOWN)) if known.size else 1.0
    scale = Scale(0.0, max(high, 1.0), "mm", "error")
    return [_drawn(one, found, scale) for one, found in zip(crops, results, strict=True)]


@torch.no_grad()
def _run(network: LiveNetwork, one: DevCrop) -> Depth:
    batch = one.crop.tensors()
    outputs = network(*(batch[name][None] for name in ("guide", "start", "near", "far", "quality")))
    return np.asarray(outputs.depth[0, 0].float().numpy(), np.float32)


def _errors(one: DevCrop, depth: Depth) -> Depth:
    return np.asarray(1e3 * np.abs(depth - one.crop.truth), np.float32)


def _drawn(one: DevCrop, results: Mapping[str, Depth], error: Scale) -> Picture:
    depth = Scale.of_depth(one.crop.truth)
    measured = np.where(one.crop.registered.quality == MEASURED, one.crop.registered.start, np.float32(np.nan))
    above = [
        Panel(shown(np.ascontiguousarray(one.rgb[..., ::-1])), "colour"),
        Panel(shown(false_colours(measured, depth)), "measured, as it goes in"),
        *(Panel(shown(false_colours(results[name], depth)), name) for name in ("before", "after")),
        Panel(shown(false_colours(one.crop.truth, depth)), "target", depth),
    ]
    below = [Panel(shown(np.full((*one.crop.truth.shape, 3), 24, np.uint8)), "")]
    for name in ("filter", "before", "after"):
        values = _errors(one, results[name])
        below.append(Panel(shown(false_colours(values, error)), f"error of {name}, {np.nanmean(values):.1f} mm"))
    below[-1] = Panel(below[-1].image, below[-1].caption, error)
    title = f"{one.camera}, frame {one.scene}"
    return Picture(title, compose([*above, *below], columns=5, title=title))
