"""The numbers that the papers report, `published.yaml`, and our own in the layout of their tables beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from training.evaluation.comparison import Result
from training.evaluation.protocols import UNITLESS

_FILE = Path(__file__).parent / "published.yaml"
# of ours, as many as the papers print; two of all other measures
_DIGITS = {"lr_mse": 3, **dict.fromkeys(UNITLESS, 4)}


@dataclass(frozen=True)
class Images:
    """What a column's numbers are averaged over.

    Attributes:
        sets: data sets that make up the column; that of the column's name where empty.
        split: of which alone results belong into the column; any where empty.
        count: number of the paper's images; 0 where it is not known.
    """

    sets: tuple[str, ...] = ()
    split: str = ""
    count: int = 0


@dataclass(frozen=True)
class PublishedTable:
    """A table of a paper.

    Attributes:
        table: what it shows.
        source: where it was printed.
        protocol: under which our own numbers compare to it.
        measure: which of the protocol's measures it reports.
        scales: in the order of the values.
        by: whether its columns are data sets or scenes.
        columns: the paper's name of each data set or scene.
        rows: by our key of the method: the paper's `name`, and values by column.
        note: what to know before comparing.
        images: of the columns, where they are data sets.
        scenes_of: where columns are scenes, what the names of their data sets have in them, such as `2005`.
        times: how many of the paper's unit make one of ours, see `training.evaluation.cases.unit_of`.
        unit: in which our results have to be to belong, one or several, of all columns or by column; any where empty.
            One data set may be read as levels or metres, under one name.
    """

    table: str
    source: str
    protocol: str
    measure: str
    scales: tuple[int, ...]
    by: Literal["set", "scene"]
    columns: Mapping[str, str]
    rows: Mapping[str, Mapping[str, object]]
    note: str = ""
    images: Mapping[str, Images] = field(default_factory=dict)
    scenes_of: str = ""
    times: float = 1.0
    unit: str | Sequence[str] | Mapping[str, str] = ""

    def __post_init__(self) -> None:
        if (self.by == "scene") != bool(self.scenes_of):
            raise ValueError(f"{self.source}: expected scenes_of where columns are scenes, and nowhere else")
        units = self.unit if isinstance(self.unit, Mapping) else {}
        unknown = {*self.images, *units} - set(self.columns)
        if unknown:
            raise ValueError(f"{self.source}: images or units of {sorted(unknown)}, which are no columns")

    def value(self, key: str, column: str, scale: int) -> float | None:
        """What the paper reports; None where it does not."""
        values = self.rows.get(key, {}).get(column)
        return float(values[self.scales.index(scale)]) if isinstance(values, list) else None


def read_published(path: Path = _FILE) -> list[PublishedTable]:
    """All tables.

    Raises:
        ValueError: a row has another number of values than the table has scales.
    """
    tables = [_table(raw) for raw in yaml.safe_load(path.read_text(encoding="utf-8"))]
    for table in tables:
        for key, row in table.rows.items():
            for column, values in row.items():
                if isinstance(values, list) and len(values) != len(table.scales):
                    raise ValueError(f"{path}: {table.source}, {key}, {column}: expected {len(table.scales)} values")
    return tables


def _table(raw: dict[str, Any]) -> PublishedTable:
    images = {column: Images(**settings) for column, settings in raw.pop("images", {}).items()}
    return PublishedTable(**raw, images=images)


def paper_layout(table: PublishedTable, results: Sequence[Result]) -> str:
    """The table in the paper's layout: our number, the paper's in brackets behind it; Markdown.

    Says over which images ours are, and what else there is to know of them. Empty where none of the results belongs
    into a column of the table.
    """
    asked = [result for result in results if _belongs(table, result)]
    results = [result for result in asked if table.measure in result.measures]
    ours = _ours(table, results)
    if not ours:
        return ""
    columns = [c for c in table.columns if any(place[2] == c for place in ours)]
    scales = [s for s in table.scales if any(place[3] == s for place in ours)]
    lines = [f"{table.table}: ours (paper's). {table.source}." + (f" Note: {table.note}." if table.note else ""), ""]
    lines += ["Ours are over " + "; ".join(_images(table, results, column) for column in columns) + ".", ""]
    for note in dict.fromkeys(note for result in asked for note in result.notes):
        lines += [f"Note: {note}.", ""]
    lines.append("| method | " + " | ".join(f"{table.columns[c]} x{s}" for c in columns for s in scales) + " |")
    lines.append("|" + "---|" * (1 + len(columns) * len(scales)))
    for key, method in _rows(table, ours):
        digits = _DIGITS.get(table.measure, 2)
        cells = [_cell(ours.get((key, method, c, s)), table.value(key, c, s), digits) for c in columns for s in scales]
        if any(cells):
            lines.append(f"| {_title(table, key, method)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _ours(table: PublishedTable, results: Sequence[Result]) -> dict[tuple[str, str, str, float], float]:
    """Means over images, by method's key, method (whatever its scale), column and scale."""
    values: dict[tuple[str, str, str, float], list[float]] = {}
    for result in results:
        name = re.sub(rf"_x{result.scale}(?!\d)", "", result.method)
        place = (result.key, name, str(_column(table, result)), result.scale)
        values.setdefault(place, []).append(result.measures[table.measure])
    return {place: table.times * sum(numbers) / len(numbers) for place, numbers in values.items()}


def _belongs(table: PublishedTable, result: Result) -> bool:
    same = result.protocol == table.protocol and result.scale in table.scales
    return same and _column(table, result) is not None


def _images(table: PublishedTable, results: Sequence[Result], column: str) -> str:
    """How many images a column's means are over, and of which split."""
    mine = [result for result in results if _column(table, result) == column]
    found = len({(result.dataset, result.split, result.image) for result in mine})
    splits = ", ".join(sorted({result.split for result in mine}))
    count = table.images.get(column, Images()).count
    return f"{table.columns[column]}: {found}{f' of {count}' if count else ''} images, split {splits}"


def _rows(table: PublishedTable, ours: Iterable[tuple[str, str, str, float]]) -> list[tuple[str, str]]:
    """Ours by key and method, each paper's row where we have one of its key, the paper's other rows behind."""
    mine = list(dict.fromkeys((key, method) for key, method, _, _ in ours))
    return mine + [(key, key) for key in table.rows if key not in {key for key, _ in mine}]


def _title(table: PublishedTable, key: str, method: str) -> str:
    if key not in table.rows:
        return method
    name = str(table.rows[key]["name"])
    return name if method == key else f"{name} ({method})"


def _column(table: PublishedTable, result: Result) -> str | None:
    column = _column_of_images(table, result)
    unit = table.unit.get(column or "", "") if isinstance(table.unit, Mapping) else table.unit
    units = (unit,) if isinstance(unit, str) else unit
    return column if result.unit in units or "" in units else None


def _column_of_images(table: PublishedTable, result: Result) -> str | None:
    if table.by == "set":
        return next((column for column in table.columns if _is_of(table, column, result)), None)
    scene = result.scene.lower()
    # a set of disparity in pixels, whatever the size of its images, is another one than the papers'
    of_set = table.scenes_of in result.dataset and not result.dataset.endswith("-pixel")
    return scene if scene in table.columns and of_set else None


def _is_of(table: PublishedTable, column: str, result: Result) -> bool:
    images = table.images.get(column, Images())
    return result.dataset in (images.sets or (column,)) and images.split in ("", result.split)


def _cell(ours: float | None, paper: float | None, digits: int) -> str:
    if ours is None:
        return "" if paper is None else f"({paper:g})"
    return f"{ours:.{digits}f}" + ("" if paper is None else f" ({paper:g})")
