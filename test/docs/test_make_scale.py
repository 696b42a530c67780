"""docs/scale.md: what is measured is in its tables, what is not says so, and the fleet follows by proportion."""

from __future__ import annotations

import json
import re

import pytest

from bench.scale_report import Fleet, core_hours, engines_table, fleet_table, kept
from docs.make_scale import MEASURED, PAGE, filled

BAG = {
    "wall_s": 11.0, "cpu_s": 10.0, "pairs": 200, "kept": 80, "bag_bytes": 60_000_000, "shard_bytes": 24_000_000,
    "sizes": {"colour": [640, 480], "depth": [640, 480]},
}  # fmt: skip
STEP = {"wall_s": 50.0, "cpu_s": 30.0, "recipe": "fdkn x8", "batch": 4, "crop": [192, 192], "steps": 60}
RESULTS = {
    "machine": "a machine",
    "extraction": {"kitchen/raw": BAG, "kitchen/compressed": BAG | {"cpu_s": 20.0}},
    "training": {
        "crops": STEP | {"batches": 60, "steps": 0},
        "cpu": STEP | {"device": "one core"},
        "cuda": STEP | {"device": "a GPU", "crop_processes": 8, "wall_s": 3.0},
    },
}


def test_the_page_is_what_the_measurements_say():
    page = PAGE.read_text()
    results = json.loads(MEASURED.read_text()) if MEASURED.is_file() else {}
    assert filled(page, results) == page, "run `python -m docs.make_scale`"


def test_what_is_not_measured_says_so():
    page = filled(PAGE.read_text(), {})
    assert "Not measured." in page
    assert "extraction of raw bags | not measured" in page


def test_a_fleet_follows_by_proportion():
    fleet = Fleet(robots=10, hours=2, rate_hz=5)
    assert fleet.frames == 360_000
    assert core_hours(BAG, fleet) == pytest.approx(5)  # 20 pairs a second
    assert kept(BAG, fleet) == pytest.approx(144_000)
    table = fleet_table(RESULTS, fleet)
    assert re.search(r"extraction of raw bags \| 5 core-hours", table)
    assert re.search(r"extraction of compressed bags \| 10 core-hours", table)
    assert re.search(r"raw topics .* \| 0.6 TB", table)
    assert re.search(r"shards \| 43 GB", table)


def test_a_night_on_one_core_is_as_many_robot_hours_as_it_extracts():
    fleet = Fleet(robots=10, hours=2, rate_hz=5, night_hours=4, cores=2)  # 20 robot-hours take 10 core-hours
    table = engines_table(RESULTS, fleet)
    assert "| one process | 8 |" in table and "| `--ray local`, 2 cores | 16 |" in table
    assert "the fleet's 20 need 2 cores" in table


def test_measurements_are_in_the_tables():
    page = filled(PAGE.read_text(), RESULTS)
    assert "| kitchen/raw | 640×480, 640×480 | 200 | 0.300 | 20.0 | 40% | 300 |" in page
    assert "| fdkn x8, trained | one core | 2.00 | 0.29 | 0.500 |" in page
    assert "| fdkn x8, trained | a GPU | 20.00 | 2.95 |  |" in page
