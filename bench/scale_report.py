"""Tables of what `bench.scale` measured, and what a fleet needs by them: arithmetic, nothing is measured here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Any]

NOT_MEASURED = "not measured"
_TYPICAL = (640, 480)


@dataclass(frozen=True)
class Fleet:
    """What comes in, and when it has to be done.

    Attributes:
        robots: that record.
        hours: of recording per robot and day.
        rate_hz: pairs per second.
        night_hours: in which a day is extracted.
        cores: of one machine.
        pixels: of an image.
        steps: of a fine-tuning.
    """

    robots: int = 100
    hours: float = 1.0
    rate_hz: float = 30.0
    night_hours: float = 8.0
    cores: int = 16
    pixels: int = _TYPICAL[0] * _TYPICAL[1]
    steps: int = 3000

    @property
    def frames(self) -> float:
        """Pairs per day."""
        return self.robots * self.hours * 3600 * self.rate_hz

    @property
    def robot_hours(self) -> float:
        """Hours of recording per day."""
        return self.robots * self.hours


def report(results: Results, fleet: Fleet | None = None) -> str:
    """All tables under headings."""
    fleet = fleet or Fleet()
    measured = [f"Machine: {results.get('machine', NOT_MEASURED)}", extraction_table(results), training_table(results)]
    return "\n\n".join([*measured, fleet_table(results, fleet), engines_table(results, fleet)]) + "\n"


def extraction_table(results: Results) -> str:
    """One row per bag."""
    rows = ["| bag | colour, depth | pairs | MB per pair in the bag | pairs/s per core | kept | kB per kept frame |"]
    rows.append("|---|---|---|---|---|---|---|")
    for name, row in results.get("extraction", {}).items():
        sizes = ", ".join(f"{width}×{height}" for width, height in row["sizes"].values())
        kept = row["kept"]
        rows.append(
            f"| {name} | {sizes} | {row['pairs']} | {row['bag_bytes'] / row['pairs'] / 1e6:.3f} | "
            f"{row['pairs'] / row['cpu_s']:.1f} | {kept / row['pairs']:.0%} | {row['shard_bytes'] / kept / 1e3:.0f} |"
        )
    return _or_not_measured(rows)


def training_table(results: Results) -> str:
    """One row per device, and one for the preparation of crops, which bounds them all."""
    rows = ["| what | on | steps/s | million pixels/s | processor seconds per step |", "|---|---|---|---|---|"]
    for name, row in results.get("training", {}).items():
        what = "crops prepared and thrown away" if name == "crops" else f"{row['recipe']}, trained"
        count = row.get("steps") or row["batches"]
        rate = count / seconds(row)
        # of a GPU's run the crops are prepared by other processes, whose time is not known
        spent = "" if row.get("crop_processes") else f"{row['cpu_s'] / count:.3f}"
        rows.append(
            f"| {what} | {row.get('device', 'one core')} | {rate:.2f} | {rate * pixels_per_step(row) / 1e6:.2f} | "
            f"{spent} |"
        )
    return _or_not_measured(rows)


def seconds(row: Mapping[str, Any]) -> float:
    """What counts: of the one core, the processor's, whatever else the machine did; of a GPU, the wall clock's."""
    return float(row["wall_s"] if row.get("crop_processes") else row["cpu_s"])


def pixels_per_step(row: Mapping[str, Any]) -> float:
    """Ground truth pixels that a step sees."""
    height, width = row["crop"]
    return float(row["batch"] * height * width)


def fleet_table(results: Results, fleet: Fleet) -> str:
    """What a day of the fleet is, and what it costs."""
    raw, compressed = typical(results, "raw"), typical(results, "compressed")
    rows = [
        f"| {fleet.robots} robots × {fleet.hours:g} h a day, {fleet.rate_hz:g} Hz, 640×480 | a day |",
        "|---|---|",
        f"| pairs | {fleet.frames / 1e6:.1f} million |",
        f"| raw topics (rgb8 and 16UC1: 5 bytes a pixel) | {fleet.frames * fleet.pixels * 5 / 1e12:.1f} TB |",
        f"| compressed topics | {_of(compressed, lambda row: _amount(fleet.frames * _per_pair(row)))} |",
        f"| extraction of raw bags | {_of(raw, lambda row: _core_hours(row, fleet))} |",
        f"| extraction of compressed bags | {_of(compressed, lambda row: _core_hours(row, fleet))} |",
        f"| frames kept | {_of(compressed, lambda row: f'{kept(row, fleet) / 1e6:.2f} million')} |",
        f"| shards | {_of(compressed, lambda row: _amount(kept(row, fleet) * row['shard_bytes'] / row['kept']))} |",
    ]
    for name, what in (("cpu", "one core"), ("cuda", "one GPU")):
        row = results.get("training", {}).get(name)
        rows.append(f"| each kept pixel trained on once, {what} | {_of(row, lambda row: _pass(results, row, fleet))} |")
        took = _of(row, lambda row: _hours(fleet.steps * seconds(row) / row["steps"]))
        rows.append(f"| {fleet.steps} steps of fine-tuning, {what} | {took} |")
    return "\n".join(rows)


def engines_table(results: Results, fleet: Fleet) -> str:
    """Up to how much each way of working is enough."""
    row = typical(results, "compressed")
    night = f"in a night of {fleet.night_hours:g} h"

    def robot_hours(cores: int) -> str:
        return _of(row, lambda row: f"{fleet.night_hours * cores / core_hours(row, fleet) * fleet.robot_hours:.0f}")

    needed = _of(row, lambda row: f"{core_hours(row, fleet) / fleet.night_hours:.0f} cores")
    return "\n".join(
        [
            f"| extraction | robot-hours {night} |",
            "|---|---|",
            f"| one process | {robot_hours(1)} |",
            f"| `--ray local`, {fleet.cores} cores | {robot_hours(fleet.cores)} |",
            f"| `--ray ADDRESS` | the fleet's {fleet.robot_hours:g} need {needed} |",
        ]
    )


def typical(results: Results, kind: str) -> Mapping[str, Any] | None:
    """The extraction that stands for the fleet: of 640×480 and of that kind, the longest."""
    rows = [
        row
        for name, row in results.get("extraction", {}).items()
        if name.endswith(f"/{kind}") and tuple(row["sizes"]["colour"]) == _TYPICAL
    ]
    return max(rows, key=lambda row: row["pairs"]) if rows else None


def core_hours(row: Mapping[str, Any], fleet: Fleet) -> float:
    """To extract a day of the fleet."""
    return float(fleet.frames * row["cpu_s"] / row["pairs"] / 3600)


def _core_hours(row: Mapping[str, Any], fleet: Fleet) -> str:
    return f"{core_hours(row, fleet):.0f} core-hours"


def kept(row: Mapping[str, Any], fleet: Fleet) -> float:
    """Frames of a day that are neither blurred nor nearly alike, if the fleet moves as the recording did."""
    return float(fleet.frames * row["kept"] / row["pairs"])


def _per_pair(row: Mapping[str, Any]) -> float:
    return float(row["bag_bytes"] / row["pairs"])


def _pass(results: Results, row: Mapping[str, Any], fleet: Fleet) -> str:
    bag = typical(results, "compressed")
    if bag is None:
        return NOT_MEASURED
    per_second = pixels_per_step(row) * row["steps"] / seconds(row)
    return _hours(kept(bag, fleet) * fleet.pixels / per_second)


def _of(row: Mapping[str, Any] | None, value: Any) -> str:
    return NOT_MEASURED if row is None else str(value(row))


def _amount(amount: float) -> str:
    return f"{amount / 1e12:.2f} TB" if amount >= 1e12 else f"{amount / 1e9:.0f} GB"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 10 * 3600 else f"{seconds / 60:.0f} min"


def _or_not_measured(rows: list[str]) -> str:
    return "\n".join(rows) if len(rows) > 2 else NOT_MEASURED.capitalize() + "."
