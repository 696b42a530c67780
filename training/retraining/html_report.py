"""The report of a retraining: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from training.extraction.manifest import replace_file
from training.extraction.shards import png
from training.retraining.charts import Series, chart, smoothed
from training.retraining.held_pictures import Picture
from training.retraining.held_scores import held_means, recordings
from training.retraining.noise import MeasuredNoise
from training.retraining.verdict import Verdict, per_cent

REPORT = "report.html"


@dataclass(frozen=True)
class Row:
    """A line of a table: what, before, after, bicubic, change."""

    name: str
    before: float | None
    after: float | None
    bicubic: float | None
    decides: bool = False

    @property
    def change(self) -> str:
        """After relative to before."""
        if self.before is None or self.after is None or not self.before:
            return ""
        return per_cent(self.after / self.before - 1)

    @property
    def worse(self) -> bool:
        """Whether errors grew."""
        return self.before is not None and self.after is not None and self.after > self.before


@dataclass(frozen=True)
class ReportContent:
    """What a report tells.

    Attributes:
        title: model and scale.
        verdict: the decision.
        before: of `evaluate_both`.
        after: likewise.
        main: protocol of the base set that comes first.
        noise: what was measured.
        losses: steps and losses.
        facts: names and values of what was used.
        in_time: whether recordings were split in time.
        frames: frames by recording, to train on and held.
        notes: sentences about recordings.
        pictures: of held frames.
        base_pictures: of the base set.
        promotion: the switch line, and what serves; empty where refused.
    """

    title: str
    verdict: Verdict
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    main: str
    noise: MeasuredNoise
    losses: Sequence[tuple[int, float]]
    facts: Mapping[str, str]
    in_time: bool
    frames: Mapping[str, Mapping[str, int]]
    notes: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    base_pictures: Sequence[Picture] = ()
    promotion: Mapping[str, str] = field(default_factory=dict)


def write_report(content: ReportContent, out: Path) -> Path:
    """Writes the report whole. Raises OSError where it cannot be written."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template("report.html.j2").render(
        report=content,
        held=held_rows(content.before, content.after),
        base=base_rows(content.before, content.after, content.main),
        loss_chart=Markup(loss_chart(content.losses)),
        noise_chart=Markup(_noise_chart(content.noise)),
        embedded=embedded,
        per_cent=per_cent,
    )
    replace_file(out / REPORT, page.encode())
    return out / REPORT


def held_rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Row]:
    """RMSE and MAE in millimetres, of all held frames and of each recording."""
    rows: list[Row] = []
    names: list[str | None] = [None, *recordings(before)] if len(recordings(before)) > 1 else [None]
    for name in names:
        old, new = held_means(before, name), held_means(after, name)
        where = "all held frames" if name is None else name
        for measure in ("rmse", "mae"):
            words = f"{where}, {measure.upper()} (mm)"
            rows.append(Row(words, old[measure], new[measure], old[f"bicubic_{measure}"], not rows))
    return rows


def base_rows(before: Mapping[str, Any], after: Mapping[str, Any], main: str) -> list[Row]:
    """Mean RMSE and mean ratio to bicubic of the base set, by protocol."""
    rows = []
    for name in sorted(after["base"], key=lambda one: one != main):
        new = after["base"][name]
        old = before["base"][name]
        rows.append(Row(f"{name}, mean RMSE", old["mean"], new["mean"], old["bicubic_mean"], True))
        rows.append(Row(f"{name}, mean of RMSE / bicubic's", old["mean_ratio"], new["mean_ratio"], 1.0))
    return rows


def embedded(picture: Picture) -> str:
    """A PNG inside a page."""
    return "data:image/png;base64," + base64.b64encode(png(picture.image)).decode()


def loss_chart(losses: Sequence[tuple[int, float]]) -> str:
    """The curve of a run's loss, SVG."""
    points = [(float(step), loss) for step, loss in losses]
    return chart([Series("loss, means of runs of steps", smoothed(points))], "step", "loss")


def _noise_chart(noise: MeasuredNoise) -> str:
    if not noise.bins:
        return ""
    points = [(one.depth, 1e3 * one.sigma) for one in noise.bins]
    low, high = points[0][0], points[-1][0]
    depths = [low + (high - low) * number / 40 for number in range(41)]
    sensor = noise.sensor
    fitted = [(z, 1e3 * (sensor.constant + sensor.quadratic * z**2)) for z in depths]
    return chart([Series("fitted", fitted), Series("measured", points, joined=False)], "depth, m", "noise, mm")
